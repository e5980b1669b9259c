/// Tests on eight bytes of JSON at once.
enum JSONBytes {
    static let quote = UInt8(ascii: "\"")
    static let backslash = UInt8(ascii: "\\")

    /// The high bit of every byte that cannot stand in a string as it is: `"`, `\`, below 0x20, or not ASCII.
    @inline(__always)
    static func special(_ word: UInt64) -> UInt64 {
        let low: UInt64 = 0x7f7f_7f7f_7f7f_7f7f
        let noQuote = ((word ^ 0x2222_2222_2222_2222) & low) &+ low
        let noBackslash = ((word ^ 0x5c5c_5c5c_5c5c_5c5c) & low) &+ low
        let noControl = (word & low) &+ 0x6060_6060_6060_6060
        return (word | ~(noQuote & noBackslash & noControl)) & 0x8080_8080_8080_8080
    }

    @inline(__always)
    static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 }

    @inline(__always)
    static func skipSpace(_ start: UnsafeRawPointer, _ end: UnsafeRawPointer) -> UnsafeRawPointer {
        var at = start
        while at < end, isSpace(at.load(as: UInt8.self)) { at += 1 }
        return at
    }

    /// The closing quote of a string that is plain ASCII without escapes; nil for any other.
    @inline(__always)
    static func plainEnd(_ start: UnsafeRawPointer, _ end: UnsafeRawPointer) -> UnsafeRawPointer? {
        var at = start
        while end - at >= 8 {
            let found = special(UInt64(littleEndian: at.loadUnaligned(as: UInt64.self)))
            if found != 0 {
                at += found.trailingZeroBitCount / 8
                return at.load(as: UInt8.self) == quote ? at : nil
            }
            at += 8
        }
        while at < end {
            let byte = at.load(as: UInt8.self)
            if byte == quote { return at }
            if byte < 0x20 || byte >= 0x80 || byte == backslash { return nil }
            at += 1
        }
        return nil
    }
}

/// The fast way into a record: it takes flat objects of plain strings and short integers and leaves everything else, right or wrong, to
/// `MemberTable.read`, which reaches the same tokens on whatever both accept.
extension MemberTable {
    /// Fills the tokens from one JSON object; false if the object is not one of the simple kind. Reads nothing outside the document.
    mutating func scan(_ document: ByteSlice) -> Bool {
        forgetValues()
        let end = document.start + document.count
        var at = JSONBytes.skipSpace(document.start, end)
        guard at < end, at.load(as: UInt8.self) == UInt8(ascii: "{") else { return false }
        at = JSONBytes.skipSpace(at + 1, end)
        if at < end, at.load(as: UInt8.self) == UInt8(ascii: "}") { return JSONBytes.skipSpace(at + 1, end) == end }
        var position = 0
        while true {
            guard at < end, at.load(as: UInt8.self) == JSONBytes.quote, let name = scanName(at + 1, end, position) else { return false }
            at = JSONBytes.skipSpace(name.after, end)
            guard at < end, at.load(as: UInt8.self) == UInt8(ascii: ":") else { return false }
            at = JSONBytes.skipSpace(at + 1, end)
            guard at < end, let after = scanValue(at, end, member: name.member) else { return false }
            at = JSONBytes.skipSpace(after, end)
            guard at < end else { return false }
            let byte = at.load(as: UInt8.self)
            at = JSONBytes.skipSpace(at + 1, end)
            if byte == UInt8(ascii: "}") { return at == end }
            guard byte == UInt8(ascii: ",") else { return false }
            position += 1
        }
    }

    /// The member whose name starts here, and what follows the closing quote. A remembered name holds no special byte: equality is proof enough.
    @inline(__always)
    private func scanName(_ start: UnsafeRawPointer, _ end: UnsafeRawPointer, _ position: Int) -> (member: Int, after: UnsafeRawPointer)? {
        if position < Self.positions {
            let guess = guesses[position]
            let count = guess.signature.count
            if count >= 0, count < end - start, start.load(fromByteOffset: count, as: UInt8.self) == JSONBytes.quote,
                NameSignature(start, count: count) == guess.signature,
                count <= NameSignature.wholeCount || names[guess.member].isEqual(to: ByteSlice(start: start, count: count))
            {
                return (guess.member, start + count + 1)
            }
        }
        return learnName(start, end, position)
    }

    @inline(never)
    private func learnName(_ start: UnsafeRawPointer, _ end: UnsafeRawPointer, _ position: Int) -> (member: Int, after: UnsafeRawPointer)? {
        guard let close = JSONBytes.plainEnd(start, end) else { return nil }
        let name = ByteSlice(start: start, count: close - start)
        let member = index(of: name)
        if position < Self.positions, name.count <= NameSignature.wholeCount || member != Self.unknown {
            guesses[position] = Guess(signature: NameSignature(start, count: name.count), member: member)
        }
        return (member, close + 1)
    }

    /// What follows the value that starts here.
    @inline(__always)
    private func scanValue(_ start: UnsafeRawPointer, _ end: UnsafeRawPointer, member: Int) -> UnsafeRawPointer? {
        if start.load(as: UInt8.self) == JSONBytes.quote {
            guard let close = JSONBytes.plainEnd(start + 1, end) else { return nil }
            if member != Self.unknown, !store(.string, start + 1, count: close - start - 1, member: member) { return nil }
            return close + 1
        }
        guard let after = Self.integerEnd(start, end) else { return nil }
        if member != Self.unknown, !store(.number, start, count: after - start, member: member) { return nil }
        return after
    }

    /// What follows an integer of at most 18 digits without a leading zero; a fraction or an exponent behind it fails the caller's next test.
    @inline(__always)
    private static func integerEnd(_ start: UnsafeRawPointer, _ end: UnsafeRawPointer) -> UnsafeRawPointer? {
        var at = start
        if at.load(as: UInt8.self) == UInt8(ascii: "-") { at += 1 }
        let digits = at
        while at < end, at.load(as: UInt8.self) &- 48 < 10 { at += 1 }
        let count = at - digits
        guard count > 0, count <= 18, count == 1 || digits.load(as: UInt8.self) != UInt8(ascii: "0") else { return nil }
        return at
    }
}

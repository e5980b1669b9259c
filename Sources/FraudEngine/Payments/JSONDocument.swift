/// Where and why a text is no JSON object of a payment.
struct JSONFault: Error {
    enum Cause: UInt8, CaseIterable {
        case tooShort, byteOrderMark, noObject, noValue, noName, noColon, noCommaOrBrace, noCommaOrBracket, badNumber, controlCharacter, badEscape
        case loneSurrogate, badUTF8, tooDeep, trailing, repeated

        /// For people.
        var text: StaticString {
            switch self {
            case .tooShort: "the text ends too early"
            case .byteOrderMark: "a byte order mark may not stand before JSON"
            case .noObject: "a payment is a JSON object"
            case .noValue: "expected a value"
            case .noName: "expected a member's name"
            case .noColon: "expected ':'"
            case .noCommaOrBrace: "expected ',' or '}'"
            case .noCommaOrBracket: "expected ',' or ']'"
            case .badNumber: "this is no JSON number"
            case .controlCharacter: "a control character in a string must be escaped"
            case .badEscape: "JSON does not have this escape"
            case .loneSurrogate: "half of a surrogate pair stands alone"
            case .badUTF8: "this is not UTF-8"
            case .tooDeep: "more than 64 objects and arrays are open"
            case .trailing: "something follows the object"
            case .repeated: "this member stands here a second time"
            }
        }
    }

    /// Bytes before the fault.
    var offset: Int
    var cause: Cause
}

/// Walks a JSON text of RFC 8259 and checks all of it.
struct JSONCursor {
    static let maximumDepth = 64

    let start: UnsafeRawPointer
    let end: UnsafeRawPointer
    var at: UnsafeRawPointer

    init(_ document: ByteSlice) {
        start = document.start
        end = document.start + document.count
        at = start
    }

    var byte: UInt8 { at.load(as: UInt8.self) }

    func fault(_ cause: JSONFault.Cause) -> JSONFault { JSONFault(offset: at - start, cause: cause) }

    @inline(__always)
    mutating func skipSpace() { at = JSONBytes.skipSpace(at, end) }

    /// The next byte that is no white space.
    @inline(__always)
    mutating func next() throws(JSONFault) -> UInt8 {
        skipSpace()
        guard at < end else { throw fault(.tooShort) }
        return byte
    }

    /// Walks over a string that starts here; true if it holds escapes.
    mutating func string() throws(JSONFault) -> Bool {
        at += 1
        var escapes = false
        while true {
            while end - at >= 8 {
                let found = JSONBytes.special(UInt64(littleEndian: at.loadUnaligned(as: UInt64.self)))
                at += found == 0 ? 8 : found.trailingZeroBitCount / 8
                if found != 0 { break }
            }
            guard at < end else { throw fault(.tooShort) }
            let byte = byte
            if byte == JSONBytes.quote {
                at += 1
                return escapes
            }
            if byte == JSONBytes.backslash {
                escapes = true
                try escape()
            } else if byte >= 0x80 {
                try multibyte(byte)
            } else if byte < 0x20 {
                throw fault(.controlCharacter)
            } else {
                at += 1
            }
        }
    }

    private mutating func escape() throws(JSONFault) {
        guard end - at >= 2 else { throw fault(.tooShort) }
        switch at.load(fromByteOffset: 1, as: UInt8.self) {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"), UInt8(ascii: "n"), UInt8(ascii: "r"),
            UInt8(ascii: "t"):
            at += 2
        case UInt8(ascii: "u"):
            let unit = try codeUnit()
            if unit & 0xf800 == 0xd800 {
                guard unit < 0xdc00, end - at >= 12, (at + 6).load(as: UInt8.self) == JSONBytes.backslash, (at + 7).load(as: UInt8.self) == UInt8(ascii: "u")
                else { throw fault(.loneSurrogate) }
                at += 6
                guard try codeUnit() & 0xfc00 == 0xdc00 else { throw fault(.loneSurrogate) }
            }
            at += 6
        default: throw fault(.badEscape)
        }
    }

    /// The UTF-16 unit of the `\uXXXX` that starts here.
    private func codeUnit() throws(JSONFault) -> UInt32 {
        guard end - at >= 6 else { throw fault(.tooShort) }
        guard let unit = JSONEscapes.codeUnit(at + 2) else { throw fault(.badEscape) }
        return unit
    }

    /// Walks over one character of two to four bytes, as table 3-7 of the Unicode standard has them.
    private mutating func multibyte(_ lead: UInt8) throws(JSONFault) {
        let length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4
        guard lead >= 0xc2, lead <= 0xf4, end - at >= length else { throw fault(.badUTF8) }
        let second = at.load(fromByteOffset: 1, as: UInt8.self)
        let lowest: UInt8 = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80
        let highest: UInt8 = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf
        guard second >= lowest, second <= highest else { throw fault(.badUTF8) }
        for offset in 2..<max(2, length) where at.load(fromByteOffset: offset, as: UInt8.self) & 0xc0 != 0x80 { throw fault(.badUTF8) }
        at += length
    }

    mutating func number() throws(JSONFault) {
        if byte == UInt8(ascii: "-") { at += 1 }
        let zero = at < end && byte == UInt8(ascii: "0")
        let whole = digits()
        guard whole > 0, whole == 1 || !zero else { throw fault(.badNumber) }
        if at < end, byte == UInt8(ascii: ".") {
            at += 1
            guard digits() > 0 else { throw fault(.badNumber) }
        }
        if at < end, byte | 0x20 == UInt8(ascii: "e") {
            at += 1
            if at < end, byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-") { at += 1 }
            guard digits() > 0 else { throw fault(.badNumber) }
        }
    }

    /// Walks over digits and counts them.
    private mutating func digits() -> Int {
        let first = at
        while at < end, byte &- 48 < 10 { at += 1 }
        return at - first
    }

    private mutating func literal(_ text: StaticString) throws(JSONFault) {
        guard end - at >= text.utf8CodeUnitCount, ByteSlice(start: at, count: text.utf8CodeUnitCount).isEqual(to: ByteSlice(text)) else {
            throw fault(.noValue)
        }
        at += text.utf8CodeUnitCount
    }

    /// Walks over a string, number or literal that starts here; `escapes` says whether it is a string with some.
    mutating func scalar() throws(JSONFault) -> (kind: JSONKind, escapes: Bool) {
        switch byte {
        case JSONBytes.quote: return (.string, try string())
        case UInt8(ascii: "t"):
            try literal("true")
            return (.yes, false)
        case UInt8(ascii: "f"):
            try literal("false")
            return (.no, false)
        case UInt8(ascii: "n"):
            try literal("null")
            return (.null, false)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            try number()
            return (.number, false)
        default: throw fault(.noValue)
        }
    }

    /// Walks over a member's name and its colon; the name's characters, still escaped where `escapes` is true.
    mutating func name() throws(JSONFault) -> (text: ByteSlice, escapes: Bool) {
        guard try next() == JSONBytes.quote else { throw fault(.noName) }
        let first = at + 1
        let escapes = try string()
        let text = ByteSlice(start: first, count: at - first - 1)
        guard try next() == UInt8(ascii: ":") else { throw fault(.noColon) }
        at += 1
        return (text, escapes)
    }

    /// Walks over the object or array that starts here and stands in `outer` others; bit 0 of `objects` is the innermost one's kind.
    mutating func container(inside outer: Int) throws(JSONFault) {
        var open = outer
        var objects: UInt64 = 0
        repeat {
            let first = try next()
            if first == UInt8(ascii: "{") || first == UInt8(ascii: "[") {
                guard open < Self.maximumDepth else { throw fault(.tooDeep) }
                let isObject = first == UInt8(ascii: "{")
                open += 1
                objects = objects << 1 | (isObject ? 1 : 0)
                at += 1
                let second = try next()
                guard second == UInt8(ascii: "}") && isObject || second == UInt8(ascii: "]") && !isObject else {
                    if isObject { _ = try name() }
                    continue
                }
            } else {
                _ = try scalar()
            }
            try close(&open, &objects, outer: outer)
        } while open > outer
    }

    /// After a value: closes what closes here, and stops before the next value or when only `outer` are open.
    private mutating func close(_ open: inout Int, _ objects: inout UInt64, outer: Int) throws(JSONFault) {
        while open > outer {
            let byte = try next()
            let isObject = objects & 1 == 1
            if byte == UInt8(ascii: ",") {
                at += 1
                if isObject { _ = try name() }
                return
            }
            guard byte == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) else { throw fault(isObject ? .noCommaOrBrace : .noCommaOrBracket) }
            at += 1
            open -= 1
            objects >>= 1
        }
    }
}

extension ByteSlice {
    /// The literal's bytes, which live as long as the process.
    init(_ text: StaticString) { self.init(start: text.utf8Start, count: text.utf8CodeUnitCount) }
}

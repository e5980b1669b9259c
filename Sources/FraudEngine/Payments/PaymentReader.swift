/// The thorough way into a record: any JSON object of RFC 8259 in UTF-8.
extension MemberTable {
    /// Fills the tokens from one JSON object and checks all of it; strings with escapes go into `scratch`. Reads nothing outside the document.
    mutating func read(_ document: ByteSlice, scratch: inout PaymentScratch) throws(JSONFault) {
        forgetValues()
        var cursor = JSONCursor(document)
        if document.count >= 3, document.buffer[0] == 0xef, document.buffer[1] == 0xbb, document.buffer[2] == 0xbf { throw cursor.fault(.byteOrderMark) }
        guard try cursor.next() == UInt8(ascii: "{") else { throw cursor.fault(.noObject) }
        cursor.at += 1
        if try cursor.next() == UInt8(ascii: "}") {
            cursor.at += 1
        } else {
            while true {
                try readMember(&cursor, scratch: &scratch)
                let byte = try cursor.next()
                guard byte == UInt8(ascii: ",") || byte == UInt8(ascii: "}") else { throw cursor.fault(.noCommaOrBrace) }
                cursor.at += 1
                if byte == UInt8(ascii: "}") { break }
            }
        }
        cursor.skipSpace()
        guard cursor.at == cursor.end else { throw cursor.fault(.trailing) }
    }

    private func readMember(_ cursor: inout JSONCursor, scratch: inout PaymentScratch) throws(JSONFault) {
        let name = try cursor.name()
        let member = index(of: name.escapes ? Self.unescaped(name.text, &scratch) : name.text)
        if member != Self.unknown, tokens[member].kind != .absent {
            throw JSONFault(offset: name.text.start - cursor.start - 1, cause: .repeated)
        }
        let first = try cursor.next()
        let start = cursor.at
        if first == UInt8(ascii: "{") || first == UInt8(ascii: "[") {
            try cursor.container(inside: 1)
            if member != Self.unknown {
                tokens[member] = MemberToken(start: start, count: cursor.at - start, kind: first == UInt8(ascii: "{") ? .object : .array)
            }
            return
        }
        let value = try cursor.scalar()
        guard member != Self.unknown else { return }
        var text = ByteSlice(start: start, count: cursor.at - start)
        if value.kind == .string {
            text = ByteSlice(start: start + 1, count: text.count - 2)
            if value.escapes { text = Self.unescaped(text, &scratch) }
        }
        tokens[member] = MemberToken(start: text.start, count: text.count, kind: value.kind)
    }

    /// A checked string's characters, in the scratch.
    static func unescaped(_ source: ByteSlice, _ scratch: inout PaymentScratch) -> ByteSlice {
        let target = scratch.allocate(source.count)
        let count = JSONEscapes.write(source, to: target)
        scratch.giveBack(source.count - count)
        return ByteSlice(start: UnsafeRawPointer(target), count: count)
    }
}

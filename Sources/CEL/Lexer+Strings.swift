extension Lexer {
    /// How a string or bytes literal begins.
    struct StringOpening {
        var isBytes: Bool
        var isRaw: Bool
        var quote: UInt8
        /// 1 or 3.
        var quotes: Int
        /// Bytes of prefix and quotes.
        var length: Int
    }

    /// The opening at the current offset; nil if no literal begins there.
    func stringOpening() -> StringOpening? {
        var length = 0
        let isBytes = byte(at: offset).map { $0 | 0x20 } == UInt8(ascii: "b")
        if isBytes { length += 1 }
        let isRaw = byte(at: offset + length).map { $0 | 0x20 } == UInt8(ascii: "r")
        if isRaw { length += 1 }
        guard let quote = byte(at: offset + length), quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") else { return nil }
        let isTriple = byte(at: offset + length + 1) == quote && byte(at: offset + length + 2) == quote
        let quotes = isTriple ? 3 : 1
        return StringOpening(isBytes: isBytes, isRaw: isRaw, quote: quote, quotes: quotes, length: length + quotes)
    }

    mutating func string(_ opening: StringOpening) throws(Diagnostic) -> Token {
        let start = offset
        offset += opening.length
        var value: [UInt8] = []
        while !closes(opening) {
            guard let byte = byte(at: offset), opening.quotes == 3 || (byte != 0x0A && byte != 0x0D) else {
                throw unterminated(opening, start: start)
            }
            if byte == UInt8(ascii: "\\") {
                if opening.isRaw {
                    value.append(byte)
                    offset += 1
                    if let next = self.byte(at: offset), next == opening.quote || next == UInt8(ascii: "\\") {
                        value.append(next)
                        offset += 1
                    }
                } else {
                    try escape(into: &value, opening, start: start)
                }
            } else {
                value.append(byte)
                offset += 1
            }
        }
        offset += opening.quotes
        return Token(kind: opening.isBytes ? .bytes(value) : .string(String(decoding: value, as: UTF8.self)), range: start..<offset)
    }

    private func closes(_ opening: StringOpening) -> Bool {
        (0..<opening.quotes).allSatisfy { byte(at: offset + $0) == opening.quote }
    }

    private func unterminated(_ opening: StringOpening, start: Int) -> Diagnostic {
        let quotes = String(repeating: opening.quote == UInt8(ascii: "'") ? "'" : "\"", count: opening.quotes)
        return Diagnostic(code: "E142", range: start..<min(offset, bytes.count), message: "the string has no end", hints: ["close it with \(quotes)"])
    }

    /// One escape sequence; a bad one is noted and left out.
    private mutating func escape(into value: inout [UInt8], _ opening: StringOpening, start: Int) throws(Diagnostic) {
        let begin = offset
        guard let letter = byte(at: offset + 1) else {
            offset = bytes.count
            throw unterminated(opening, start: start)
        }
        offset += 2
        if let plain = Self.plainEscapes[letter] {
            value.append(plain)
            return
        }
        let code: UInt32? =
            switch letter {
            case UInt8(ascii: "x"), UInt8(ascii: "X"): hexDigits(2)
            case UInt8(ascii: "u"): opening.isBytes ? nil : hexDigits(4)
            case UInt8(ascii: "U"): opening.isBytes ? nil : hexDigits(8)
            case 0x30...0x33: octal(first: letter)
            default: nil
            }
        if let code, opening.isBytes, code <= 0xFF {
            value.append(UInt8(code))
        } else if let code, !opening.isBytes, let scalar = Unicode.Scalar(code) {
            value.append(contentsOf: Array(String(Character(scalar)).utf8))
        } else {
            noteBadEscape(from: begin, letter: letter)
        }
    }

    private mutating func noteBadEscape(from begin: Int, letter: UInt8) {
        while offset < bytes.count, bytes[offset] & 0xC0 == 0x80 { offset += 1 }
        let hint =
            switch letter {
            case UInt8(ascii: "u"), UInt8(ascii: "U"): "write \\u and four hexadecimal digits of a character, or \\U and eight"
            case UInt8(ascii: "x"), UInt8(ascii: "X"): "write \\x and two hexadecimal digits"
            case UInt8(ascii: "d"), UInt8(ascii: "w"), UInt8(ascii: "s"), UInt8(ascii: "."): "write \\\\ for a backslash, or a raw string: r\"...\""
            default: "write \\\\ for a backslash"
            }
        diagnostics.append(Diagnostic(code: "E143", range: begin..<offset, message: "'\(text(begin..<offset))' is not an escape sequence", hints: [hint]))
    }

    private static let plainEscapes: [UInt8: UInt8] = [
        UInt8(ascii: "\\"): 0x5C, UInt8(ascii: "?"): 0x3F, UInt8(ascii: "\""): 0x22, UInt8(ascii: "'"): 0x27, UInt8(ascii: "`"): 0x60,
        UInt8(ascii: "a"): 0x07, UInt8(ascii: "b"): 0x08, UInt8(ascii: "f"): 0x0C, UInt8(ascii: "n"): 0x0A, UInt8(ascii: "r"): 0x0D,
        UInt8(ascii: "t"): 0x09, UInt8(ascii: "v"): 0x0B,
    ]

    /// Reads up to `count` digits; nil if there are fewer.
    private mutating func hexDigits(_ count: Int) -> UInt32? {
        var value: UInt32 = 0
        for _ in 0..<count {
            guard let digit = Self.hexValue(byte(at: offset)) else { return nil }
            value = value << 4 | digit
            offset += 1
        }
        return value
    }

    private mutating func octal(first: UInt8) -> UInt32? {
        var value = UInt32(first - 0x30)
        for _ in 0..<2 {
            guard let byte = byte(at: offset), (0x30...0x37).contains(byte) else { return nil }
            value = value << 3 | UInt32(byte - 0x30)
            offset += 1
        }
        return value
    }
}

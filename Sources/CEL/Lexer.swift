/// Cuts a source text into tokens. Any text ends in tokens or a diagnostic.
struct Lexer {
    let bytes: [UInt8]
    var offset = 0
    /// Errors that the lexer could go on after.
    var diagnostics: [Diagnostic] = []

    init(_ source: String) {
        bytes = Array(source.utf8)
    }

    /// The next token; `.end` for ever at the end. Throws what it can't go on after.
    mutating func next() throws(Diagnostic) -> Token {
        skipBlanks()
        guard let byte = byte(at: offset) else { return Token(kind: .end, range: bytes.count..<bytes.count) }
        if Self.isDigit(byte) || (byte == UInt8(ascii: ".") && Self.isDigit(self.byte(at: offset + 1))) { return try number() }
        if let opening = stringOpening() { return try string(opening) }
        if Self.isNameStart(byte) { return name() }
        if byte == UInt8(ascii: "`") { return try quotedName() }
        if let token = foreignOperator() ?? symbol() { return token }
        throw unexpectedCharacter()
    }

    func byte(at offset: Int) -> UInt8? {
        offset < bytes.count ? bytes[offset] : nil
    }

    func text(_ range: Range<Int>) -> String {
        String(decoding: bytes[range], as: UTF8.self)
    }

    /// The text from `start` on, on one line and short, to show in a message.
    func excerpt(from start: Int) -> String {
        Excerpt.of(bytes[start...], limit: 24)
    }

    func starts(with text: String) -> Bool {
        bytes[offset...].starts(with: text.utf8)
    }

    /// Blanks and `//` comments.
    private mutating func skipBlanks() {
        while let byte = byte(at: offset) {
            switch byte {
            case 0x20, 0x09, 0x0A, 0x0C, 0x0D: offset += 1
            case UInt8(ascii: "/") where self.byte(at: offset + 1) == UInt8(ascii: "/"):
                while let next = self.byte(at: offset), next != 0x0A { offset += 1 }
            default: return
            }
        }
    }

    private mutating func name() -> Token {
        let start = offset
        while Self.isNamePart(byte(at: offset)) { offset += 1 }
        return Token(kind: .identifier(text(start..<offset)), range: start..<offset)
    }

    private mutating func quotedName() throws(Diagnostic) -> Token {
        let start = offset
        offset += 1
        while let byte = byte(at: offset), Self.isNamePart(byte) || [0x20, 0x2D, 0x2E, 0x2F].contains(byte) { offset += 1 }
        guard byte(at: offset) == UInt8(ascii: "`"), offset > start + 1 else {
            throw Diagnostic(code: "E142", range: start..<offset, message: "the name in back quotes has no end", hints: ["close it with `"])
        }
        offset += 1
        return Token(kind: .quotedIdentifier(text(start + 1..<offset - 1)), range: start..<offset)
    }

    private mutating func symbol() -> Token? {
        // In the enum's order two-byte symbols stand before their one-byte beginnings.
        for symbol in Token.Symbol.allCases where starts(with: symbol.rawValue) {
            return take(symbol.rawValue.utf8.count, as: .symbol(symbol))
        }
        return nil
    }

    /// Operators that people bring along; the longest first.
    private static let foreignOperators: [(text: String, meant: Token.Symbol?)] = [
        ("===", .equal), ("!==", .notEqual), ("<>", .notEqual), ("=<", .lessOrEqual), ("=>", .greaterOrEqual), ("**", nil),
        ("≥", .greaterOrEqual), ("≤", .lessOrEqual), ("≠", .notEqual), ("×", .star), ("÷", .slash),
        ("\u{2212}", .minus), ("\u{2013}", .minus), ("∧", .and), ("∨", .or), ("¬", .not), ("^", nil), ("~", nil),
    ]

    private mutating func foreignOperator() -> Token? {
        for (text, meant) in Self.foreignOperators where starts(with: text) {
            return take(text.utf8.count, as: .foreign(text, meant))
        }
        for (text, meant) in [("=", Token.Symbol.equal), ("&", .and), ("|", .or)] where starts(with: text) && !starts(with: text + text) {
            return take(1, as: .foreign(text, meant))
        }
        return nil
    }

    private mutating func take(_ count: Int, as kind: Token.Kind) -> Token {
        offset += count
        return Token(kind: kind, range: offset - count..<offset)
    }

    private func unexpectedCharacter() -> Diagnostic {
        var end = offset + 1
        while let byte = byte(at: end), byte & 0xC0 == 0x80 { end += 1 }
        let character = text(offset..<end)
        let hint =
            switch character {
            case "\u{201C}", "\u{201D}", "\u{201E}", "\u{2018}", "\u{2019}", "\u{00AB}", "\u{00BB}": "write straight quotes: \"...\""
            case "\u{00A0}", "\u{200B}", "\u{FEFF}": "it is an invisible character: delete it, or write a blank"
            case ";": "an expression has no ';': join parts with && or ||"
            case "$", "@", "#": "names begin with a letter: payment.amount; a comment begins with //"
            default: "delete it, or put text in quotes: \"...\""
            }
        let shown =
            character.unicodeScalars.allSatisfy {
                $0.properties.isWhitespace || $0.properties.generalCategory == .control || $0.properties.generalCategory == .format
            }
            ? "U+" + Self.hex(character.unicodeScalars.first.map(\.value) ?? 0) : "'\(character)'"
        return Diagnostic(code: "E147", range: offset..<end, message: "\(shown) can't stand in an expression", hints: [hint])
    }

    private static func hex(_ value: UInt32) -> String {
        let digits = String(value, radix: 16, uppercase: true)
        return String(repeating: "0", count: max(0, 4 - digits.utf8.count)) + digits
    }

    static func isDigit(_ byte: UInt8?) -> Bool {
        guard let byte else { return false }
        return (0x30...0x39).contains(byte)
    }

    static func isNameStart(_ byte: UInt8?) -> Bool {
        guard let byte else { return false }
        return (0x41...0x5A).contains(byte & ~0x20) || byte == UInt8(ascii: "_")
    }

    static func isNamePart(_ byte: UInt8?) -> Bool {
        isNameStart(byte) || isDigit(byte)
    }

    /// The value of a hexadecimal digit.
    static func hexValue(_ byte: UInt8?) -> UInt32? {
        guard let byte else { return nil }
        switch byte {
        case 0x30...0x39: return UInt32(byte - 0x30)
        case 0x41...0x46: return UInt32(byte - 0x41 + 10)
        case 0x61...0x66: return UInt32(byte - 0x61 + 10)
        default: return nil
        }
    }
}

extension Lexer {
    /// An int, uint or double literal; called where a digit, or a dot before one, stands.
    mutating func number() throws(Diagnostic) -> Token {
        let start = offset
        if bytes[offset] == UInt8(ascii: "0"), let x = byte(at: offset + 1), x | 0x20 == UInt8(ascii: "x") {
            offset += 2
            while Self.hexValue(byte(at: offset)) != nil { offset += 1 }
            return try integer(start: start, digits: start + 2..<offset, radix: 16)
        }
        skipDigits()
        let whole = start..<offset
        var isDouble = false
        if byte(at: offset) == UInt8(ascii: "."), Self.isDigit(byte(at: offset + 1)) {
            isDouble = true
            offset += 1
            skipDigits()
        }
        if let exponent = exponentLength() {
            isDouble = true
            offset += exponent
            skipDigits()
        }
        return isDouble ? try double(start: start) : try integer(start: start, digits: whole, radix: 10)
    }

    private mutating func skipDigits() {
        while Self.isDigit(byte(at: offset)) { offset += 1 }
    }

    /// Bytes of `e`, `e+`, `e-` where digits follow.
    private func exponentLength() -> Int? {
        guard let e = byte(at: offset), e | 0x20 == UInt8(ascii: "e") else { return nil }
        let next = byte(at: offset + 1)
        let length = next == UInt8(ascii: "+") || next == UInt8(ascii: "-") ? 2 : 1
        return Self.isDigit(byte(at: offset + length)) ? length : nil
    }

    private mutating func integer(start: Int, digits: Range<Int>, radix: Int) throws(Diagnostic) -> Token {
        var isUnsigned = false
        if let suffix = byte(at: offset), suffix | 0x20 == UInt8(ascii: "u"), !digits.isEmpty {
            isUnsigned = true
            offset += 1
        }
        let next = byte(at: offset + 1)
        if radix == 10, !isUnsigned, byte(at: offset) == UInt8(ascii: "."), !Self.isNameStart(next), next != UInt8(ascii: "`") { offset += 1 }
        try requireEndOfNumber(start: start, isComplete: !digits.isEmpty && bytes[offset - 1] != UInt8(ascii: "."))
        let range = start..<offset
        guard let magnitude = UInt64(text(digits), radix: radix) else {
            diagnostics.append(Self.outOfRange(text(range), range: range, type: isUnsigned ? "uint" : "int"))
            return Token(kind: isUnsigned ? .uint(0) : .int(0), range: range)
        }
        return Token(kind: isUnsigned ? .uint(magnitude) : .int(magnitude), range: range)
    }

    private mutating func double(start: Int) throws(Diagnostic) -> Token {
        try requireEndOfNumber(start: start, isComplete: true)
        let range = start..<offset
        let written = text(range)
        guard let value = Double(written.hasPrefix(".") ? "0" + written : written), value.isFinite else {
            diagnostics.append(Self.outOfRange(written, range: range, type: "double"))
            return Token(kind: .double(0), range: range)
        }
        return Token(kind: .double(value), range: range)
    }

    static func outOfRange(_ written: String, range: Range<Int>, type: String) -> Diagnostic {
        let hint =
            switch type {
            case "int": "an int lies between -9223372036854775808 and 9223372036854775807; a larger number needs '.0'"
            case "uint": "a uint is at most 18446744073709551615"
            default: "a double is at most 1.7976931348623157e308"
            }
        return Diagnostic(code: "E145", range: range, message: "\(written) is out of the range of \(type)", hints: [hint])
    }

    /// Refuses a number that runs into letters (`5m`, `1_000`) or lacks digits (`1.`, `0x`).
    private mutating func requireEndOfNumber(start: Int, isComplete: Bool) throws(Diagnostic) {
        let end = offset
        while Self.isNamePart(byte(at: offset)) { offset += 1 }
        if isComplete, offset == end { return }
        let written = text(start..<offset)
        throw Diagnostic(code: "E144", range: start..<offset, message: "'\(written)' is not a number", hints: [Self.numberHint(written, split: end - start)])
    }

    private static func numberHint(_ written: String, split: Int) -> String {
        let tail = String(decoding: Array(written.utf8)[split...], as: UTF8.self)
        if written.utf8.contains(UInt8(ascii: "_")) {
            let joined = String(decoding: written.utf8.filter { $0 != UInt8(ascii: "_") }, as: UTF8.self)
            if joined.utf8.allSatisfy({ isDigit($0) }) { return "write \(joined)" }
        }
        if ["h", "m", "s", "ms", "us", "ns"].contains(tail) { return "write duration(\"\(written)\")" }
        if let hours = DurationText.hours(written) { return "write duration(\"\(hours)h\")" }
        if written == "0x" || written == "0X" { return "write hexadecimal digits after it: 0xFF" }
        if written.hasSuffix(".") { return "write \(written)0" }
        return "put a blank or an operator after the number; text stands in quotes: \"\(written)\""
    }
}

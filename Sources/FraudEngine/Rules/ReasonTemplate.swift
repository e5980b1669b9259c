import CEL

extension ReasonTemplate {
    /// Reads text with `{expression}` and `{expression:.2f}`; `{{` and `}}` stand for braces, and braces in an expression's string literals are its own.
    ///
    /// Ranges of diagnostics are UTF-8 offsets into `text`; the template is nil exactly if there is an error. Warnings are left out: an absent value is
    /// no fault here, it prints `–`.
    package static func parse(_ text: String, in environment: CEL.Environment) -> (template: ReasonTemplate?, diagnostics: [CEL.Diagnostic]) {
        var reader = ReasonReader(Array(text.utf8), environment)
        reader.read()
        return (reader.diagnostics.isEmpty ? ReasonTemplate(parts: reader.parts) : nil, reader.diagnostics)
    }
}

private struct ReasonReader {
    let bytes: [UInt8]
    let environment: CEL.Environment
    var parts: [ReasonTemplate.Part] = []
    var diagnostics: [CEL.Diagnostic] = []
    private var plain: [UInt8] = []

    private static let open = UInt8(ascii: "{")
    private static let close = UInt8(ascii: "}")

    init(_ bytes: [UInt8], _ environment: CEL.Environment) {
        self.bytes = bytes
        self.environment = environment
    }

    mutating func read() {
        var at = 0
        while at < bytes.count {
            let byte = bytes[at]
            let isBrace = byte == Self.open || byte == Self.close
            if isBrace, at + 1 < bytes.count, bytes[at + 1] == byte {
                plain.append(byte)
                at += 2
            } else if byte == Self.open, let end = end(ofFieldFrom: at + 1) {
                flush()
                readField(at + 1..<end)
                at = end + 1
            } else {
                if isBrace {
                    diagnostics.append(
                        CEL.Diagnostic(
                            code: "E160", range: at..<at + 1, message: "a brace without its partner", hints: ["write {{ or }} for a brace in the text"]))
                }
                plain.append(byte)
                at += 1
            }
        }
        flush()
    }

    private mutating func flush() {
        if !plain.isEmpty { parts.append(.text(String(decoding: plain, as: UTF8.self))) }
        plain = []
    }

    /// The brace that closes the field: not one within quotes, unless the quotes never end.
    private func end(ofFieldFrom start: Int) -> Int? {
        var quote: UInt8?
        var at = start
        while at < bytes.count {
            let byte = bytes[at]
            if let open = quote {
                if byte == UInt8(ascii: "\\") { at += 1 } else if byte == open { quote = nil }
            } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
                quote = byte
            } else if byte == Self.close {
                return at
            }
            at += 1
        }
        return quote == nil ? nil : bytes[start...].firstIndex(of: Self.close)
    }

    private mutating func readField(_ field: Range<Int>) {
        var expression = field
        var decimals: Int?
        if let format = format(of: field) {
            decimals = format.decimals
            expression = field.lowerBound..<format.start
        }
        let checked = CheckedExpression.check(String(decoding: bytes[expression], as: UTF8.self), in: environment)
        for var diagnostic in checked.diagnostics where !diagnostic.isWarning {
            diagnostic.range = diagnostic.range.lowerBound + expression.lowerBound..<diagnostic.range.upperBound + expression.lowerBound
            diagnostics.append(diagnostic)
        }
        guard let value = checked.expression else { return }
        if decimals != nil, value.type != .int, value.type != .double {
            diagnostics.append(
                CEL.Diagnostic(
                    code: "E161", range: expression.upperBound..<field.upperBound, message: "decimals are for numbers; this is a \(value.type.rawValue)",
                    hints: ["leave the format away"]))
            return
        }
        parts.append(.value(value, decimals: decimals))
    }

    /// `:.2f` at the field's end: one digit.
    private func format(of field: Range<Int>) -> (start: Int, decimals: Int)? {
        guard field.count >= 4 else { return nil }
        let start = field.upperBound - 4
        let digit = bytes[start + 2]
        guard bytes[start] == UInt8(ascii: ":"), bytes[start + 1] == UInt8(ascii: "."), bytes[start + 3] == UInt8(ascii: "f"),
            digit >= UInt8(ascii: "0"), digit <= UInt8(ascii: "9")
        else { return nil }
        return (start, Int(digit - UInt8(ascii: "0")))
    }
}

import CEL
import FraudEngine

/// Reads a reason: text with `{expression}` and `{expression:.2f}`; `{{` and `}}` stand for braces.
enum ReasonText {
    static func parse(_ text: String, in environment: CEL.Environment) -> (template: ReasonTemplate?, diagnostics: [CEL.Diagnostic]) {
        let bytes = Array(text.utf8)
        var parts: [ReasonTemplate.Part] = []
        var plain: [UInt8] = []
        var found: [CEL.Diagnostic] = []
        var at = 0
        while at < bytes.count {
            let byte = bytes[at]
            if byte == UInt8(ascii: "{") || byte == UInt8(ascii: "}"), at + 1 < bytes.count, bytes[at + 1] == byte {
                plain.append(byte)
                at += 2
                continue
            }
            guard byte == UInt8(ascii: "{"), let end = bytes[at...].firstIndex(of: UInt8(ascii: "}")) else {
                if byte == UInt8(ascii: "{") || byte == UInt8(ascii: "}") {
                    found.append(Diagnostic(code: "E160", range: at..<at + 1, message: "a brace without its partner", hints: ["write {{ or }} for a brace in the text"]))
                }
                plain.append(byte)
                at += 1
                continue
            }
            if !plain.isEmpty { parts.append(.text(String(decoding: plain, as: UTF8.self))) }
            plain = []
            if let part = value(bytes[at + 1..<end], environment, &found) { parts.append(part) }
            at = end + 1
        }
        if !plain.isEmpty { parts.append(.text(String(decoding: plain, as: UTF8.self))) }
        return (found.allSatisfy(\.isWarning) ? ReasonTemplate(parts: parts) : nil, found)
    }

    private static func value(_ field: ArraySlice<UInt8>, _ environment: CEL.Environment, _ found: inout [CEL.Diagnostic]) -> ReasonTemplate.Part? {
        var expression = field
        var decimals: Int?
        let tail = field.suffix(4)
        if tail.count == 4, tail.starts(with: ":.".utf8), tail.last == UInt8(ascii: "f"), let digit = Int(String(decoding: tail.dropFirst(2).prefix(1), as: UTF8.self)) {
            decimals = digit
            expression = field.dropLast(4)
        }
        let checked = CheckedExpression.check(String(decoding: expression, as: UTF8.self), in: environment)
        for var diagnostic in checked.diagnostics where !diagnostic.isWarning {
            diagnostic.range = diagnostic.range.lowerBound + expression.startIndex..<diagnostic.range.upperBound + expression.startIndex
            found.append(diagnostic)
        }
        return checked.expression.map { .value($0, decimals: decimals) }
    }
}

import CEL
import Testing

@Suite struct `Any text` {
    private static let pieces = [
        "payment.amount", "account.count_5m", "payment.country", "lists.high_risk_countries", "has(", "(", ")", "[", "]", "{", "}", "&&", "||", "!", "-", "+",
        "*",
        "/", "%", "==", "!=", "<", ">", "<=", ">=", " in ", "?", ":", ",", ".", "1", "9223372036854775808", "-9223372036854775808", "1.5", "1e999", "0x", "5m",
        "\"a\"",
        "'", "\"\"\"", "\\", "r'", "b\"", "duration(\"1d\")", "timestamp(\"", "size(", ".startsWith(", " and ", " not ", "=", "<>", "null", "true", "//", "\n",
        "é", "\u{0}",
        ".size()", "double(", "int(", "x.map(y, z)", "`", "≥", "=>", "**", "1u", "if", "\u{301}", "🙂", " is ", ".?", "[?", "{?", "int(1e300)", "0",
    ]

    /// Checks a text; what must hold of any.
    private func survive(_ source: String, seed: UInt64) {
        let checked = CheckedExpression.check(source, in: environment)
        let length = source.utf8.count
        let isFailure = checked.diagnostics.contains { !$0.isWarning }
        #expect((checked.expression == nil) == isFailure, "seed \(seed): \(source.debugDescription)")
        for diagnostic in checked.diagnostics {
            let isInside = diagnostic.range.upperBound <= length && (!diagnostic.range.isEmpty || diagnostic.range.lowerBound == length)
            if !isInside || diagnostic.hints.isEmpty { Issue.record("seed \(seed): \(diagnostic) for \(source.debugDescription)") }
        }
    }

    @Test func `of random bytes gives a plan or a diagnostic`() {
        let seed: UInt64 = 0x5EED_0001
        print("random bytes: seed \(seed)")
        var generator = SeededGenerator(state: seed)
        for _ in 0..<10_000 {
            let bytes = (0..<Int.random(in: 0..<80, using: &generator)).map { _ in UInt8.random(in: 0...255, using: &generator) }
            survive(String(decoding: bytes, as: UTF8.self), seed: seed)
        }
    }

    @Test func `of random words of the language gives a plan or a diagnostic`() {
        let seed: UInt64 = 0x5EED_0002
        print("random words: seed \(seed)")
        var generator = SeededGenerator(state: seed)
        for _ in 0..<10_000 {
            let words = (0..<Int.random(in: 1..<24, using: &generator)).map { _ in Self.pieces[Int.random(in: 0..<Self.pieces.count, using: &generator)] }
            survive(words.joined(separator: Bool.random(using: &generator) ? " " : ""), seed: seed)
        }
    }
}

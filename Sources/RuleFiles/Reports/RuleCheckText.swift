import FraudEngine

/// The report for people.
extension RuleCheckReport {
    /// Messages, then a line for each test, then what it comes to; ends with a line feed.
    package var text: String {
        var lines = outcomes.map { "\($0.passed ? "ok    " : "FAILED") \($0.test.name)" }
        if let contents { lines.append(Self.summary(contents)) }
        if isTest, contents != nil { lines.append(testSummary) }
        if contents == nil { lines.append("the rule set does not load: \(Self.counted(diagnostics.errorCount, "error"))") }
        return diagnostics.text + lines.map { $0 + "\n" }.joined()
    }

    private static func summary(_ contents: Contents) -> String {
        var rules: [String] = []
        for (count, status) in [(contents.active, "active"), (contents.shadow, "shadow"), (contents.disabled, "disabled")] where count > 0 {
            rules.append("\(count) \(status)")
        }
        let total = contents.active + contents.shadow + contents.disabled
        let detail = rules.isEmpty ? "" : " (\(rules.joined(separator: ", ")))"
        let parts = [
            counted(total, "rule") + detail, counted(contents.features, "feature"), counted(contents.lists, "list"), counted(contents.tests, "test"),
        ]
        return parts.joined(separator: ", ") + "; sha256:\(contents.hash.hexadecimal)"
    }

    private var testSummary: String {
        if outcomes.isEmpty { return "no test was run" + (filter.map { ": no test's rule or name contains '\($0)'" } ?? "") }
        return "\(Self.counted(outcomes.count, "test")) run: \(passedCount) passed, \(outcomes.count - passedCount) failed"
    }

    private static func counted(_ count: Int, _ what: String) -> String { "\(count) \(what)\(count == 1 ? "" : "s")" }
}

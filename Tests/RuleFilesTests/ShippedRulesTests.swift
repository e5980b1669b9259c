import FoundationEssentials
import RuleFiles
import Testing

/// The folder `rules/` of this repository.
struct ShippedRulesTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().appending(
        path: "rules"
    ).path

    @Test func `the shipped rules load without a warning and all their tests pass`() {
        let report = RuleCheckReport.test(directory: Self.folder, baseWindowMilliseconds: 300_000)
        #expect(report.diagnostics.text == "")
        #expect(report.exitCode == 0)
        #expect(report.outcomes.count >= 10)
        #expect(report.passedCount == report.outcomes.count)
    }

    @Test func `the shipped rules watch for more than 20 payments or more than 50 million in 5 minutes`() throws {
        let loaded = try RuleFiles.load(directory: Self.folder, baseWindowMilliseconds: 300_000).get()
        let conditions = Dictionary(uniqueKeysWithValues: loaded.notes.map { ($0.ruleID, $0.condition) })
        #expect(conditions["high_velocity"] == "account.count_5m > 20\n")
        #expect(conditions["high_sum"] == "account.sum_5m > 50000000\n")
    }
}

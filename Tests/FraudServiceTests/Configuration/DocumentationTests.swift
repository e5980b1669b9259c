import FraudEngine
import Migrations
import Testing

@testable import FraudService

/// The documents name every setting and every metric as the tables have them, and nothing else.
struct DocumentationTests {
    /// A document of the repository.
    private func document(_ name: String) throws -> [String] {
        let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(4).joined(separator: "/")
        return String(decoding: try SmallFile.read("\(root)/docs/\(name)"), as: UTF8.self).split(separator: "\n").map(String.init)
    }

    private func rows(_ lines: [String]) -> [String] { lines.filter { $0.hasPrefix("| `") } }

    static func row(_ key: SettingKey) -> String {
        let standard = key.defaultText.map { "`\($0)`" } ?? key.absence ?? ""
        let file = key.isSecret ? " May be given as `\(key.path)_file`." : ""
        return "| `\(key.path)` | \(standard) | \(key.takes) | \(key.help)\(file) | `\(key.example)` |"
    }

    static func row(_ metric: MetricDescription) -> String {
        "| `\(metric.name)` | \(metric.kind.rawValue) | \(metric.labels.map { "`\($0)`" }.joined(separator: ", ")) | \(metric.help) |"
    }

    @Test func `configuration.md has a row for each key and no other`() throws {
        #expect(rows(try document("configuration.md")) == SettingKey.all.map(Self.row))
    }

    @Test(arguments: RefusalCureTests.refusals) func `operations.md has, in the row of a reason, the command that its cure prints`(refusal: Refusal) throws {
        let lines = try document("operations.md")
        let first = try #require(lines.firstIndex { $0.hasPrefix("| `\(refusal.name)` | ") })
        // A row without a name goes on with the one before.
        let rows = [lines[first]] + lines[(first + 1)...].prefix { $0.hasPrefix("| | ") }
        let settings = try Given().load().get()
        let command = refusal.command.text(CureContext(settings), 3).replacing(" --partition 3", with: "").replacing("tripline ", with: "")
        let words = command.replacing(#/ --to-offset \d+/#, with: "")
        #expect(rows.contains { $0.split(separator: "|")[2].contains("`\(words)`") }, "\(words): \(rows)")
    }

    @Test func `postgresql.md has the rights of the migrations' comments, word for word`() throws {
        let statements = try document("postgresql.md").filter { $0.hasPrefix("CREATE ROLE ") || $0.hasPrefix("GRANT ") }
        #expect(statements == Migration.all.flatMap(TestDatabase.grants))
    }

    @Test func `metrics.md has a row for each metric and no other`() throws {
        #expect(rows(try document("metrics.md")) == MetricDescription.all.map(Self.row))
    }
}

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

    @Test func `postgresql.md has the rights of the migrations' comments, word for word`() throws {
        let statements = try document("postgresql.md").filter { $0.hasPrefix("CREATE ROLE ") || $0.hasPrefix("GRANT ") }
        #expect(statements == Migration.all.flatMap(TestDatabase.grants))
    }

    @Test func `metrics.md has a row for each metric and no other`() throws {
        #expect(rows(try document("metrics.md")) == MetricDescription.all.map(Self.row))
    }
}

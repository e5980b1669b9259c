import FoundationEssentials
import RuleFiles
import Testing

/// `rules/rules-v1.schema.json` is for editors: what it lets through and what the service reads must be the same. JSON is YAML, so the reader of rule
/// files reads it.
struct EditorSchemaTests {
    private let root: YAMLNode

    init() throws {
        let repository = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let file = repository.appending(path: "rules/rules-v1.schema.json")
        root = try YAML.parse(bytes: Array(Data(contentsOf: file)), file: "rules-v1.schema.json").get()
    }

    private func keys(_ node: YAMLNode?) -> [String] { node?["properties"]?.mapping?.map(\.key).sorted() ?? [] }

    private func definition(_ name: String) -> YAMLNode? { root["$defs"]?[name] }

    @Test func `the editor knows exactly the keys that are read`() {
        #expect(keys(root) == RuleFileKeys.file.sorted())
        #expect(keys(definition("list")) == RuleFileKeys.list.sorted())
        #expect(keys(definition("feature")) == RuleFileKeys.feature.sorted())
        #expect(keys(definition("window")) == RuleFileKeys.window.sorted())
        #expect(keys(root["properties"]?["decision"]) == RuleFileKeys.decision.sorted())
        #expect(keys(definition("rule")) == RuleFileKeys.rule.sorted())
        #expect(keys(definition("rule")?["properties"]?["effective"]) == RuleFileKeys.effective.sorted())
        #expect(keys(definition("test")) == RuleFileKeys.test.sorted())
        #expect(keys(definition("given")) == RuleFileKeys.given.sorted())
        #expect(keys(definition("expect")) == RuleFileKeys.expectation.sorted())
        #expect(definition("rule")?["required"]?.sequence?.compactMap(\.text) == RuleFileKeys.requiredOfRule)
    }

    @Test func `the editor refuses what this version does not compute`() {
        #expect(definition("feature")?["properties"]?["aggregate"]?["enum"]?.sequence?.compactMap(\.text) == ["count", "sum"])
    }
}

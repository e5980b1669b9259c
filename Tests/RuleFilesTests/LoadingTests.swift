import CEL
import FoundationEssentials
import FraudEngine
import RuleFiles
import Testing

struct LoadingTests {
    private static let rule = """
        version: 1
        rules:
          - id: large
            title: A large payment
            when: |
              payment.amount > 1000
            owner: fraud-ops@example.com
            status: shadow

        """

    private func load(_ files: [(path: String, text: String)]) -> Result<LoadedRuleSet, RuleDiagnostics> {
        let bundle = RuleBundle(files: files.map { .init(path: $0.path, bytes: Array($0.text.utf8)) })
        return RuleFiles.load(bundle: bundle, baseWindowMilliseconds: 300_000)
    }

    private func codes(_ result: Result<LoadedRuleSet, RuleDiagnostics>) -> [String] {
        switch result {
        case .success(let loaded): loaded.warnings.all.map(\.code)
        case .failure(let errors): errors.all.map(\.code)
        }
    }

    // MARK: The folder

    @Test func `a missing folder is an error`() {
        #expect(codes(RuleFiles.load(directory: "/nowhere/at/all", baseWindowMilliseconds: 300_000)) == ["E050"])
    }

    @Test func `a folder without rule files is an error`() throws {
        let folder = try TemporaryFolder()
        #expect(codes(RuleFiles.load(directory: folder.path, baseWindowMilliseconds: 300_000)) == ["E051"])
        try folder.write("schema.yaml", "version: 1\n")
        try folder.write("lists/a.txt", "A\n")
        try folder.write(".hidden.yaml", "version: 1\n")
        #expect(codes(RuleFiles.load(directory: folder.path, baseWindowMilliseconds: 300_000)) == ["E051"])
        #expect(codes(load([("schema.yaml", "version: 1\n")])) == ["E051"])
    }

    @Test func `a file in the folder's place is an error`() throws {
        let folder = try TemporaryFolder()
        try folder.write("rules.yaml", Self.rule)
        #expect(codes(RuleFiles.load(directory: "\(folder.path)/rules.yaml", baseWindowMilliseconds: 300_000)) == ["E050"])
    }

    @Test func `only rule files and lists belong to the set, through symbolic links too`() throws {
        let (real, folder) = (try TemporaryFolder(), try TemporaryFolder())
        try real.write("velocity.yaml", Self.rule)
        try FileManager.default.createSymbolicLink(atPath: "\(folder.path)/velocity.yaml", withDestinationPath: "\(real.path)/velocity.yaml")
        try folder.write("more.yml", "version: 1\nlists: {accounts: {file: lists/accounts.txt}}\n")
        try folder.write("lists/accounts.txt", "A1\n")
        for other in ["README.md", "rules-v1.schema.json", "notes.txt", ".velocity.yaml.swp", "lists/README.md"] { try folder.write(other, "not a rule") }
        let loaded = try RuleFiles.load(directory: folder.path, baseWindowMilliseconds: 300_000).get()
        #expect(loaded.bundle.files.map(\.path) == ["lists/accounts.txt", "more.yml", "velocity.yaml"])
        #expect(loaded.set.lists == ["accounts": ["A1"]])
        #expect(loaded.set.hash == loaded.bundle.hash)
        #expect(loaded.warnings.all.isEmpty)
    }

    @Test func `a rule file in a subfolder is not read, and that is said`() throws {
        let folder = try TemporaryFolder()
        try folder.write("velocity.yaml", Self.rule)
        try folder.write("old/velocity.yaml", Self.rule)
        #expect(codes(RuleFiles.load(directory: folder.path, baseWindowMilliseconds: 300_000)) == ["W240"])
    }

    @Test func `a stored set loads as its folder did`() throws {
        let folder = try TemporaryFolder()
        try folder.write("velocity.yaml", Self.rule)
        let loaded = try RuleFiles.load(directory: folder.path, baseWindowMilliseconds: 300_000).get()
        let stored = try RuleFiles.load(bundle: RuleBundle(decoding: loaded.bundle.encoded), baseWindowMilliseconds: 300_000).get()
        #expect(stored.set.hash == loaded.set.hash)
        #expect(stored.set.rules.map(\.id) == ["large"])
        #expect(stored.notes.map(\.file) == ["velocity.yaml"])
    }

    // MARK: Values

    @Test func `what a rule does not say has its default`() throws {
        let rule = try #require(try load([("a.yaml", Self.rule)]).get().set.rules.first)
        #expect(rule.severity == .low)
        #expect(rule.action == .review)
        #expect(rule.score == 0)
        #expect(rule.oncePer == .period(milliseconds: 300_000))
        #expect(rule.effectiveFrom == .min)
        #expect(rule.effectiveUntil == .max)
        #expect(rule.condition.type == .bool)
        guard case .text(let reason)? = rule.reason.parts.first else { Issue.record("the title is the reason"); return }
        #expect(reason == "A large payment")
    }

    @Test func `what a rule says is taken over`() throws {
        let text = """
            version: 1
            features:
              account.count_5m: {aggregate: count, window: {tumbling: 300s}, current: exclude}
            decision:
              bands: {medium: 10, high: 20, critical: 30}
              review: high
              block: critical
            rules:
              - id: many
                title: Many payments
                when: account.count_5m > 20
                score: 77
                severity: critical
                action: block
                status: disabled
                once_per: payment
                effective: {from: "2026-01-01T00:00:00Z", until: "2026-02-01T00:00:00+01:00"}
                owner: fraud-ops@example.com
                tags: [velocity]
                references: ["https://example.com/1"]
                false_positives: [vending machines]
                description: Text for people.

            """
        let loaded = try load([("a.yaml", text)]).get()
        let rule = try #require(loaded.set.rules.first)
        #expect(rule.score == 77)
        #expect(rule.severity == .critical)
        #expect(rule.action == .block)
        #expect(rule.status == .disabled)
        #expect(rule.oncePer == .payment)
        #expect(rule.effectiveFrom == 1_767_225_600_000)
        #expect(rule.effectiveUntil == 1_769_900_400_000)
        #expect(loaded.set.features == [Feature(name: "account.count_5m", aggregate: .count, includesCurrent: false)])
        #expect(loaded.set.policy.medium == 10)
        #expect(loaded.set.policy.review == .high)
        let notes = try #require(loaded.notes.first)
        #expect(notes.tags == ["velocity"])
        #expect(notes.description == "Text for people.")
        #expect(notes.line == 9)
    }

    @Test func `text that YAML loaders take for other types stays text`() throws {
        let lists = try load([("a.yaml", "version: 1\nlists:\n  codes: {entries: [NO, on, 12:30, 1_000, 010, ~x, \"null\"]}\n")]).get().set.lists
        #expect(lists["codes"] == ["NO", "on", "12:30", "1_000", "010", "~x", "null"])
    }

    @Test func `a feature's window is the base window, whatever that is`() throws {
        let text = "version: 1\nfeatures:\n  account.count_1m: {aggregate: count, window: {tumbling: 1m}}\n"
        let bundle = RuleBundle(files: [.init(path: "a.yaml", bytes: Array(text.utf8))])
        #expect(codes(RuleFiles.load(bundle: bundle, baseWindowMilliseconds: 60_000)) == [])
        #expect(codes(RuleFiles.load(bundle: bundle, baseWindowMilliseconds: 300_000)) == ["E040"])
    }

    @Test func `list entries keep their case, lose white space and comments`() throws {
        let file = "# comment\r\n  KP\t# North Korea\r\nkp\r\nacct#1\r\n\r\nMüller GmbH\r\n"
        let lists = try load([("a.yaml", "version: 1\nlists: {names: {file: lists/names.txt}}\n"), ("lists/names.txt", file)]).get().set.lists
        #expect(lists["names"] == ["KP", "kp", "acct#1", "Müller GmbH"])
    }

    @Test func `the set's worst-case cost is limited, and disabled rules cost nothing`() {
        let condition = (0..<30).map { "payment.note\($0 % 2).contains(\"\(String(repeating: "x", count: 10))\($0)\")" }.joined(separator: " || ")
        func rules(_ count: Int, _ status: String) -> String {
            "version: 1\nrules:\n"
                + (0..<count).map { "  - {id: r\($0), title: R, owner: o, status: \(status), when: '\(condition)'}\n" }.joined()
        }
        let schema = "version: 1\nfields:\n  note0: {type: string, max_length: 512, required: true}\n  note1: {type: string, max_length: 512, required: true}\n"
        #expect(codes(load([("schema.yaml", schema), ("a.yaml", rules(51, "shadow"))])) == [])
        #expect(codes(load([("schema.yaml", schema), ("a.yaml", rules(60, "shadow"))])) == ["E153"])
        #expect(codes(load([("schema.yaml", schema), ("a.yaml", rules(60, "disabled"))])) == [])
    }

    // MARK: Lint

    @Test(
        arguments: [
            ("review", ["alerts: [large]", "alerts: []"], nil), ("review", ["alerts: [large]"], "no test where it does not fire"),
            ("review", ["alerts: []"], "no test where it fires"), ("review", ["score: 0"], "no test"),
            ("allow", ["alerts: [other], decision: allow", "alerts: [other], decision: review"], nil),
            ("allow", ["alerts: [other], decision: review"], "no test where it fires"), ("allow", ["alerts: [], decision: allow"], "no test"),
        ] as [(String, [String], String?)])
    func `an active rule wants a test where it fires and one where it does not`(_ action: String, _ expectations: [String], _ missing: String?) throws {
        let expect = expectations.map { "{payment: 1, \($0)}" }.joined(separator: ", ")
        let text = """
            version: 1
            rules:
              - {id: large, title: L, when: payment.amount > 5, owner: o, status: active, action: \(action)}
              - {id: other, title: O, when: payment.amount > 1, owner: o, status: shadow}
            tests:
              - name: one
                given: [{at: "2026-02-02T10:00:00Z", account_id: A, amount: 1, currency: EUR}]
                expect: [\(expect)]

            """
        let bundle = RuleBundle(files: [.init(path: "a.yaml", bytes: Array(text.utf8))])
        let warnings = try RuleFiles.load(bundle: bundle, baseWindowMilliseconds: 300_000, runsTests: false).get().warnings.all
        #expect(warnings.map(\.message) == (missing.map { ["active rule 'large' has \($0)"] } ?? []))
        #expect(warnings.allSatisfy { $0.code == "W301" && $0.severity == .warning })
    }
}

import FraudEngine

/// One load: files → drafts → names checked across files → expressions checked → tests run.
struct RuleSetLoader {
    private let bundle: RuleBundle
    private let folder: String
    /// Milliseconds.
    private let baseWindow: Int64
    private var diagnostics: RuleDiagnostics
    /// What a file declares in a way that is refused, as rules read it: `account.avg_24h`, `payment.tip`.
    private var refusedNames: [String] = []

    init(bundle: RuleBundle, folder: String, baseWindow: Int64, diagnostics: RuleDiagnostics) {
        self.bundle = bundle
        self.folder = folder
        self.baseWindow = baseWindow
        self.diagnostics = diagnostics
    }

    mutating func load(runsTests: Bool) -> Result<LoadedRuleSet, RuleDiagnostics> {
        let schema = readSchema()
        let draft = readRuleFiles(schema)
        checkNames(draft)
        let lists = readLists(draft.lists)
        let rules = check(draft, schema)
        if diagnostics.hasErrors { return .failure(diagnostics.sorted()) }
        let set = RuleSet(
            hash: bundle.hash, rules: rules, schema: schema, features: draft.features.map(\.feature), lists: lists,
            policy: draft.decision?.policy ?? DecisionPolicy())
        if runsTests {
            for outcome in RuleTestRunner(set, baseWindow: baseWindow).run(draft.tests) { diagnostics.add(outcome.failures) }
            if diagnostics.hasErrors { return .failure(diagnostics.sorted()) }
        }
        diagnostics.add(TestCoverage.warnings(draft))
        let notes = draft.rules.map(\.notes).sorted { $0.ruleID.utf8.lexicographicallyPrecedes($1.ruleID.utf8) }
        return .success(LoadedRuleSet(set: set, bundle: bundle, tests: draft.tests, notes: notes, warnings: diagnostics.sorted()))
    }

    // MARK: Reading

    private func shown(_ path: String) -> String {
        folder.isEmpty ? path : folder.hasSuffix("/") ? folder + path : "\(folder)/\(path)"
    }

    private mutating func parse(_ file: RuleBundle.File) -> YAMLNode? {
        switch YAML.parse(bytes: file.bytes, file: shown(file.path)) {
        case .success(let node): return node
        case .failure(let errors):
            diagnostics.add(errors)
            return nil
        }
    }

    private mutating func readSchema() -> PaymentSchema {
        guard let file = bundle.files.first(where: { $0.path == RuleFiles.schemaPath }), let root = parse(file) else { return PaymentSchema() }
        var reader = SchemaReader()
        let schema = reader.read(root)
        diagnostics.add(reader.reader.diagnostics)
        refusedNames += reader.refusedNames.map { "payment." + $0 }
        return schema
    }

    private mutating func readRuleFiles(_ schema: PaymentSchema) -> RuleFileDraft {
        var whole = RuleFileDraft()
        let files = bundle.files.filter { RuleFiles.isRuleFile($0.path) }
        if files.isEmpty { diagnostics.add(RuleDiagnostic(code: "E051", file: folder, message: "the rule set has no rule file (*.yaml)")) }
        for file in files {
            guard let root = parse(file) else { continue }
            var reader = RuleFileReader(schema: schema, baseWindow: baseWindow)
            let draft = reader.read(root)
            diagnostics.add(reader.reader.diagnostics)
            refusedNames += draft.refusedNames
            whole.lists += draft.lists
            whole.features += draft.features
            whole.rules += draft.rules
            whole.tests += draft.tests
            if let first = whole.decision, let second = draft.decision {
                diagnostics.add(second.node.diagnostic("E023", "a second 'decision'; the first is at \(place(first.node))", hints: ["a rule set has one"]))
            }
            whole.decision = whole.decision ?? draft.decision
        }
        return whole
    }

    /// By name, the entries of each declared list.
    private mutating func readLists(_ drafts: [ListDraft]) -> [String: [String]] {
        var lists: [String: [String]] = [:]
        var used: Set<String> = []
        for draft in drafts {
            switch draft.source {
            case .entries(let nodes): lists[draft.name] = entries(nodes)
            case .file(let path, let node): lists[draft.name] = entries(ofFile: path, node, &used)
            }
        }
        for file in bundle.files where file.path.hasSuffix(".txt") && !used.contains(file.path) {
            diagnostics.add(
                RuleDiagnostic(
                    severity: .warning, code: "W230", file: shown(file.path), message: "no rule file declares this list",
                    hints: ["declare it: lists: {name: {file: \(file.path)}}"]))
        }
        return lists
    }

    private mutating func entries(ofFile path: String, _ node: YAMLNode, _ used: inout Set<String>) -> [String] {
        guard let file = bundle.files.first(where: { $0.path == path && $0.path.hasSuffix(".txt") }) else {
            let names = bundle.files.map(\.path).filter { $0.hasSuffix(".txt") }
            let hint = names.isEmpty ? "list files are lists/*.txt" : Suggestion.hint(for: path, among: names, label: "list files")
            diagnostics.add(node.diagnostic("E030", "there is no list file '\(path)'", hints: [hint]))
            return []
        }
        var found = RuleDiagnostics()
        let entries = ListFileReader.read(SourceFile(path: shown(file.path), bytes: file.bytes), &found)
        if used.insert(file.path).inserted { diagnostics.add(found) }
        return entries
    }

    /// Inline entries, without repeats, which are warned of.
    private mutating func entries(_ nodes: [YAMLNode]) -> [String] {
        var entries: [String] = []
        var first: [[UInt8]: YAMLNode] = [:]
        for node in nodes {
            guard let text = node.text else { continue }
            if let earlier = first[Array(text.utf8)] {
                diagnostics.add(node.diagnostic("W210", "'\(text)' is listed twice; first in line \(earlier.position.line)", severity: .warning))
            } else {
                first[Array(text.utf8)] = node
                entries.append(text)
            }
        }
        return entries
    }

    // MARK: Names across files

    private mutating func checkNames(_ draft: RuleFileDraft) {
        refuseRepeats(draft.rules.map { ($0.id, $0.idNode) }, "E020", "rule id", "used")
        refuseRepeats(draft.features.map { ($0.feature.name, $0.nameNode) }, "E021", "feature", "declared")
        refuseRepeats(draft.lists.map { ($0.name, $0.nameNode) }, "E022", "list", "declared")
        refuseRepeats(draft.tests.map { ($0.name, $0.node["name"] ?? $0.node) }, "E025", "test", "named")
        let rules = draft.rules.map(\.id)
        let lists = draft.lists.map(\.name)
        for test in draft.tests {
            for node in test.expectations.flatMap(\.ruleNames) { refuseUnknown(node, rules, "E026", "rule", "rules") }
            for node in test.listNames { refuseUnknown(node, lists, "E027", "list", "lists") }
        }
    }

    private mutating func refuseRepeats(_ named: [(name: String, node: YAMLNode)], _ code: String, _ what: String, _ verb: String) {
        var first: [[UInt8]: YAMLNode] = [:]
        for (name, node) in named {
            if let earlier = first[Array(name.utf8)] {
                diagnostics.add(node.diagnostic(code, "\(what) '\(name)' is \(verb) twice; first at \(place(earlier))"))
            } else {
                first[Array(name.utf8)] = node
            }
        }
    }

    private mutating func refuseUnknown(_ node: YAMLNode, _ known: [String], _ code: String, _ what: String, _ label: String) {
        guard let name = node.text, !known.contains(name) else { return }
        diagnostics.add(
            node.diagnostic(code, "there is no \(what) '\(name)'", hints: known.isEmpty ? [] : [Suggestion.hint(for: name, among: known, label: label)]))
    }

    private func place(_ node: YAMLNode) -> String {
        let position = node.position
        return "\(node.source.path):\(position.line):\(position.column)"
    }

    // MARK: Expressions

    private mutating func check(_ draft: RuleFileDraft, _ schema: PaymentSchema) -> [Rule] {
        var checker = ExpressionChecker(schema: schema, features: draft.features.map(\.feature), lists: draft.lists.map(\.name), refusedNames: refusedNames)
        let rules = draft.rules.compactMap { checker.rule($0) }
        diagnostics.add(checker.diagnostics)
        return rules
    }
}

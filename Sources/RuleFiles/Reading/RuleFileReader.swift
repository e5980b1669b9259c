import FraudEngine

/// Reads one rule file: `version`, `lists`, `features`, `decision`, `rules`, `tests`.
struct RuleFileReader {
    var reader = NodeReader()
    let schema: PaymentSchema
    let baseWindow: Int64

    /// - Parameter baseWindow: Milliseconds.
    init(schema: PaymentSchema, baseWindow: Int64) {
        self.schema = schema
        self.baseWindow = baseWindow
    }

    mutating func read(_ root: YAMLNode) -> RuleFileDraft {
        var draft = RuleFileDraft()
        let hint = "begin it with `version: 1`, and put rules under `rules:`"
        guard let fields = reader.mapping(root, "a rule file", keys: RuleFileKeys.file, required: ["version"], hint: hint) else { return draft }
        reader.version(fields["version"])
        for entry in reader.entries(fields["lists"], "'lists'") ?? [] {
            if let list = list(entry) { draft.lists.append(list) } else { draft.refusedNames.append("lists." + entry.key) }
        }
        for entry in reader.entries(fields["features"], "'features'") ?? [] {
            let errorsBefore = reader.diagnostics.errorCount
            if let feature = feature(entry), reader.diagnostics.errorCount == errorsBefore {
                draft.features.append(feature)
            } else {
                draft.refusedNames.append(entry.key)
            }
        }
        draft.decision = decision(fields["decision"])
        draft.rules = (reader.list(fields["rules"], "rules") ?? []).compactMap { rule($0) }
        draft.tests = (reader.list(fields["tests"], "tests") ?? []).compactMap { node in
            var tests = RuleTestReader(schema: schema, reader: reader)
            defer { reader = tests.reader }
            return tests.read(node)
        }
        return draft
    }

    // MARK: Lists

    private mutating func list(_ entry: YAMLEntry) -> ListDraft? {
        let name = reader.name(entry.keyNode, "a list's name")
        guard let fields = reader.mapping(entry.value, "a list", keys: RuleFileKeys.list) else { return nil }
        _ = reader.text(fields["description"], "description")
        let source: ListDraft.Source
        switch (fields["file"], fields["entries"]) {
        case (nil, nil), (_?, _?):
            let hint = "write {file: lists/\(entry.key).txt} or {entries: [A, B]}"
            reader.diagnostics.add(fields.node.diagnostic("E011", "a list needs one of 'file' and 'entries'", hints: [hint]))
            return nil
        case (let node?, nil):
            guard let path = reader.text(node, "file") else { return nil }
            source = .file(path, node: node)
        case (nil, let node?):
            guard let items = reader.list(node, "entries") else { return nil }
            source = .entries(items.filter { reader.text($0, "an item of entries") != nil })
        }
        return name.map { ListDraft(name: $0, nameNode: entry.keyNode, source: source) }
    }

    // MARK: Decision

    private static let bandNames: [(name: String, value: DecisionPolicy.Band)] = [("medium", .medium), ("high", .high), ("critical", .critical)]

    private mutating func decision(_ node: YAMLNode?) -> DecisionDraft? {
        guard let node, let fields = reader.mapping(node, "'decision'", keys: RuleFileKeys.decision) else { return nil }
        var policy = DecisionPolicy()
        if let bands = reader.mapping(fields["bands"], "'bands'", keys: Self.bandNames.map(\.name)) {
            policy.medium = reader.integer(bands["medium"], "medium", in: 0...100) ?? policy.medium
            policy.high = reader.integer(bands["high"], "high", in: 0...100) ?? policy.high
            policy.critical = reader.integer(bands["critical"], "critical", in: 0...100) ?? policy.critical
            if !(policy.medium < policy.high && policy.high < policy.critical) {
                reader.diagnostics.add(
                    bands.node.diagnostic("E024", "bands must rise: medium \(policy.medium), high \(policy.high), critical \(policy.critical)"))
            }
        }
        policy.review = reader.choice(fields["review"], "review", Self.bandNames) ?? policy.review
        policy.block = reader.choice(fields["block"], "block", Self.bandNames) ?? policy.block
        if policy.review.rawValue > policy.block.rawValue {
            reader.diagnostics.add(
                node.diagnostic("E024", "payments would be blocked from band \(policy.block.name) but reviewed only from \(policy.review.name)"))
        }
        return DecisionDraft(node: node, policy: policy)
    }
}

extension NodeReader {
    /// Every file of a rule set says `version: 1`.
    mutating func version(_ node: YAMLNode?) {
        guard let node, node.text != "1" || node.scalar?.style != .plain else { return }
        diagnostics.add(node.diagnostic("E019", "this version of Tripline reads files of version 1", hints: ["write version: 1"]))
    }
}

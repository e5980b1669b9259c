import FraudEngine

/// Reads one entry of `tests:` into typed values; names of rules and lists are checked later, when all files are read.
struct RuleTestReader {
    private static let maxPayments = 100_000

    let schema: PaymentSchema
    var reader: NodeReader

    mutating func read(_ node: YAMLNode) -> RuleTest? {
        guard let fields = reader.mapping(node, "a test", keys: RuleFileKeys.test, required: ["name", "given", "expect"]) else { return nil }
        let name = reader.text(fields["name"], "name", maxLength: 200)
        let listEntries = reader.entries(fields["lists"], "'lists'") ?? []
        let lists = listEntries.map { (name: $0.key, entries: reader.texts($0.value, $0.key) ?? []) }
        let given = given(fields["given"])
        let expectations = (reader.list(fields["expect"], "expect") ?? []).compactMap { expectation($0, payments: given?.count) }
        for key in ["given", "expect"] where fields[key]?.sequence?.isEmpty == true {
            reader.diagnostics.add((fields[key] ?? node).diagnostic("E012", "'\(key)' is empty"))
        }
        guard let name, let given, !given.isEmpty else { return nil }
        return RuleTest(name: name, node: node, given: given, expectations: expectations, lists: lists, listNames: listEntries.map(\.keyNode))
    }

    // MARK: Given

    /// nil if anything in it is wrong: numbers of payments would mislead.
    private mutating func given(_ node: YAMLNode?) -> [RuleTest.Given]? {
        let errorsBefore = reader.diagnostics.errorCount
        var given: [RuleTest.Given] = []
        for item in reader.list(node, "given") ?? [] {
            append(item, &given)
            if given.count > Self.maxPayments {
                reader.diagnostics.add(item.diagnostic("E018", "the test has over \(Self.maxPayments) payments"))
                return nil
            }
        }
        return reader.diagnostics.errorCount == errorsBefore ? given : nil
    }

    private mutating func append(_ node: YAMLNode, _ given: inout [RuleTest.Given]) {
        let members = GivenMembers.names(schema)
        guard let fields = reader.mapping(node, "a given payment", keys: members, required: ["at", "account_id", "amount", "currency"]) else { return }
        let at = reader.time(fields["at"], "at")
        let times = reader.integer(fields["repeat"], "repeat", in: 1...10_000) ?? 1
        let every = reader.duration(fields["every"], "every") ?? 0
        if fields["repeat"] != nil, fields["every"] == nil {
            reader.diagnostics.add(node.diagnostic("E011", "'repeat' needs 'every'", hints: ["for example repeat: 6, every: 20s"]))
        }
        if fields["every"] != nil, fields["repeat"] == nil { reader.diagnostics.add(node.diagnostic("E011", "'every' needs 'repeat'")) }
        var attributes = GivenMembers(reader: reader)
        let json = attributes.json(fields, schema)
        reader = attributes.reader
        guard let at, let account = fields["account_id"]?.text else { return }
        for index in 0..<times {
            let (distance, overflow) = every.multipliedReportingOverflow(by: Int64(index))
            let (time, overflowToo) = at.addingReportingOverflow(distance)
            guard !overflow, !overflowToo, time < GivenMembers.endOfTime else {
                reader.diagnostics.add(node.diagnostic("E016", "the payments go beyond the year 9999"))
                return
            }
            given.append(RuleTest.Given(at: time, accountID: account, json: json.text(at: time, number: given.count + 1), node: node))
        }
    }

    // MARK: Expect

    private mutating func expectation(_ node: YAMLNode, payments: Int?) -> RuleTest.Expectation? {
        guard let fields = reader.mapping(node, "an expectation", keys: RuleFileKeys.expectation, required: ["payment"]) else { return nil }
        let payment = reader.integer(fields["payment"], "payment", in: 1...max(1, payments ?? .max))
        var expectation = RuleTest.Expectation(payment: (payment ?? 1) - 1, node: node)
        expectation.alerts = ruleNames(fields["alerts"], "alerts", &expectation)
        expectation.shadowAlerts = ruleNames(fields["shadow_alerts"], "shadow_alerts", &expectation)
        expectation.score = reader.integer(fields["score"], "score", in: 0...100)
        expectation.decision = reader.choice(fields["decision"], "decision", RuleFileReader.actions)
        expectation.reason = reader.text(fields["reason"], "reason")
        for entry in reader.entries(fields["reasons"], "'reasons'") ?? [] {
            expectation.ruleNames.append(entry.keyNode)
            if let text = reader.text(entry.value, entry.key) { expectation.reasons.append((entry.key, text)) }
        }
        expectation.late = reader.flag(fields["late"], "late")
        expectation.duplicate = reader.flag(fields["duplicate"], "duplicate")
        if fields.entries.count == 1 {
            reader.diagnostics.add(
                node.diagnostic("E011", "the expectation expects nothing", hints: ["keys: " + RuleFileKeys.expectation.joined(separator: ", ")]))
        }
        return payment == nil ? nil : expectation
    }

    private mutating func ruleNames(_ node: YAMLNode?, _ key: String, _ expectation: inout RuleTest.Expectation) -> [String]? {
        guard let items = reader.list(node, key) else { return nil }
        let names = items.filter { reader.text($0, "an item of \(key)") != nil }
        expectation.ruleNames += names
        return names.compactMap(\.text).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }
}

import FraudEngine

/// One partition of the engine with an outbox: what a worker has, without clients.
///
/// Lateness is judged with the default grace whatever the service's is, so that the tests of a rule set give the same result everywhere.
struct TestBench: ~Copyable {
    /// Milliseconds.
    static let grace: Int64 = 60_000

    /// What the engine made of one payment.
    struct Observation {
        struct RaisedAlert {
            var rule: String
            var reason: String
            var isShadow: Bool
        }

        var outcome: Outcome
        /// Where the outcome is `invalid`.
        var invalidReason: InvalidReason?
        /// By index in the rule set: the rule is true, or in error.
        var matches: [Bool]
        var errors: [Bool]
        var alerts: [RaisedAlert]
        var verdict: Verdict

        /// Sorted as bytes.
        func alertNames(shadow: Bool) -> [String] {
            alerts.filter { $0.isShadow == shadow }.map(\.rule).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        }
    }

    let set: RuleSet
    private var kit: FoldKit
    private let windows: TumblingWindows
    private var machine: PartitionMachine
    private var outbox = Outbox()
    /// Value and key of the payment folded last: columns point into it.
    private var input = ByteWriter()
    private let context = OutputContext(group: "rule-tests", inputTopic: "payments", deadLetterMaxBytes: 1_000_000, lateMaxBytes: 1_000_000)
    private var offset: Int64 = 0

    init(_ set: RuleSet, windows: TumblingWindows) {
        self.set = set
        self.windows = windows
        var mapping = InputMapping()
        mapping.amountStyle = .decimal
        kit = FoldKit(ruleSet: set, mapping: mapping, windows: windows)
        machine = Self.machine(windows)
        machine.use(kit)
    }

    private static func machine(_ windows: TumblingWindows) -> PartitionMachine {
        PartitionMachine(partition: 0, state: PartitionState(windows: windows, seed: 0), next: 0, anchor: nil, history: [])
    }

    /// Forgets all payments.
    mutating func reset() {
        machine = Self.machine(windows)
        machine.use(kit)
        offset = 0
    }

    /// Folds one payment, as a record whose Kafka timestamp is its event time.
    mutating func fold(_ given: RuleTest.Given) -> Observation {
        outbox.removeAll()
        kit.counters.removeAll()
        input.removeAll()
        input.append(utf8: given.json)
        let valueCount = input.count
        input.append(utf8: given.accountID)
        let record = RawRecord(
            value: UnsafeRawPointer(input.bytes), valueCount: valueCount, key: UnsafeRawPointer(input.bytes + valueCount), keyCount: input.count - valueCount,
            offset: offset, timestamp: given.at)
        withUnsafePointer(to: record) { record in
            machine.fold(UnsafeBufferPointer(start: record, count: 1), kit: &kit, outbox: &outbox, context: context, emits: true) { _, _, _ in }
        }
        offset += 1
        return observation()
    }

    /// The `&&` terms of a rule's condition on the payment folded last; only if it was folded.
    func terms(ofRule rule: Int) -> [RuleTerm] { kit.terms(ofRule: rule, row: 0) }

    /// What is wrong with the payment folded last; only if it is invalid.
    func problem() -> String { kit.problem() }

    private func observation() -> Observation {
        let counters = kit.counters
        var observation = Observation(
            outcome: Outcome.allCases.first { counters.outcomes[Int($0.rawValue)] > 0 } ?? .ignored,
            invalidReason: InvalidReason.allCases.first { counters.reasons[Int($0.rawValue)] > 0 },
            matches: counters.matches.map { $0 > 0 }, errors: counters.errors.map { $0 > 0 }, alerts: [], verdict: Verdict())
        for (rule, matches) in zip(set.rules, observation.matches) where matches && rule.status == .active {
            observation.verdict.add(score: rule.score, action: rule.action)
        }
        for entry in outbox.entries {
            guard let range = entry.value, entry.kind == .alert || entry.kind == .shadowAlert else { continue }
            let body = outbox.bytes.withBytes { Array($0[range]) }
            let alert = Observation.RaisedAlert(
                rule: AlertBody.text("rule_id", in: body) ?? "", reason: AlertBody.text("reason", in: body) ?? "", isShadow: entry.kind == .shadowAlert)
            observation.alerts.append(alert)
        }
        return observation
    }
}

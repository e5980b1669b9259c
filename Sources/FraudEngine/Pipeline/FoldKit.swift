/// What folding with one rule set needs besides the state: decoder, columns, evaluator, scratch. One per worker and rule set, allocated once.
package struct FoldKit: ~Copyable {
    package let ruleSet: RuleSet
    package let evaluator: RuleEvaluator
    var decoder: PaymentDecoder
    let batch: PaymentBatch
    var columns = FoldedColumns()
    let lanes: UnsafeMutablePointer<Lane>
    /// By rule: its id's bytes.
    let ruleIDs: [[UInt8]]
    let rules: [RuleBrief]
    var text = ByteWriter(capacity: 512)
    package var counters: FoldCounters

    /// What decoding learns of one record.
    struct Lane {
        enum Kind: UInt8 { case payment, ignored, invalid }
        var kind = Kind.ignored
        var reason = InvalidReason.malformed
        var hasAmount = false
        var amount: Int64 = 0
        var placement: UInt64 = 0
        var fingerprint: UInt64 = 0
        var window: Int64 = 0
    }

    /// What marking a hit needs of a rule, without references.
    struct RuleBrief {
        var status: RuleStatus
        var score: UInt8
        var action: Action
        var isPerPayment: Bool
        /// Milliseconds; the base window's for `once_per: payment`.
        var periodLength: Int64

        /// The epoch-aligned period that holds `time`.
        func period(of time: Int64) -> (start: Int64, end: Int64) {
            let rest = time % periodLength
            let start = time - (rest < 0 ? rest + periodLength : rest)
            return (start, start + periodLength)
        }
    }

    package init(ruleSet: RuleSet, mapping: InputMapping, windows: TumblingWindows) {
        self.ruleSet = ruleSet
        evaluator = RuleEvaluator(ruleSet)
        decoder = PaymentDecoder(mapping: mapping, schema: ruleSet.schema)
        batch = PaymentBatch(attributeCount: ruleSet.schema.fields.count)
        lanes = .allocate(capacity: PaymentBatch.capacity)
        lanes.initialize(repeating: Lane(), count: PaymentBatch.capacity)
        ruleIDs = ruleSet.rules.map { Array($0.id.utf8) }
        rules = ruleSet.rules.map { rule in
            switch rule.oncePer {
            case .period(let length):
                RuleBrief(status: rule.status, score: UInt8(rule.score), action: rule.action, isPerPayment: false, periodLength: length)
            case .payment:
                RuleBrief(status: rule.status, score: UInt8(rule.score), action: rule.action, isPerPayment: true, periodLength: windows.size)
            }
        }
        counters = FoldCounters(ruleCount: ruleSet.rules.count)
    }

    deinit { lanes.deallocate() }
}

/// What a worker counted since it last reported; by this process, not committed.
package struct FoldCounters: Sendable {
    package var outcomes = [UInt64](repeating: 0, count: Outcome.allCases.count)
    package var reasons = [UInt64](repeating: 0, count: InvalidReason.allCases.count)
    /// By rule index of the kit's rule set.
    package var matches: [UInt64]
    package var errors: [UInt64]
    package var alerts: [UInt64]
    package var suppressed: [UInt64]

    init(ruleCount: Int) {
        matches = [UInt64](repeating: 0, count: ruleCount)
        errors = matches
        alerts = matches
        suppressed = matches
    }

    package mutating func removeAll() { self = FoldCounters(ruleCount: matches.count) }
}

/// Names that alerts carry, and limits of the outputs; the same for all partitions of a service.
package struct OutputContext: Sendable {
    package var group: [UInt8]
    package var inputTopic: [UInt8]
    /// `/tripline/<group>/<input topic>`
    package var source: [UInt8]
    /// Key, value and headers of a dead letter, bytes; what is more is left out.
    package var deadLetterMaxBytes: Int
    /// Key, value and headers of a late payment, bytes; at least what `input.max_bytes` lets in.
    package var lateMaxBytes: Int

    package init(group: String, inputTopic: String, deadLetterMaxBytes: Int, lateMaxBytes: Int) {
        self.group = Array(group.utf8)
        self.inputTopic = Array(inputTopic.utf8)
        source = Array("/tripline/\(group)/\(inputTopic)".utf8)
        self.deadLetterMaxBytes = deadLetterMaxBytes
        self.lateMaxBytes = lateMaxBytes
    }
}

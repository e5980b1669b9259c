/// Sections 1 to 3 of the contract, and the bytes of its outputs, written down a second time and as plainly as can be: dictionaries, one record
/// at a time, no thought of speed. What the engine gives out is right where this says the same.
///
/// One partition. A function of the records and the rule-set history alone; one owner, not thread-safe. Memory: what the open windows and periods
/// hold, some hundred bytes a payment.
package struct ReferenceFold {
    package struct Configuration: Sendable {
        package var group: String
        /// The payments topic.
        package var topic: String
        package var mapping = PlainMapping()
        /// Of the base window, milliseconds.
        package var window: Int64 = 300_000
        /// Milliseconds.
        package var grace: Int64 = 60_000
        /// What key, value and headers of a dead letter, and of a late payment, may have together, bytes.
        package var deadLetterMaxBytes = Int.max
        package var lateMaxBytes = Int.max

        package init(group: String, topic: String) {
            self.group = group
            self.topic = topic
        }
    }

    package let partition: Int32
    package let configuration: Configuration
    package private(set) var totals = PlainTotals()
    /// Milliseconds; nil before the first folded payment.
    package private(set) var streamTime: Int64?
    var state = PlainState()
    private let horizon: PlainHorizon?
    private var history: [(fromOffset: Int64, judge: PlainJudge)] = []

    /// - Parameters:
    ///   - history: By rising offset, the first at or below the first record.
    ///   - horizon: nil: the fold begins with the partition's birth and sees all there is.
    package init(partition: Int32, configuration: Configuration, history: [PlainActivation], horizon: PlainHorizon? = nil) {
        self.partition = partition
        self.configuration = configuration
        self.horizon = horizon
        for activation in history { use(activation) }
    }

    /// Notes a switch of rules, before the first record at or behind its offset.
    package mutating func use(_ activation: PlainActivation) {
        history.append((activation.fromOffset, PlainJudge(activation.rules, configuration, partition: partition, horizon: horizon)))
    }

    /// Processes the next record: section 1.3, in that order.
    package mutating func fold(_ record: PlainRecord) -> PlainResult {
        guard let judge = history.last(where: { $0.fromOffset <= record.offset })?.judge ?? history.first?.judge else {
            preconditionFailure("a fold has a first rule set")
        }
        switch PlainDecoding(record, configuration.mapping, judge.rules.fields, known: judge.known) {
        case .ignored:
            totals.add(.ignored, amount: nil)
            return PlainResult(outcome: .ignored)
        case .invalid(let problem, let amount):
            totals.add(.invalid, amount: amount)
            return PlainResult(outcome: .invalid, outputs: [deadLetter(record, problem)])
        case .payment(let payment):
            guard let timestamp = record.timestamp else { preconditionFailure("without a timestamp it is invalid") }
            return fold(payment, record, timestamp, judge)
        }
    }

    private mutating func fold(_ payment: PlainPayment, _ record: PlainRecord, _ timestamp: Int64, _ judge: PlainJudge) -> PlainResult {
        let window = PlainTime.start(of: payment.occurredAt, length: configuration.window)
        let isCertain = horizon.map { $0.isBefore(window) } ?? true
        if let streamTime, window + configuration.window <= streamTime - configuration.grace {
            totals.add(.late, amount: payment.amount)
            let isLateForCertain = isCertain || state.isStreamTimeCertain(horizon)
            let output = latePayment(record, window: window, streamTime, isCertain: isLateForCertain)
            return PlainResult(outcome: .late, outputs: [output], isCertain: isLateForCertain)
        }
        guard state.insert(payment, window) else {
            totals.add(.duplicate, amount: payment.amount)
            return PlainResult(outcome: .duplicate, isCertain: isCertain)
        }
        totals.add(.folded, amount: payment.amount)
        advance(to: min(payment.occurredAt, timestamp), isCertain: isCertain)
        let seen = state.seen(payment, window)
        var result = PlainResult(outcome: .folded, isCertain: isCertain)
        judge.judge(payment, seen, PlainMoment(record: record, timestamp: timestamp, window: window, streamTime: streamTime!), &state, &result)
        return result
    }

    /// Section 2.1; what closes is forgotten.
    private mutating func advance(to time: Int64, isCertain: Bool) {
        state.noteTime(time, isCertain: isCertain)
        guard time > streamTime ?? Int64.min else { return }
        streamTime = time
        state.close(until: time - configuration.grace, window: configuration.window)
    }
}

/// Where a fold begins that does not begin with the partition's birth: what lies before it was not seen.
package struct PlainHorizon: Sendable {
    /// No payment that was not seen has a later Kafka timestamp, milliseconds.
    package var timestamp: Int64
    /// None occurred later, milliseconds.
    package var eventTime: Int64

    /// - Parameter maxAhead: of the mapping: how much later than its Kafka timestamp a payment may have occurred, milliseconds.
    package init(timestamp: Int64, maxAhead: Int64) {
        self.timestamp = timestamp
        eventTime = timestamp + maxAhead
    }

    /// Whether all payments of an interval that begins then were seen.
    package func isBefore(_ start: Int64) -> Bool { start > eventTime }
}

/// A payment's record and when it is judged.
struct PlainMoment {
    var record: PlainRecord
    /// Kafka timestamp, milliseconds.
    var timestamp: Int64
    /// Start of its base window, milliseconds.
    var window: Int64
    var streamTime: Int64
}

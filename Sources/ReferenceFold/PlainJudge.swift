import CEL

/// Section 3: one rule set over one payment at a time.
struct PlainJudge {
    let rules: PlainRuleSet
    let configuration: ReferenceFold.Configuration
    let partition: Int32
    /// The members of a record that are read.
    let known: Set<Bytes>
    private let horizon: PlainHorizon?
    private let lists: [String: Set<Bytes>]

    init(_ rules: PlainRuleSet, _ configuration: ReferenceFold.Configuration, partition: Int32, horizon: PlainHorizon?) {
        var sorted = rules
        sorted.rules.sort { $0.id.utf8.lexicographicallyPrecedes($1.id.utf8) }
        self.rules = sorted
        self.configuration = configuration
        self.partition = partition
        self.horizon = horizon
        known = PlainDecoding.names(configuration.mapping, rules.fields)
        lists = rules.lists.mapValues { Set($0.map { Bytes($0.utf8) }) }
    }

    /// A payment with what it is judged by.
    struct Case {
        var payment: PlainPayment
        var moment: PlainMoment
        /// Of the account's base window with the payment, all currencies and the payment's.
        var count: Int64
        var sum: Int64?
        var evaluation: PlainEvaluation
        var score: Int
        var decision: PlainAction
    }

    /// Enters the payment's hits into the marks, and adds alerts and the account's score to the result.
    func judge(_ payment: PlainPayment, _ seen: (count: Int64, sum: Int64?), _ moment: PlainMoment, _ state: inout PlainState, _ result: inout PlainResult) {
        let evaluation = PlainEvaluation(variables: rules.variables.map { value($0, payment, seen) }, lists: lists)
        let hits = rules.rules.filter { rule in
            rule.status != .disabled && rule.effectiveFrom <= payment.occurredAt && payment.occurredAt < rule.effectiveUntil
                && evaluation.isTrue(rule.condition.root)
        }
        let active = hits.filter { $0.status == .active }
        let score = min(100, active.reduce(0) { $0 + $1.score })
        let judged = Case(
            payment: payment, moment: moment, count: seen.count, sum: seen.sum, evaluation: evaluation, score: score,
            decision: decision(score, active.map(\.action)))
        var changesScore = false
        for rule in hits {
            let period = period(of: rule, payment.occurredAt)
            let before = state.mark(
                payment.account,
                PlainState.Mark(
                    rule: Bytes(rule.id.utf8), period: period, isShadow: rule.status == .shadow, isPerPayment: rule.oncePer == .payment, hits: 1,
                    score: rule.score, action: rule.action))
            let contributes = rule.status == .active && period.upperBound > moment.streamTime
            if contributes, before.map({ $0.score != rule.score || $0.action != rule.action }) ?? true { changesScore = true }
            guard rule.action != .allow else { continue }
            let isCertain = result.isCertain && (horizon?.isBefore(period.lowerBound) ?? true)
            if before == nil || rule.oncePer == .payment || !isCertain { result.outputs.append(alert(rule, period, judged, isCertain: isCertain)) }
        }
        if changesScore { result.score = accountScore(judged, state.marks[payment.account] ?? []) }
    }

    private func value(_ variable: PlainVariable, _ payment: PlainPayment, _ seen: (count: Int64, sum: Int64?)) -> PlainVariableValue {
        switch variable {
        case .paymentID: return .value(.string(payment.paymentID))
        case .accountID: return .value(.string(payment.account))
        case .amount: return .value(.double(major(payment.amount, payment)))
        case .currency: return .value(.string(payment.currency))
        case .occurredAt: return .value(.timestamp(payment.occurredAt))
        case .field(let field): return payment.fields[field].map { .value($0) } ?? .absent
        case .count(let includesCurrent): return .value(.int(includesCurrent ? seen.count : seen.count - 1))
        case .sum(let includesCurrent):
            guard let sum = seen.sum else { return .error }
            return .value(.double(major(includesCurrent ? sum : sum - payment.amount, payment)))
        }
    }

    /// Money as rules see it.
    private func major(_ minor: Int64, _ payment: PlainPayment) -> Double {
        PlainNumber.major(minor, digits: PlainCurrency.digits(of: payment.currency) ?? 0)
    }

    /// The period of the rule that holds a time; for `payment` the base window.
    private func period(of rule: PlainRule, _ time: Int64) -> Range<Int64> {
        let length: Int64
        switch rule.oncePer {
        case .period(let milliseconds): length = milliseconds
        case .payment: length = configuration.window
        }
        let start = PlainTime.start(of: time, length: length)
        return start..<start + length
    }

    // MARK: Scores

    /// Section 3.5.
    private func decision(_ score: Int, _ actions: [PlainAction]) -> PlainAction {
        if actions.contains(.block) { return .block }
        if actions.contains(.allow) { return .allow }
        let band = rules.policy.band(of: score)
        if band.rawValue >= rules.policy.block.rawValue { return .block }
        return actions.contains(.review) || band.rawValue >= rules.policy.review.rawValue ? .review : .allow
    }

    /// Section 3.4: each active rule contributes until its period ends; of two that overlap the one that ends later counts, with the hits of both.
    private func accountScore(_ judged: Case, _ marks: [PlainState.Mark]) -> PlainScore {
        var contributing: [PlainState.Mark] = []
        for rule in rules.rules where rule.status == .active {
            let live = marks.filter { $0.rule == Bytes(rule.id.utf8) && !$0.isShadow && $0.period.upperBound > judged.moment.streamTime }
            guard var last = live.max(by: { ($0.period.upperBound, $0.period.lowerBound) < ($1.period.upperBound, $1.period.lowerBound) }) else { continue }
            last.hits = live.reduce(0) { $0 + $1.hits }
            contributing.append(last)
        }
        let score = min(100, contributing.reduce(0) { $0 + $1.score })
        let rows = contributing.map { mark in
            "{\"id\":\(PlainText.quoted(mark.rule)),\"score\":\(mark.score),\"action\":\"\(mark.action.rawValue)\",\"hits\":\(mark.hits),"
                + "\"expires_at\":\"\(PlainTime.text(mark.period.upperBound))\"}"
        }
        return PlainScore(
            account: judged.payment.account, score: score, band: rules.policy.band(of: score), decision: decision(score, contributing.map(\.action)),
            rules: Bytes("[\(rows.joined(separator: ","))]".utf8), eventTime: judged.payment.occurredAt, streamTime: judged.moment.streamTime,
            expiry: contributing.map(\.period.upperBound).max() ?? judged.moment.streamTime, offset: judged.moment.record.offset, ruleSet: rules.hash)
    }
}

/// An account's score as it is to be stored: written to Redis once the transaction that caused it is committed.
package struct ScoreChange: Sendable {
    package var partition: Int32
    package var account: [UInt8]
    /// 0 to 100.
    package var score: Int
    package var band: DecisionPolicy.Band
    package var decision: Action
    /// JSON array of the contributing rules: id, score, action, hits, expires_at.
    package var rules: [UInt8]
    /// Event time of the payment that caused it, milliseconds (stream time where none did).
    package var eventTime: Int64
    package var streamTime: Int64
    /// End of the last contribution, milliseconds; stream time where there is none.
    package var expiry: Int64
    package var offset: Int64
    /// Kafka timestamp of the payment, milliseconds; nil where none caused it.
    package var receivedAt: Int64?
    package var ruleSet: RuleSetHash
    /// The partition's switch to that rule set: of two scores as of one offset the one with the later switch is newer.
    package var sequence: UInt64
}

/// What decides on a payment or an account.
package struct Verdict {
    package private(set) var score = 0
    private var isBlocked = false
    private var isAllowed = false
    private var isReviewed = false

    package init() {}

    package mutating func add(score added: Int, action: Action) {
        score = min(100, score + added)
        switch action {
        case .allow: isAllowed = true
        case .review: isReviewed = true
        case .block: isBlocked = true
        }
    }

    /// A block action beats an allow action beats review actions and the bands.
    package func decision(_ policy: DecisionPolicy) -> Action {
        if isBlocked { return .block }
        if isAllowed { return .allow }
        let band = policy.band(of: score)
        if band.rawValue >= policy.block.rawValue { return .block }
        return isReviewed || band.rawValue >= policy.review.rawValue ? .review : .allow
    }
}

extension PartitionMachine {
    /// The account's score at a stream time, from the marks that still contribute then.
    func score(
        of record: UInt32, at streamTime: Int64, offset: Int64, eventTime: Int64, receivedAt: Int64?, kit: borrowing FoldKit
    ) -> ScoreChange {
        var contributing: [Int: HitEntry] = [:]
        var hit = state.accounts.firstHit(of: record)
        while hit != 0 {
            let entry = state.accounts.hit(hit)
            hit = entry.next
            guard entry.isShadow == 0, entry.periodEnd > streamTime else { continue }
            let rule = activeRule(entry.rule)
            guard rule >= 0 else { continue }
            contributing[rule] = contributing[rule].map { Self.merge($0, entry) } ?? entry
        }
        var verdict = Verdict()
        var expiry = streamTime
        var json = ByteWriter(capacity: 256)
        json.append(UInt8(ascii: "["))
        for rule in contributing.keys.sorted() {
            let entry = contributing[rule]!
            verdict.add(score: Int(entry.score), action: Action(rawValue: entry.action)!)
            expiry = max(expiry, entry.periodEnd)
            if json.count > 1 { json.append(UInt8(ascii: ",")) }
            Self.append(entry, id: kit.ruleSet.rules[rule].id, to: &json)
        }
        json.append(UInt8(ascii: "]"))
        return ScoreChange(
            partition: partition, account: state.accounts.key(of: record).array, score: verdict.score, band: kit.ruleSet.policy.band(of: verdict.score),
            decision: verdict.decision(kit.ruleSet.policy), rules: json.array(), eventTime: eventTime, streamTime: streamTime, expiry: expiry,
            offset: offset, receivedAt: receivedAt, ruleSet: kit.ruleSet.hash, sequence: history.last?.sequence ?? 0)
    }

    /// A rule contributes once: of two overlapping periods (its `once_per` changed) the one that ends later decides; hits add up.
    private static func merge(_ a: HitEntry, _ b: HitEntry) -> HitEntry {
        var later = (a.periodEnd, a.periodStart) >= (b.periodEnd, b.periodStart) ? a : b
        later.hits = a.hits &+ b.hits
        return later
    }

    private static func append(_ entry: HitEntry, id: String, to json: inout ByteWriter) {
        json.append("{\"id\":")
        json.append(jsonString: id)
        json.append(",\"score\":")
        json.append(decimal: Int64(entry.score))
        json.append(",\"action\":\"")
        json.append(Action(rawValue: entry.action)!.name)
        json.append("\",\"hits\":")
        json.append(decimal: entry.hits)
        json.append(",\"expires_at\":\"")
        json.append(timestamp: entry.periodEnd)
        json.append("\"}")
    }

    /// The scores of accounts of these classes with a live contribution (or one that a switch of rules ended), for a store that has none or old
    /// ones: of `count` records of the table from `first` on; and where to go on, nil at the end.
    package func scores(_ classes: ScoreClasses, from first: UInt32, count: UInt32, kit: borrowing FoldKit) -> (scores: [ScoreChange], next: UInt32?) {
        var scores: [ScoreChange] = []
        let end = min(first + count, max(first, state.accounts.end))
        for record in first..<end where state.accounts.isUsed(record) && hasLiveHit(record) {
            guard classes.intersects(ScoreClasses(of: state.accounts.key(of: record))) else { continue }
            scores.append(score(of: record, at: state.streamTime, offset: next - 1, eventTime: state.streamTime, receivedAt: nil, kit: kit))
        }
        return (scores, end >= state.accounts.end ? nil : end)
    }

    private func hasLiveHit(_ record: UInt32) -> Bool {
        var hit = state.accounts.firstHit(of: record)
        while hit != 0 {
            let entry = state.accounts.hit(hit)
            if entry.isShadow == 0, entry.periodEnd > state.streamTime { return true }
            hit = entry.next
        }
        return false
    }
}

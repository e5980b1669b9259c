import FraudEngine

/// What makes a stored score an answer: the rules' thresholds of now, and what has ended by now.
struct RiskTerms: Sendable {
    /// A partition that nobody has told of for longer is stale, milliseconds.
    private static let staleAfter: Int64 = 5_000

    let topic: String
    /// Milliseconds.
    let grace: Int64
    let policy: @Sendable () -> DecisionPolicy

    /// The document of one account's risk.
    func append(_ account: [UInt8], _ stored: StoredRisk?, _ partition: Int32, _ place: StoredPartition?, now: Int64, to out: inout ByteWriter) {
        let policy = policy()
        let live = contributions(stored, place, now: now)
        out.append("{\"account_id\":")
        out.append(jsonString: String(decoding: account, as: UTF8.self))
        out.append(stored == nil ? ",\"known\":false,\"score\":" : ",\"known\":true,\"score\":")
        append(live, policy, to: &out)
        out.append(",\"rules\":[")
        for (index, contribution) in live.enumerated() { append(contribution, isFirst: index == 0, to: &out) }
        out.append("],\"thresholds\":{\"medium\":")
        out.append(decimal: Int64(policy.medium))
        out.append(",\"high\":")
        out.append(decimal: Int64(policy.high))
        out.append(",\"critical\":")
        out.append(decimal: Int64(policy.critical))
        append(place, partition, ruleSet: stored?.ruleSet ?? place?.ruleSet, now: now, to: &out)
    }

    /// A line of the leaderboard: the peak, and the score of now.
    func append(peak: Int64, _ account: [UInt8], _ stored: StoredRisk?, _ place: StoredPartition?, now: Int64, to out: inout ByteWriter) {
        out.append("{\"account_id\":")
        out.append(jsonString: String(decoding: account, as: UTF8.self))
        out.append(",\"peak\":")
        out.append(decimal: peak)
        out.append(",\"score\":")
        append(contributions(stored, place, now: now), policy(), to: &out)
        out.append(UInt8(ascii: "}"))
    }

    private func contributions(_ stored: StoredRisk?, _ place: StoredPartition?, now: Int64) -> [StoredRisk.Contribution] {
        stored?.contributions.filter { !isOver($0, place, now: now) } ?? []
    }

    /// Its period has ended: by the partition's stream time, or by the clock where the partition has nothing left to read.
    private func isOver(_ contribution: StoredRisk.Contribution, _ place: StoredPartition?, now: Int64) -> Bool {
        guard let place else { return false }
        if let streamTime = place.streamTime, contribution.expiresAt <= streamTime { return true }
        return place.lag == 0 && now - place.at <= Self.staleAfter && contribution.expiresAt <= now - grace
    }

    /// Score, band and decision.
    private func append(_ live: [StoredRisk.Contribution], _ policy: DecisionPolicy, to out: inout ByteWriter) {
        var verdict = Verdict()
        for contribution in live { verdict.add(score: contribution.score, action: contribution.action) }
        out.append(decimal: Int64(verdict.score))
        out.append(",\"band\":\"")
        out.append(policy.band(of: verdict.score).name)
        out.append("\",\"decision\":\"")
        out.append(verdict.decision(policy).name)
        out.append(UInt8(ascii: "\""))
    }

    private func append(_ contribution: StoredRisk.Contribution, isFirst: Bool, to out: inout ByteWriter) {
        out.append(isFirst ? "{\"id\":\"" : ",{\"id\":\"")
        out.append(Array(contribution.id))
        out.append("\",\"score\":")
        out.append(decimal: Int64(contribution.score))
        out.append(",\"hits\":")
        out.append(decimal: contribution.hits)
        out.append(",\"expires_at\":\"")
        out.append(Array(contribution.expiresText))
        out.append("\"}")
    }

    private func append(_ place: StoredPartition?, _ partition: Int32, ruleSet: [UInt8]?, now: Int64, to out: inout ByteWriter) {
        out.append("},\"as_of\":")
        out.append(utf8: place?.streamTime.map(jsonTime) ?? "null")
        let age = place.map { max(0, now - $0.at) }
        out.append(utf8: ",\"age_ms\":\(age.map(String.init) ?? "null"),\"stale\":\(age.map { $0 > Self.staleAfter } ?? true),\"rule_set\":")
        out.append(utf8: ruleSet.map { jsonQuoted(String(decoding: $0, as: UTF8.self)) } ?? "null")
        out.append(",\"source\":{\"topic\":")
        out.append(jsonString: topic)
        out.append(
            utf8: ",\"partition\":\(partition),\"offset\":\(place.map { String($0.offset) } ?? "null"),\"lag\":\(place.map { String($0.lag) } ?? "null")}}")
    }
}

import FraudEngine
import Synchronization

/// What the process has counted and measured. Thread-safe; updates come once per run, transaction or request, not once per payment.
package final class Metrics: Sendable {
    let version: String
    let records = CounterFamily(Outcome.allCases.map { ["\($0.name)"] })
    let invalidRecords = CounterFamily(InvalidReason.allCases.map { ["\($0.name)"] })
    let alerts = CounterFamily()
    let suppressed = CounterFamily()
    let matches = CounterFamily()
    let ruleErrors = CounterFamily()
    let eventLatency = Histogram()
    let scoreLatency = Histogram()
    let transactionDuration = Histogram()
    let transactions = CounterFamily([["committed"], ["aborted"], ["foreign"]])
    let producerRecycles = MetricNumber()
    let rebalances = MetricNumber()
    let checkpoints = CounterFamily([["success"], ["failure"]])
    let checkpointDuration = Histogram()
    let recoveries = CounterFamily([["birth"], ["checkpoint"], ["log"]])
    let recoveryDuration = Histogram()
    let digestMismatches = MetricNumber()
    let redisWrites = CounterFamily(ScoreWriteResult.allCases.map { [$0.rawValue] })
    let redisPending = MetricNumber()
    let reloads = CounterFamily([["success"], ["failure"]])
    let requests = CounterFamily()
    let requestDuration = HistogramFamily()
    let rules = Mutex(RulesReading())

    /// The rule set read last, and the ids whose series are kept: its own and its predecessor's.
    struct RulesReading {
        var sha: String?
        /// Unix milliseconds.
        var at: Int64 = 0
        var ids: Set<String>?
        var formerIDs: Set<String> = []
    }

    package init(version: String) { self.version = version }

    // MARK: Folding

    /// Adds what a worker counted with a rule set. Rules that are in neither the current set nor the one before it are left out.
    package func add(_ counters: FoldCounters, of ruleSet: RuleSet) {
        for (outcome, count) in zip(Outcome.allCases, counters.outcomes) where count > 0 { records.add(["\(outcome.name)"], count) }
        for (reason, count) in zip(InvalidReason.allCases, counters.reasons) where count > 0 { invalidRecords.add(["\(reason.name)"], count) }
        rules.withLock { reading in
            for (index, rule) in ruleSet.rules.enumerated() {
                if let ids = reading.ids, !ids.contains(rule.id), !reading.formerIDs.contains(rule.id) { continue }
                let mode = rule.status.rawValue
                if counters.matches[index] > 0 { matches.add([rule.id, mode], counters.matches[index]) }
                if counters.alerts[index] > 0 { alerts.add([rule.id, mode], counters.alerts[index]) }
                if counters.suppressed[index] > 0 { suppressed.add([rule.id], counters.suppressed[index]) }
                if counters.errors[index] > 0 { ruleErrors.add([rule.id], counters.errors[index]) }
            }
        }
    }

    // MARK: Transactions

    /// - Parameter result: `committed`, `aborted` or `foreign`.
    package func transactionEnded(_ result: String, seconds: Double) {
        transactions.add([result])
        transactionDuration.observe(seconds)
    }

    /// Seconds from a payment's Kafka timestamp to the acknowledged commit of its output.
    package func observeEventLatency(seconds: Double) { eventLatency.observe(seconds) }

    package func producerReplaced() { producerRecycles.add() }

    package func rebalanced() { rebalances.add() }

    // MARK: Checkpoints and recovery

    package func checkpointWritten(seconds: Double) {
        checkpoints.add(["success"])
        checkpointDuration.observe(seconds)
    }

    package func checkpointFailed() { checkpoints.add(["failure"]) }

    /// A partition went live.
    /// - Parameters:
    ///   - source: `birth`, `checkpoint` or `log`.
    ///   - seconds: since it was assigned, or since a transaction with its records was aborted.
    package func recovered(from source: String, seconds: Double) {
        recoveries.add([source])
        recoveryDuration.observe(seconds)
    }

    package func digestMismatch() { digestMismatches.add() }

    // MARK: Redis

    /// What became of a score offered to Redis.
    package enum ScoreWriteResult: String, Sendable, CaseIterable {
        case applied
        /// Redis held a newer one.
        case stale
        case failed
    }

    package func scoresWritten(_ count: Int, _ result: ScoreWriteResult) {
        if count > 0 { redisWrites.add([result.rawValue], UInt64(count)) }
    }

    /// Seconds from a commit acknowledged to its scores written.
    package func observeScoreLatency(seconds: Double) { scoreLatency.observe(seconds) }

    /// Accounts whose score waits to be written.
    package func setRedisPending(_ count: Int) { redisPending.set(Int64(count)) }

    // MARK: Rules

    /// The rules were read without an error: these are current from now on.
    /// - Parameter at: Unix milliseconds.
    package func rulesReloaded(_ ruleSet: RuleSet, at: Int64) {
        reloads.add(["success"])
        rules.withLock { reading in
            reading.at = at
            guard reading.sha != ruleSet.hash.hexadecimal else { return }
            reading.sha = ruleSet.hash.hexadecimal
            let ids = Set(ruleSet.rules.map(\.id))
            let kept = ids.union(reading.ids ?? [])
            reading.formerIDs = reading.ids ?? []
            reading.ids = ids
            for family in [alerts, suppressed, matches, ruleErrors] { family.remove { !kept.contains($0[0]) } }
            for rule in ruleSet.rules where rule.status != .disabled { begin(rule) }
        }
    }

    /// A rule's counters stand at 0 before it first matches, so that a rate sees the first match too.
    private func begin(_ rule: Rule) {
        for family in [alerts, matches] { family.add([rule.id, rule.status.rawValue], 0) }
        for family in [suppressed, ruleErrors] { family.add([rule.id], 0) }
    }

    /// The rules could not be read; the last good set stays.
    package func rulesReloadFailed() { reloads.add(["failure"]) }

    // MARK: HTTP

    /// - Parameter route: the route's template, never a request's path: label values are bounded.
    package func requestAnswered(route: String, code: Int, seconds: Double) {
        requests.add([route, String(code)])
        requestDuration.observe(route, seconds)
    }
}

import FraudEngine
import ReferenceFold
import RuleFiles

/// What of a partition is folded and compared.
struct VerifiedPartition {
    let facts: PartitionFacts
    let committed: CommittedPosition
    let metadata: CommitMetadata
    /// As far back as it is known.
    let history: [RuleActivation]
    /// The first record that is folded.
    var start: Int64
    /// Records whose outputs are compared; up to the committed offset at most.
    var compared: Range<Int64>
    /// Set where the fold begins at a time: no record before `start` has this Kafka timestamp or a later one, Unix milliseconds.
    var startTime: Int64?
    /// Why the committed totals are not compared; nil: they are.
    var totalsGap: String?
    var recordCount = 0
    /// Records of `compared` whose window was seen whole: what their outputs are can be told, but for rules with a longer period.
    var judgedCount = 0
    /// Left out of the fold, as the operator left them out of the service's.
    var passedCount = 0

    /// The fold sees everything that the partition's state was made of.
    var isFromBirth: Bool { history.first.map { $0.sequence == 1 && start <= $0.fromOffset } ?? false }
}

/// Decides it, and reads what is needed.
struct VerificationPlan {
    let context: OperationContext
    /// Kafka timestamps, Unix milliseconds: `from ≤ t < to`.
    let range: Invocation.Verification

    /// nil: nothing is committed, so that nothing can be compared.
    func partition(_ facts: PartitionFacts) throws(StartFailure) -> VerifiedPartition? {
        guard let committed = facts.committed else { return nil }
        let metadata = try metadata(facts, committed)
        let history = try history(facts, metadata)
        guard let first = history.first else { throw refusal(facts, "there is no rule-set history with the committed offset") }
        let begin = min(max(facts.logStart, first.fromOffset), committed.offset)
        let lower = max(begin, try clamped(range.from, facts, begin, committed.offset))
        let upper = max(lower, try clamped(range.to, facts, committed.offset, committed.offset))
        var plan = VerifiedPartition(
            facts: facts, committed: committed, metadata: metadata, history: history, start: begin, compared: lower..<upper, startTime: nil, totalsGap: nil)
        if let from = range.from, lower > begin { try shorten(&plan, from) }
        plan.totalsGap = totalsGap(plan)
        return plan
    }

    private func refusal(_ facts: PartitionFacts, _ why: String) -> StartFailure { StartFailure(.refused, "partition \(facts.partition): \(why)") }

    private func metadata(_ facts: PartitionFacts, _ committed: CommittedPosition) throws(StartFailure) -> CommitMetadata {
        switch WorkerMachine.check(facts.claimAsCommitted, committed, partitionCount: context.worker.partitionCount, foldHash: context.worker.foldHash) {
        case .success(let metadata): return metadata
        case .failure(.foldChanged):
            throw refusal(
                facts, "it was folded with other time.* or input.* settings than these, or by another version: verify with the settings of the service")
        case .failure(let why): throw refusal(facts, "\(why.message); \(why.cure(context.cures, facts.partition))")
        }
    }

    /// The metadata's; where that does not reach back to the first rule set, with the newest checkpoint's.
    private func history(_ facts: PartitionFacts, _ metadata: CommitMetadata) throws(StartFailure) -> [RuleActivation] {
        if metadata.history.first?.sequence == 1 { return metadata.history }
        for entry in facts.checkpoints.reversed() where entry.epoch == metadata.epoch {
            let read: Result<ReadCheckpoint, CheckpointLoader.Unusable>
            do throws(CheckpointLoader.Failure) { read = try context.loader.read(entry) } catch { throw failure(error, facts) }
            guard case .success(let checkpoint) = read else { continue }
            if let history = Recovery.history(checkpoint: checkpoint.header.history, metadata: metadata.history) { return history }
        }
        return metadata.history
    }

    /// The first record at or after a time, within bounds.
    private func clamped(_ time: Int64?, _ facts: PartitionFacts, _ otherwise: Int64, _ end: Int64) throws(StartFailure) -> Int64 {
        guard let time else { return otherwise }
        let found = try context.access.offset(facts.partition, at: time) ?? end
        return min(max(found, min(facts.logStart, end)), end)
    }

    /// Begins not with the log but so early that windows and periods of what is compared are seen from their start.
    private func shorten(_ plan: inout VerifiedPartition, _ from: Int64) throws(StartFailure) {
        var longest = context.worker.windows.size
        for hash in Recovery.ruleSets(history: plan.history, from: plan.compared.lowerBound) {
            for rule in try ruleSet(hash, plan.facts).rules {
                if case .period(let length) = rule.oncePer { longest = max(longest, length) }
            }
        }
        let windows = context.worker.windows
        let time = from - longest - 2 * windows.size - windows.grace - context.worker.mapping.maxAheadMilliseconds
        let found = try context.access.offset(plan.facts.partition, at: time) ?? plan.compared.lowerBound
        guard found > plan.start else { return }
        plan.start = min(found, plan.compared.lowerBound)
        plan.startTime = time
    }

    private func totalsGap(_ plan: VerifiedPartition) -> String? {
        if plan.compared.upperBound < plan.committed.offset { return "--to leaves records out" }
        if plan.isFromBirth { return nil }
        if plan.startTime != nil { return "--from leaves records out" }
        guard let first = plan.history.first, first.sequence == 1 else { return "the rule-set history that is known does not reach back to its birth" }
        return "the log begins at offset \(plan.facts.logStart), after its birth at offset \(first.fromOffset)"
    }

    // MARK: Rules

    private func ruleSet(_ hash: RuleSetHash, _ facts: PartitionFacts) throws(StartFailure) -> RuleSet {
        do throws(CheckpointLoader.Failure) { return try context.loader.ruleSet(hash) } catch { throw failure(error, facts) }
    }

    private func failure(_ why: CheckpointLoader.Failure, _ facts: PartitionFacts) -> StartFailure {
        switch why {
        case .refused(let why): refusal(facts, "\(why.message); \(why.cure(context.cures, facts.partition))")
        case .later(let problem): StartFailure(problem, context.store)
        }
    }

    /// The rule sets that judge what is folded, by rising offset.
    func activations(_ plan: VerifiedPartition, _ known: inout [RuleSetHash: PlainRuleSet]) throws(StartFailure) -> [PlainActivation] {
        var activations: [PlainActivation] = []
        for (index, entry) in plan.history.enumerated() {
            let isPast = index + 1 < plan.history.count && plan.history[index + 1].fromOffset <= plan.start
            if isPast || entry.fromOffset >= plan.compared.upperBound && !activations.isEmpty { continue }
            if known[entry.ruleSet] == nil { known[entry.ruleSet] = PlainRuleSet(try ruleSet(entry.ruleSet, plan.facts)) }
            if let rules = known[entry.ruleSet] { activations.append(PlainActivation(fromOffset: entry.fromOffset, rules: rules)) }
        }
        return activations
    }
}

extension PartitionFacts {
    /// As a worker would be told of it, had the log not lost anything: what is gone is seen when it is needed.
    fileprivate var claimAsCommitted: Claim {
        var claim = claim
        if let committed { claim.logStart = min(claim.logStart, committed.offset) }
        return claim
    }
}

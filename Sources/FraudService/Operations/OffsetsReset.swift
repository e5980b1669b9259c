import FraudEngine
import RuleFiles

/// `tripline offsets reset`: an empty state at an offset, in a new lineage.
enum OffsetsReset {
    static func plan(_ target: Operation.Target, _ partitions: [Int32], _ context: OperationContext) throws(StartFailure) -> OperationPlan {
        let rules = try rules(context.settings)
        var plan = OperationPlan(action: "offsets reset", group: context.settings.group, topic: context.settings.input.topic)
        plan.ruleSet = (rules.set.hash, rules.bundle.encoded)
        var obstacles = PartitionObstacles()
        let now = Clock.wallMilliseconds()
        for facts in try context.facts(partitions) {
            guard let (offset, notes) = try offset(target, facts, context.access) else {
                plan.untouched.append((facts.partition, "nothing is committed"))
                continue
            }
            guard (facts.logStart...facts.logEnd).contains(offset) else {
                let earliest = RefusalCommand.reset(.earliest).text(context.cures, facts.partition)
                obstacles.add(facts.partition, "offset \(offset) is outside of the log, which has \(facts.logStart) to \(facts.logEnd); run: \(earliest)")
                continue
            }
            let metadata = Lineage.empty(
                at: offset, epoch: facts.nextEpoch(now: now), ruleSet: rules.set.hash, windows: context.worker.windows, foldHash: context.worker.foldHash,
                partitionCount: context.worker.partitionCount)
            var change = PartitionChange(facts, offset: offset, metadata)
            let unread = unread(facts, before: offset)
            change.lostCount = unread.count
            change.notes = notes + unread.notes
            plan.changes.append(change)
        }
        try obstacles.throwIfAny()
        plan.costs = ["the partitions begin with empty windows: rules that count payments before the offset may miss alerts until those windows are over"]
        if !plan.changes.allSatisfy(\.beginsBehindAlerts) {
            plan.costs.append("alerts that were sent for payments from the offset on are sent again, with the same alert_id")
        }
        plan.costs.append("totals begin at 0")
        return plan
    }

    /// The target's offset in this partition, with what is to be said about it; nil: there is none.
    private static func offset(_ target: Operation.Target, _ facts: PartitionFacts, _ access: GroupAccess) throws(StartFailure) -> (Int64, [String])? {
        switch target {
        case .earliest: return (facts.logStart, [])
        case .latest: return (facts.logEnd, [])
        // Where that was deleted, with what comes next.
        case .current: return facts.committed.map { (max($0.offset, facts.logStart), []) }
        case .offset(let offset): return (offset, [])
        case .time(let time):
            if let offset = try access.offset(facts.partition, at: time) { return (offset, []) }
            return (facts.logEnd, ["every record is older than \(readable(time)): it begins with the next one that comes"])
        }
    }

    /// Payments that nobody will ever judge, at most: what the log has lost since the committed offset, and what a reset to `offset` passes; nil: what was
    /// read is not known.
    private static func unread(_ facts: PartitionFacts, before offset: Int64) -> (count: Int64?, notes: [String]) {
        let read: Int64
        switch (facts.committed, facts.metadata) {
        // Beyond the log: another one than was read.
        case (let committed?, .success): read = committed.offset > facts.logEnd ? facts.logStart : committed.offset
        case (nil, _) where facts.checkpoints.isEmpty: read = facts.logStart
        case _: return (nil, offset > facts.logStart ? ["whether payments are passed unread is not known: what was read is not"] : [])
        }
        let first = max(read, facts.logStart)
        let (deleted, passed) = (first - read, max(0, offset - first))
        var notes: [String] = []
        if deleted > 0 { notes.append("offsets \(read) to \(first - 1) were deleted before they were read: up to \(deleted) payments are lost") }
        if passed > 0 { notes.append("offsets \(first) to \(offset - 1) are passed unread: up to \(passed) payments are judged by nothing") }
        return (deleted + passed, notes)
    }

    private static func rules(_ settings: Settings) throws(StartFailure) -> LoadedRuleSet {
        let (directory, size) = (settings.rules.directory, settings.windows.size)
        switch DeepStack.run({ RuleFiles.load(directory: directory, baseWindowMilliseconds: size) }) {
        case .success(let loaded): return loaded
        case .failure(let diagnostics):
            throw StartFailure(.usage, diagnostics.text + UnloadedRules.ofSettings(directory, diagnostics).sentence)
        }
    }
}

extension PartitionChange {
    /// Nothing is read again, as far as that is known.
    fileprivate var beginsBehindAlerts: Bool { beforeEpoch != nil && before.map { offset >= $0.offset } ?? false }
}

import FraudEngine
import RuleFiles

/// `tripline offsets reset`: an empty state at an offset, in a new lineage.
enum OffsetsReset {
    static func plan(_ target: Operation.Target, _ partitions: [Int32], _ context: OperationContext) throws(StartFailure) -> OperationPlan {
        let rules = try rules(context.settings)
        var plan = OperationPlan(action: "offsets reset", group: context.settings.group, topic: context.settings.input.topic)
        plan.ruleSet = (rules.set.hash, rules.bundle.encoded)
        plan.costs = [
            "the partitions begin with empty windows: rules that count payments before the offset may miss alerts until those windows are over",
            "alerts that were sent for payments from the offset on are sent again, with the same alert_id",
            "totals begin at 0",
        ]
        var obstacles = PartitionObstacles()
        let now = Clock.wallMilliseconds()
        for facts in try context.facts(partitions) {
            guard let (offset, lostCount, notes) = try offset(target, facts, context.access) else {
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
            change.notes = notes
            change.lostCount = lostCount
            plan.changes.append(change)
        }
        try obstacles.throwIfAny()
        return plan
    }

    /// The target's offset in this partition, how many unread records are gone, and what is to be said about it; nil: there is none.
    private static func offset(
        _ target: Operation.Target, _ facts: PartitionFacts, _ access: GroupAccess
    ) throws(StartFailure) -> (Int64, lostCount: Int64, [String])? {
        switch target {
        case .earliest: return (facts.logStart, 0, [])
        case .latest: return (facts.logEnd, 0, [])
        case .current:
            guard let committed = facts.committed?.offset else { return nil }
            let lostCount = facts.logStart - committed
            guard lostCount > 0 else { return (committed, 0, []) }
            return (
                facts.logStart, lostCount,
                ["offsets \(committed) to \(facts.logStart - 1) were deleted before they were read: up to \(lostCount) payments are lost"]
            )
        case .offset(let offset): return (offset, 0, [])
        case .time(let time):
            if let offset = try access.offset(facts.partition, at: time) { return (offset, 0, []) }
            return (facts.logEnd, 0, ["every record is older than \(readable(time)): it begins with the next one that comes"])
        }
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

import FraudEngine

/// `tripline offsets accept-gap`: goes on where records or checkpoints are gone, with as much of the state as can be recovered, in a new lineage.
enum OffsetsAcceptGap {
    static func plan(_ partitions: [Int32], _ context: OperationContext) throws(StartFailure) -> OperationPlan {
        var plan = OperationPlan(action: "offsets accept-gap", group: context.settings.group, topic: context.settings.input.topic)
        plan.costs = ["what is missing from a state can make rules miss alerts, or send them again, until the windows and periods open now are over"]
        var obstacles = PartitionObstacles()
        let now = Clock.wallMilliseconds()
        for facts in try context.facts(partitions) {
            do throws(OfflineRecovery.Trouble) {
                switch facts.committed {
                case .some(let committed): try goOn(facts, committed, now, context, &plan)
                case nil: try goOnFromCheckpoint(facts, now, context, &plan)
                }
            } catch {
                switch error {
                case .failed(let failure): throw failure
                case .refused(let why):
                    let (cures, partition) = (context.cures, facts.partition)
                    let cure = facts.committed == nil ? why.cureWithoutOffset(cures, partition) : why.cure(cures, partition)
                    obstacles.add(partition, "\(why.message); \(cure)")
                }
            }
        }
        try obstacles.throwIfAny()
        return plan
    }

    private static func goOn(
        _ facts: PartitionFacts, _ committed: CommittedPosition, _ now: Int64, _ context: OperationContext, _ plan: inout OperationPlan
    ) throws(OfflineRecovery.Trouble) {
        var reached = try context.recovery.recover(facts, tolerates: true)
        let lost = max(0, facts.logStart - committed.offset)
        guard lost > 0 || !reached.shortfalls.isEmpty else {
            plan.untouched.append((facts.partition, "nothing is missing"))
            return
        }
        let anchor = lost > 0 ? nil : reached.machine.anchor.flatMap { $0.offset >= facts.logStart ? $0 : nil }
        reached.machine.pass(to: committed.offset + lost, anchor: anchor)
        var change = PartitionChange(facts, state: &reached.machine, epoch: facts.nextEpoch(now: now), context.worker)
        change.lostCount = lost
        change.notes = ["the state comes from \(reached.source), \(reached.replayedCount) records replayed"] + reached.shortfalls
        if lost > 0 {
            change.notes.append("offsets \(committed.offset) to \(facts.logStart - 1) were deleted before they were read: up to \(lost) payments are lost")
        }
        plan.changes.append(change)
    }

    /// The offset is gone, the checkpoints are there: the newest one tells where the partition stood at least.
    private static func goOnFromCheckpoint(
        _ facts: PartitionFacts, _ now: Int64, _ context: OperationContext, _ plan: inout OperationPlan
    ) throws(OfflineRecovery.Trouble) {
        guard var orphan = try context.recovery.newest(facts) else {
            guard facts.checkpoints.isEmpty else {
                throw .refused(.noUsableCheckpoint("nothing is committed, and none of the \(facts.checkpoints.count) checkpoints can be used"))
            }
            plan.untouched.append((facts.partition, "nothing is committed and there is no checkpoint: it is born when the service starts"))
            return
        }
        let found = orphan.machine.next
        let lost = max(0, facts.logStart - found)
        if lost > 0 { orphan.machine.pass(to: facts.logStart, anchor: nil) }
        var change = PartitionChange(facts, state: &orphan.machine, epoch: facts.nextEpoch(now: now), context.worker)
        change.lostCount = nil
        change.notes = [
            "the state is the one of the newest checkpoint, at offset \(found); what was read after it is read again, and its alerts are sent again"
        ]
        if lost > 0 { change.notes.append("offsets \(found) to \(facts.logStart - 1) are no longer in the log: up to \(lost) payments are lost") }
        plan.changes.append(change)
    }
}

import FraudEngine

/// `tripline offsets skip`: passes records that cannot be processed; the state goes on without them, in a new lineage.
enum OffsetsSkip {
    static func plan(to target: Int64, _ partitions: [Int32], _ context: OperationContext) throws(StartFailure) -> OperationPlan {
        var plan = OperationPlan(action: "offsets skip", group: context.settings.group, topic: context.settings.input.topic)
        plan.costs = ["the passed payments are in no window, no total and no topic of this service: what they would have alerted is missed"]
        let now = Clock.wallMilliseconds()
        for facts in try context.facts(partitions) {
            let partition = facts.partition
            guard let committed = facts.committed else {
                throw StartFailure(.refused, "partition \(partition): nothing is committed that a state could go on from; use `tripline offsets reset`")
            }
            guard target > committed.offset, target <= facts.logEnd else {
                throw StartFailure(
                    .refused,
                    "partition \(partition): --to-offset must lie behind the committed offset \(committed.offset) and at most at the log's end \(facts.logEnd)")
            }
            var reached: OfflineRecovery.Reached
            do throws(OfflineRecovery.Trouble) { reached = try context.recovery.recover(facts) } catch {
                switch error {
                case .failed(let failure): throw failure
                case .refused(let why):
                    throw StartFailure(.refused, "partition \(partition): \(why.message); before anything is skipped: \(why.cure(context.cures, partition))")
                }
            }
            var passed = PassedRecords()
            var anchor = reached.machine.anchor.flatMap { $0.offset >= facts.logStart ? $0 : nil }
            try context.access.read(partition, committed.offset..<target) { records in
                for record in records where record.offset < target {
                    passed.add(record)
                    anchor = Anchor(offset: record.offset, hash: Anchor.hash(record))
                }
            }
            reached.machine.pass(to: target, anchor: anchor)
            var change = PartitionChange(facts, state: &reached.machine, epoch: facts.nextEpoch(now: now), context.worker)
            change.passed = passed
            let range = Invocation.PassedRange(partition, committed.offset...target - 1)
            change.notes = [
                "the state comes from \(reached.source), \(reached.replayedCount) records replayed; \(passed.count) records are passed",
                "`tripline verify` leaves them out too with --passed \(range.text)",
            ]
            plan.changes.append(change)
        }
        return plan
    }
}

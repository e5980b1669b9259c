import FraudEngine

/// `tripline state migrate`: carries a state over to the present settings and version, in a new lineage, from a checkpoint at the committed offset.
enum StateMigrate {
    static func plan(_ partitions: [Int32], _ context: OperationContext) throws(StartFailure) -> OperationPlan {
        var plan = OperationPlan(action: "state migrate", group: context.settings.group, topic: context.settings.input.topic)
        plan.costs = [
            "a window that a longer grace opens again begins empty: payments of it that were folded are taken as new, their alerts may come again",
            "a window that a shorter grace closes takes no more payments: they are late",
        ]
        var obstacles = PartitionObstacles()
        let now = Clock.wallMilliseconds()
        for facts in try context.facts(partitions) {
            switch facts.metadata {
            case nil: plan.untouched.append((facts.partition, "nothing is committed"))
            case .failure(let problem):
                let why = Refusal.metadataUnreadable("\(problem)")
                obstacles.add(facts.partition, "\(why.message); \(why.cure(context.cures, facts.partition))")
            case .success(let metadata):
                guard metadata.foldHash != context.worker.foldHash else {
                    plan.untouched.append((facts.partition, "its state was made with these settings and this version already"))
                    continue
                }
                do throws(Obstacle) { plan.changes.append(try carry(facts, metadata, now, context)) } catch { obstacles.add(facts.partition, error.text) }
            }
        }
        try obstacles.throwIfAny()
        return plan
    }

    private struct Obstacle: Error {
        var text: String
    }

    private static func carry(
        _ facts: PartitionFacts, _ metadata: CommitMetadata, _ now: Int64, _ context: OperationContext
    ) throws(Obstacle) -> PartitionChange {
        let anew = RefusalCommand.reset(.current).text(context.cures, facts.partition)
        guard let committed = facts.committed else { preconditionFailure("metadata come with an offset") }
        if metadata.partitionCount != context.worker.partitionCount {
            let why = Refusal.partitionCountChanged(committed: metadata.partitionCount, now: context.worker.partitionCount)
            throw Obstacle(text: "\(why.message); no state can be carried over that; run: \(anew)")
        }
        let entry = facts.checkpoints.last { $0.epoch == metadata.epoch && $0.kept.offset == committed.offset }
        guard let entry else {
            throw Obstacle(
                text: "there is no checkpoint at the committed offset \(committed.offset): with the settings and the version it was made with, run "
                    + "`tripline serve --drain`, which writes one; or begin with an empty state: \(anew)")
        }
        let found: Result<ReadCheckpoint, CheckpointLoader.Unusable>
        do throws(StartFailure) { found = try context.read(entry) } catch { throw Obstacle(text: error.message) }
        switch found {
        case .failure(.damaged(.state(.windowSize(let stored, let expected)))):
            throw Obstacle(text: "its windows are \(stored) ms long and are to be \(expected) ms: no state can be carried over that; run: \(anew)")
        case .failure(let problem):
            throw Obstacle(
                text: "the checkpoint at the committed offset cannot be used: \(problem.text); go back to the version that wrote it, or run: \(anew)")
        case .success(let read):
            guard read.header.foldHash == metadata.foldHash, read.header.digest == metadata.digest else {
                throw Obstacle(text: "the checkpoint at the committed offset is not of the committed state; run: \(anew)")
            }
            var state = read.state.take()
            state.closeElapsed()
            var machine = PartitionMachine(
                partition: facts.partition, state: state, next: committed.offset, anchor: metadata.anchor, history: read.header.history)
            var change = PartitionChange(facts, state: &machine, epoch: facts.nextEpoch(now: now), context.worker)
            change.notes = ["the state is carried over from fold \(metadata.foldHash) to \(context.worker.foldHash)"]
            return change
        }
    }
}

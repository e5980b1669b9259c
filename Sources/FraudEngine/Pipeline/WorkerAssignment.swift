extension WorkerMachine {
    // MARK: Assign and revoke

    mutating func assigned(_ claims: [Claim], now: Int64, wallClock: Int64) -> [WorkerAction] {
        assignmentEpoch += 1
        isMember = true
        refused.removeAll()
        loading.removeAll()
        var actions: [WorkerAction] = []
        for claim in claims.sorted(by: { $0.partition < $1.partition }) {
            actions += take(claim, isAskedAgain: false, now: now, wallClock: wallClock)
        }
        parked.removeAll()
        actions.append(assignment())
        return actions
    }

    /// Whether the partition's state of the last assignment still stands where the group does: then nothing need be known of its log.
    package func canResume(_ partition: Int32, at committed: CommittedPosition?) -> Bool {
        guard let task = parked[partition] else { return false }
        return task.committed == committed && task.phase == .live
    }

    mutating func take(_ claim: Claim, isAskedAgain: Bool, now: Int64, wallClock: Int64) -> [WorkerAction] {
        guard claim.partitionCount == settings.partitionCount else {
            return [refuse(claim.partition, .partitionCountChanged(committed: settings.partitionCount, now: claim.partitionCount))]
        }
        if let task = parked[claim.partition], canResume(claim.partition, at: claim.committed) {
            tasks[claim.partition] = task
            rewriteScores(claim.partition)
            return [.wentLive(partition: claim.partition)]
        }
        guard let committed = claim.committed else {
            if let problem = claim.storeProblem { return [refuse(claim.partition, .noUsableCheckpoint(problem))] }
            if let checkpoint = claim.newestCheckpoint {
                // A checkpoint follows a commit: where another member has made both since the question, the commit is there by now.
                guard isAskedAgain else { return [.claimAgain(claim.partition)] }
                return [refuse(claim.partition, .checkpointWithoutOffset(checkpoint: checkpoint, logEnd: claim.logEnd))]
            }
            bear(claim, now: now, wallClock: wallClock)
            return []
        }
        switch Self.check(claim, committed, partitionCount: settings.partitionCount, foldHash: settings.foldHash) {
        case .failure(let why): return [refuse(claim.partition, why)]
        case .success(let metadata):
            loading[claim.partition] = Loading(committed: committed, metadata: metadata, logStart: claim.logStart)
            return [.load(partition: claim.partition, claim: assignmentEpoch, committed)]
        }
    }

    /// What can be known before a checkpoint is read.
    package static func check(
        _ claim: Claim, _ committed: CommittedPosition, partitionCount: Int, foldHash: String
    ) -> Result<CommitMetadata, Refusal> {
        let metadata: CommitMetadata
        do throws(CommitMetadata.Problem) {
            metadata = try CommitMetadata(line: committed.metadata)
        } catch {
            return .failure(.metadataUnreadable("\(error)"))
        }
        if metadata.partitionCount != partitionCount {
            return .failure(.partitionCountChanged(committed: metadata.partitionCount, now: partitionCount))
        }
        if metadata.foldHash != foldHash { return .failure(.foldChanged(committed: metadata.foldHash, now: foldHash)) }
        if committed.offset > claim.logEnd { return .failure(.offsetBeyondLog(committed: committed.offset, end: claim.logEnd)) }
        if committed.offset < claim.logStart { return .failure(.logStartsLater(needed: committed.offset, start: claim.logStart)) }
        return .success(metadata)
    }

    /// The log no longer has the record that is to be read next, or not so many. Where it has what is committed, the partition recovers, which holds the
    /// anchor against what stands there.
    mutating func logLost(_ partition: Int32, start: Int64, end: Int64, now: Int64) -> [WorkerAction] {
        guard let task = tasks[partition] else { return [] }
        let next = task.machine.next
        if start > next {
            refuse(task, .logStartsLater(needed: next, start: start))
        } else if let committed = task.committed?.offset, committed <= end {
            task.logStart = max(task.logStart, start)
            return discard([partition], now: now)
        } else {
            refuse(task, .offsetBeyondLog(committed: task.committed?.offset ?? next, end: end))
        }
        return takePending()
    }

    /// A new partition: its first offset and metadata are committed before it counts as live.
    private mutating func bear(_ claim: Claim, now: Int64, wallClock: Int64) {
        know(offered)
        let first = RuleActivation(sequence: 1, ruleSet: offered.hash, fromOffset: claim.birthOffset, streamTime: StreamTime.none)
        let machine = PartitionMachine(
            partition: claim.partition, state: PartitionState(windows: settings.windows, seed: settings.seed), next: claim.birthOffset, anchor: nil,
            history: [first])
        tasks[claim.partition] = PartitionTask(
            partition: claim.partition, epoch: wallClock, machine: machine, phase: .born, committed: nil, metadata: nil, readFrom: claim.birthOffset,
            anchorToCheck: nil, logStart: claim.logStart, checkpoints: [], now: now, recoveredFrom: "birth")
        mustFlush = true
    }

    /// Partitions go away. Not lost: what is pending is flushed first, inside the callback and with the group metadata of the assignment that
    /// ends; what then stands at a commit boundary is parked.
    mutating func revoked(isLost: Bool, now: Int64) -> [WorkerAction] {
        if isLost {
            isMember = false
            leaveAssignment()
            return [.assign([])]
        }
        isRevoking = true
        let actions = flush(now: now)
        if inFlight == nil { return actions + finishRevoke() }
        return actions
    }

    /// After the flush of a revoke.
    package mutating func finishRevoke() -> [WorkerAction] {
        isRevoking = false
        leaveAssignment()
        return [.assign([])]
    }

    private mutating func leaveAssignment() {
        assignmentEpoch += 1
        outbox.removeAll()
        for (partition, task) in tasks where task.phase == .live && task.machine.next == task.committed?.offset && !task.isCheckpointing {
            parked[partition] = task
        }
        tasks.removeAll()
        loading.removeAll()
        refused.removeAll()
        aborts.removeAll()
    }

    // MARK: Recovery

    mutating func loaded(_ partition: Int32, claim epoch: UInt64, _ result: Result<RecoveredState, Refusal>, now: Int64) -> [WorkerAction] {
        guard epoch == assignmentEpoch, var load = loading.removeValue(forKey: partition) else { return [] }
        switch result {
        case .failure(let why): return [refuse(partition, why)]
        case .success(let recovered):
            switch recovered.start {
            case .checkpoint(let offset):
                if offset < load.committed.offset, offset < load.logStart {
                    return [refuse(partition, .logStartsLater(needed: offset, start: load.logStart))]
                }
                return start(recovered, at: offset, partition: partition, load, now: now)
            case .nothing: return start(recovered, at: load.committed.offset, partition: partition, load, now: now)
            case .time(let time):
                load.recovered = recovered
                loading[partition] = load
                return [.locate(partition: partition, claim: epoch, time: time)]
            }
        }
    }

    /// The broker has told where the records begin that an empty state needs.
    mutating func located(_ partition: Int32, claim epoch: UInt64, _ found: Int64?, now: Int64) -> [WorkerAction] {
        guard epoch == assignmentEpoch, let load = loading[partition], let recovered = load.recovered else { return [] }
        loading[partition] = nil
        let offset = Recovery.firstOffset(located: found, committed: load.committed.offset, history: recovered.history)
        if let gap = Recovery.gap(from: offset, committed: load.committed.offset, history: recovered.history) {
            return [refuse(partition, .noUsableCheckpoint("there is none that serves, and \(gap)"))]
        }
        return start(recovered, at: offset, partition: partition, load, now: now)
    }

    private mutating func start(_ recovered: RecoveredState, at offset: Int64, partition: Int32, _ load: Loading, now: Int64) -> [WorkerAction] {
        for set in recovered.ruleSets { know(set) }
        var hasCheckpoint = false
        if case .checkpoint = recovered.start { hasCheckpoint = true }
        let committed = load.committed.offset
        let machine = PartitionMachine(
            partition: partition, state: recovered.take(), next: offset,
            anchor: hasCheckpoint ? recovered.anchor : offset == committed ? load.metadata.anchor : nil, history: recovered.history)
        let readFrom = Recovery.readFrom(offset: offset, committed: committed, anchor: load.metadata.anchor, logStart: load.logStart)
        let task = PartitionTask(
            partition: partition, epoch: load.metadata.epoch, machine: machine, phase: .replaying(until: committed), committed: load.committed,
            metadata: load.metadata, readFrom: readFrom, anchorToCheck: readFrom < offset ? load.metadata.anchor : nil, logStart: load.logStart,
            checkpoints: recovered.kept, now: now, recoveredFrom: hasCheckpoint ? "checkpoint" : "log")
        task.isWithoutCheckpoint = !hasCheckpoint
        task.mustCheckpoint = !hasCheckpoint
        tasks[partition] = task
        var actions: [WorkerAction] = []
        if offset == committed, task.anchorToCheck == nil {
            finishReplay(task, until: committed)
            actions += takePending()
        } else {
            actions.append(.replaying(partition: partition, from: offset, until: committed))
        }
        actions.append(assignment())
        return actions
    }

    /// Y is reached: the digest decides whether the partition goes live.
    mutating func finishReplay(_ task: PartitionTask, until: Int64) {
        guard let metadata = task.committedMetadata else { preconditionFailure("a replay has an end to compare with") }
        if task.isWithoutCheckpoint { task.machine.adopt(streamTime: metadata.streamTime, totals: metadata.totals) }
        let digest = task.machine.state.digest
        guard digest == metadata.digest, task.machine.next == until else {
            if task.isWithoutCheckpoint, task.recoveredAt <= task.logStart {
                return refuse(task, .logTooShort(start: task.logStart))
            }
            return refuse(task, .digestMismatch(expected: metadata.digest, found: digest))
        }
        task.phase = .live
        pending.append(.wentLive(partition: task.partition))
        rewriteScores(task.partition)
    }

    // MARK: Rules

    /// A partition whose rules differ from what is offered needs a commit boundary: what it has folded is flushed first.
    mutating func requestSwitches() {
        if tasks.values.contains(where: { $0.phase == .live && $0.machine.history.last?.ruleSet != offered.hash && canSwitch($0) }) { mustFlush = true }
    }

    /// The history that must be committed with the offsets has room: entries since the oldest kept checkpoint, at most 16. (Where nothing has come in
    /// since the newest one, no other comes about either: then it is enough that this one holds the whole history.)
    private func canSwitch(_ task: PartitionTask) -> Bool {
        guard let last = task.machine.history.last, let first = task.machine.history.first else { return true }
        let since = task.checkpoints.first?.sequence ?? first.sequence &- 1
        let newest = KeptCheckpoint(offset: task.machine.next, sequence: last.sequence)
        let hasRoom = last.sequence &- since < UInt64(CommitMetadata.historyLimit - 1) || task.checkpoints.last == newest
        if !hasRoom { task.mustCheckpoint = true }
        return hasRoom
    }

    /// At a commit boundary: live partitions take the offered set; the entry is committed with the next transaction.
    mutating func switchRules() -> [WorkerAction] {
        var actions: [WorkerAction] = []
        for partition in tasks.keys.sorted() {
            guard let task = tasks[partition], task.phase == .live, !task.hasMoved, let last = task.machine.history.last, last.ruleSet != offered.hash,
                canSwitch(task), !isStopping, !isRevoking
            else { continue }
            know(offered)
            forgetUnusedKits()
            let entry = RuleActivation(
                sequence: last.sequence + 1, ruleSet: offered.hash, fromOffset: task.machine.next, streamTime: task.machine.state.streamTime)
            task.machine.append(entry)
            task.mustCommit = true
            mustFlush = true
            actions.append(.switched(partition: partition, entry))
            rewriteScores(partition)
        }
        return actions
    }

    /// Kits that no partition's present or coming records need.
    private mutating func forgetUnusedKits() {
        guard kits.count > 4 else { return }
        var needed: Set<RuleSetHash> = [offered.hash]
        for task in tasks.values { needed.formUnion(Recovery.ruleSets(history: task.machine.history, from: task.machine.next)) }
        kits = kits.filter { needed.contains($0.key) }
    }

    // MARK: Scores and checkpoints

    /// All scores of a partition in these classes are to be written, for a store that may have none or old ones: from now on, slice by slice.
    func rewriteScores(_ partition: Int32, _ classes: ScoreClasses = .all) {
        guard let task = tasks[partition] else { return }
        if task.rewriteFrom == nil { task.rewriteClasses = .none }
        task.rewriteClasses.insert(classes)
        task.rewriteFrom = 1
    }

    /// Accounts looked at in one turn.
    private static let rewriteSlice: UInt32 = 2_048

    /// The next slice of the scores to be written again; what is not committed yet goes with the next transaction.
    mutating func rewriteSlices() -> [WorkerAction] {
        guard !isStopping, tasks.values.contains(where: { $0.rewriteFrom != nil }) else { return [] }
        var actions: [WorkerAction] = []
        for partition in tasks.keys.sorted() {
            guard let task = tasks[partition], task.phase == .live, let from = task.rewriteFrom else { continue }
            let box = kit(for: task.ruleSet(at: task.machine.next), task)
            let (scores, next) = task.machine.scores(task.rewriteClasses, from: from, count: Self.rewriteSlice, kit: box.kit)
            task.rewriteFrom = next
            if task.hasMoved || task.mustCommit {
                outbox.scores += scores
                mustFlush = mustFlush || next == nil
            } else if !scores.isEmpty {
                actions.append(.writeScores(scores, epochs: [partition: task.epoch]))
            }
        }
        return actions
    }

    /// Snapshots of partitions whose replay debt is due; only at a commit boundary.
    mutating func takeSnapshots(now: Int64) -> [WorkerAction] {
        var actions: [WorkerAction] = []
        for partition in tasks.keys.sorted() {
            guard let task = tasks[partition], task.phase == .live, !task.isCheckpointing, !task.mustCommit, let committed = task.committed,
                committed.offset == task.machine.next
            else { continue }
            if let failed = task.checkpointFailedAt, isStopping || now - failed < Self.checkpointPause { continue }
            let isNew = task.checkpoints.last != task.present
            let isDue =
                task.mustCheckpoint || isStopping || task.replayDebt >= settings.checkpointMaxDebt
                || (now - task.lastCheckpointAt >= settings.checkpointMaxAge && isNew)
            guard isDue, isNew else { continue }
            task.mustCheckpoint = false
            task.isCheckpointing = true
            task.lastCheckpointAt = now
            let snapshot = task.machine.snapshot()
            actions.append(.writeCheckpoint(snapshot, header(of: task, snapshot)))
        }
        return actions
    }

    /// Milliseconds before another one is tried after one failed.
    private static let checkpointPause: Int64 = 10_000

    private func header(of task: PartitionTask, _ snapshot: PartitionSnapshot) -> CheckpointHeader {
        CheckpointHeader(
            group: settings.group, topic: settings.topic, partition: task.partition, epoch: task.epoch, offset: task.machine.next,
            foldHash: settings.foldHash, partitionCount: settings.partitionCount, anchor: task.machine.anchor, history: task.machine.history,
            digest: snapshot.digest)
    }

    mutating func checkpointed(_ partition: Int32, epoch: Int64, _ written: KeptCheckpoint, succeeded: Bool, now: Int64) -> [WorkerAction] {
        guard let task = tasks[partition], task.epoch == epoch, task.isCheckpointing else { return [] }
        task.isCheckpointing = false
        task.machine.snapshotEnded()
        task.checkpointFailedAt = succeeded ? nil : now
        if succeeded {
            task.checkpoints.append(written)
            if task.checkpoints.count > 3 { task.checkpoints.removeFirst() }
        } else if task.checkpoints.isEmpty {
            task.mustCheckpoint = true
        }
        return isStopping ? takeSnapshots(now: now) : []
    }
}

extension WorkerMachine {
    // MARK: Assign and revoke

    mutating func assigned(_ claims: [Claim], now: Int64, wallClock: Int64) -> [WorkerAction] {
        assignmentEpoch += 1
        refused.removeAll()
        loading.removeAll()
        var actions: [WorkerAction] = []
        for claim in claims.sorted(by: { $0.partition < $1.partition }) { actions += take(claim, now: now, wallClock: wallClock) }
        parked.removeAll()
        actions.append(assignment())
        return actions
    }

    private mutating func take(_ claim: Claim, now: Int64, wallClock: Int64) -> [WorkerAction] {
        if let task = parked[claim.partition], task.committed == claim.committed, task.phase == .live {
            tasks[claim.partition] = task
            return [.wentLive(partition: claim.partition)]
        }
        guard let committed = claim.committed else {
            if let checkpoint = claim.newestCheckpoint { return [refuse(claim.partition, .checkpointWithoutOffset(checkpoint: checkpoint))] }
            bear(claim, now: now, wallClock: wallClock)
            return []
        }
        switch check(claim, committed) {
        case .failure(let why): return [refuse(claim.partition, why)]
        case .success(let metadata):
            loading[claim.partition] = Loading(committed: committed, metadata: metadata, logStart: claim.logStart)
            return [.load(partition: claim.partition, claim: assignmentEpoch, committed, logStart: claim.logStart)]
        }
    }

    /// What can be known before a checkpoint is read.
    private func check(_ claim: Claim, _ committed: CommittedPosition) -> Result<CommitMetadata, Refusal> {
        let metadata: CommitMetadata
        do throws(CommitMetadata.Problem) {
            metadata = try CommitMetadata(line: committed.metadata)
        } catch {
            return .failure(.metadataUnreadable("\(error)"))
        }
        if metadata.partitionCount != settings.partitionCount {
            return .failure(.partitionCountChanged(committed: metadata.partitionCount, now: settings.partitionCount))
        }
        if metadata.foldHash != settings.foldHash { return .failure(.foldChanged(committed: metadata.foldHash, now: settings.foldHash)) }
        if committed.offset > claim.logEnd { return .failure(.offsetBeyondLog(committed: committed.offset, end: claim.logEnd)) }
        if committed.offset < claim.logStart { return .failure(.logStartsLater(needed: committed.offset, start: claim.logStart)) }
        return .success(metadata)
    }

    /// The log no longer has the record that is to be read next.
    mutating func logLost(_ partition: Int32, start: Int64) -> [WorkerAction] {
        guard let task = tasks[partition] else { return [] }
        refuse(task, .logStartsLater(needed: task.machine.next, start: start))
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
            anchorToCheck: nil, checkpoints: [], now: now, recoveredFrom: "birth")
        mustFlush = true
    }

    /// Partitions go away. Not lost: what is pending is flushed first, inside the callback and with the group metadata of the assignment that
    /// ends; what then stands at a commit boundary is parked.
    mutating func revoked(isLost: Bool, now: Int64) -> [WorkerAction] {
        if isLost {
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
        oldestOutputAt = nil
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
        guard epoch == assignmentEpoch, let load = loading.removeValue(forKey: partition) else { return [] }
        switch result {
        case .failure(let why): return [refuse(partition, why)]
        case .success(let recovered):
            if recovered.offset < load.committed.offset, recovered.offset < load.logStart {
                return [refuse(partition, .logStartsLater(needed: recovered.offset, start: load.logStart))]
            }
            let task = start(recovered, partition: partition, load, now: now)
            var actions: [WorkerAction] = []
            if task.machine.next == load.committed.offset, task.anchorToCheck == nil {
                finishReplay(task, until: load.committed.offset)
                actions += takePending()
            }
            actions.append(assignment())
            return actions
        }
    }

    private mutating func start(_ recovered: RecoveredState, partition: Int32, _ load: Loading, now: Int64) -> PartitionTask {
        for set in recovered.ruleSets { know(set) }
        let machine = PartitionMachine(
            partition: partition, state: recovered.take(), next: recovered.offset, anchor: recovered.anchor, history: recovered.history)
        let readFrom = Recovery.readFrom(
            offset: recovered.offset, committed: load.committed.offset, anchor: load.metadata.anchor, logStart: load.logStart)
        let task = PartitionTask(
            partition: partition, epoch: load.metadata.epoch, machine: machine, phase: .replaying(until: load.committed.offset),
            committed: load.committed, metadata: load.metadata, readFrom: readFrom,
            anchorToCheck: readFrom < recovered.offset ? load.metadata.anchor : nil, checkpoints: recovered.header.map { [$0.offset] } ?? [],
            now: now, recoveredFrom: recovered.header == nil ? "birth" : "checkpoint")
        tasks[partition] = task
        return task
    }

    /// Y is reached: the digest decides whether the partition goes live.
    mutating func finishReplay(_ task: PartitionTask, until: Int64) {
        guard let metadata = task.committedMetadata else { preconditionFailure("a replay has an end to compare with") }
        let digest = task.machine.state.digest
        guard digest == metadata.digest, task.machine.next == until else {
            return refuse(task, .digestMismatch(expected: metadata.digest, found: digest))
        }
        task.phase = .live
        pending.append(.wentLive(partition: task.partition))
        pending += rewriteScores(task.partition)
    }

    // MARK: Rules

    /// A partition whose rules differ from what is offered needs a commit boundary: what it has folded is flushed first.
    mutating func requestSwitches() {
        if tasks.values.contains(where: { $0.phase == .live && $0.machine.history.last?.ruleSet != offered.hash && canSwitch($0) }) { mustFlush = true }
    }

    /// The history that must be committed with the offsets has room: entries since the oldest kept checkpoint, at most 16.
    private func canSwitch(_ task: PartitionTask) -> Bool {
        let since = task.checkpoints.first ?? Int64.min
        let hasRoom = task.machine.history.filter { $0.fromOffset > since }.count < CommitMetadata.historyLimit - 1
        if !hasRoom { task.mustCheckpoint = true }
        return hasRoom
    }

    /// At a commit boundary: live partitions take the offered set; the entry is committed with the next transaction.
    mutating func switchRules() -> [WorkerAction] {
        var actions: [WorkerAction] = []
        for partition in tasks.keys.sorted() {
            guard let task = tasks[partition], task.phase == .live, let last = task.machine.history.last, last.ruleSet != offered.hash, canSwitch(task),
                !isStopping, !isRevoking
            else { continue }
            know(offered)
            forgetUnusedKits()
            let entry = RuleActivation(
                sequence: last.sequence + 1, ruleSet: offered.hash, fromOffset: task.machine.next, streamTime: task.machine.state.streamTime)
            task.machine.append(entry)
            task.mustCommit = true
            mustFlush = true
            actions.append(.switched(partition: partition, entry))
            actions += rewriteScores(partition)
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

    /// All scores of a live partition in these classes, for a store that may have none or old ones; only committed state is written.
    mutating func rewriteScores(_ partition: Int32, _ classes: ScoreClasses = .all) -> [WorkerAction] {
        guard let task = tasks[partition], task.phase == .live else { return [] }
        let scores = task.machine.allScores(classes, kit: kit(for: task.ruleSet(at: task.machine.next), task).kit)
        if task.hasMoved || task.mustCommit {
            mustFlush = true
            outbox.scores += scores
            return []
        }
        return scores.isEmpty ? [] : [.writeScores(scores, epochs: [partition: task.epoch])]
    }

    /// Snapshots of partitions whose replay debt is due; only at a commit boundary.
    mutating func takeSnapshots(now: Int64) -> [WorkerAction] {
        var actions: [WorkerAction] = []
        for partition in tasks.keys.sorted() {
            guard let task = tasks[partition], task.phase == .live, !task.isCheckpointing, let committed = task.committed,
                committed.offset == task.machine.next
            else { continue }
            let isNew = task.checkpoints.last != committed.offset
            let isDue =
                task.mustCheckpoint || isStopping || task.replayDebt >= settings.checkpointMaxDebt
                || (now - task.lastCheckpointAt >= settings.checkpointMaxAge && isNew)
            guard isDue, isNew || task.mustCheckpoint else { continue }
            task.mustCheckpoint = false
            task.isCheckpointing = true
            task.lastCheckpointAt = now
            let snapshot = task.machine.snapshot()
            actions.append(.writeCheckpoint(snapshot, header(of: task, snapshot)))
        }
        return actions
    }

    private func header(of task: PartitionTask, _ snapshot: PartitionSnapshot) -> CheckpointHeader {
        CheckpointHeader(
            group: settings.group, topic: settings.topic, partition: task.partition, epoch: task.epoch, offset: task.machine.next,
            foldHash: settings.foldHash, partitionCount: settings.partitionCount, anchor: task.machine.anchor, history: task.machine.history,
            digest: snapshot.digest)
    }

    mutating func checkpointed(_ partition: Int32, epoch: Int64, offset: Int64, succeeded: Bool, now: Int64) -> [WorkerAction] {
        guard let task = tasks[partition], task.epoch == epoch, task.isCheckpointing else { return [] }
        task.isCheckpointing = false
        task.machine.snapshotEnded()
        if succeeded {
            task.checkpoints.append(offset)
            if task.checkpoints.count > 3 { task.checkpoints.removeFirst() }
        }
        return isStopping ? takeSnapshots(now: now) : []
    }
}

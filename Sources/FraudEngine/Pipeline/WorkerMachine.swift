/// What a worker is set to do.
package struct WorkerSettings: Sendable {
    package var windows: TumblingWindows
    package var mapping: InputMapping
    package var output: OutputContext
    package var group: String
    package var topic: String
    package var foldHash: String
    package var partitionCount: Int
    /// Milliseconds from the end of a transaction to the next one where outputs are pending, also in catch-up, and for offsets alone. Outputs that come
    /// after a longer rest do not wait.
    package var outputDelay: Int64 = 12
    package var catchUpDelay: Int64 = 100
    package var commitInterval: Int64 = 1_000
    /// Pending outputs that make a transaction due at once.
    package var commitMaxRecords = 50_000
    package var checkpointMaxAge: Int64 = 60_000
    package var checkpointMaxDebt: Int64 = 1_000_000
    /// Places accounts in tables; of this process.
    package var seed: UInt64

    package init(
        windows: TumblingWindows, mapping: InputMapping, output: OutputContext, group: String, topic: String, foldHash: String, partitionCount: Int,
        seed: UInt64
    ) {
        self.windows = windows
        self.mapping = mapping
        self.output = output
        self.group = group
        self.topic = topic
        self.foldHash = foldHash
        self.partitionCount = partitionCount
        self.seed = seed
    }
}

/// Keeps a kit in place: it is folded with through a reference.
package final class KitBox {
    package var kit: FoldKit

    package init(_ kit: consuming FoldKit) { self.kit = kit }
}

/// A worker's decisions as a machine of events and actions: which partitions it reads and from where, when a transaction is due and what is in
/// it, what an abort, a rebalance, a switch of rules and a stop ask for. Pure: no client, no clock. `Pipeline/PartitionMachine` does the folding.
///
/// Invariants: memory is never older than the last commit and never lost without recovery; offsets, metadata and outputs of one transaction
/// belong to one assignment; scores leave only after their commit; snapshots are taken at commit boundaries.
package struct WorkerMachine: ~Copyable {
    package let settings: WorkerSettings
    /// Rises in every assign and revoke.
    package internal(set) var assignmentEpoch: UInt64 = 0
    package internal(set) var tasks: [Int32: PartitionTask] = [:]
    package internal(set) var refused: [Int32: Refusal] = [:]
    package var outbox = Outbox()
    /// Set by the shell: a full batch came back, so that more is waiting.
    package var isCatchingUp = false
    var loading: [Int32: Loading] = [:]
    var parked: [Int32: PartitionTask] = [:]
    var kits: [RuleSetHash: KitBox] = [:]
    /// What live partitions are to be judged by.
    package internal(set) var offered: RuleSet
    /// First offset and number of aborts of the transaction that keeps failing, by partition.
    var aborts: [Int32: (offset: Int64, count: Int)] = [:]
    var inFlight: FlushPlan?
    var lastCommitAt: Int64 = 0
    var isStopping = false
    var mustFlush = false
    var isRevoking = false

    /// The assignment when the call that reads began.
    private var readEpoch: UInt64 = 0
    /// Everything is committed: the worker leaves.
    package private(set) var isStopped = false

    /// The group has given an assignment that was not lost since.
    package internal(set) var isMember = false

    /// A partition whose checkpoint is being read.
    struct Loading {
        var committed: CommittedPosition
        var metadata: CommitMetadata
        var logStart: Int64
        /// Without a checkpoint: what waits for the offset to begin at.
        var recovered: RecoveredState?
    }

    /// - Parameter assignmentEpoch: later than those of a machine whose answers may still come.
    package init(settings: WorkerSettings, ruleSet: RuleSet, assignmentEpoch: UInt64 = 0) {
        self.settings = settings
        self.assignmentEpoch = assignmentEpoch
        offered = ruleSet
    }

    /// Partitions that wait for their checkpoint.
    package var loadingPartitions: [Int32] { loading.keys.sorted() }

    /// Hands over what was counted since the last call, by rule set.
    package mutating func drainCounters(_ take: (RuleSet, FoldCounters) -> Void) {
        for hash in kits.keys.sorted(by: { $0.hexadecimal < $1.hexadecimal }) {
            guard let box = kits[hash] else { continue }
            take(box.kit.ruleSet, box.kit.counters)
            box.kit.counters.removeAll()
        }
    }

    /// Whether a partition is on its way to its committed state.
    package var isReplaying: Bool { tasks.values.contains { $0.isReplaying } }

    /// Every snapshot that was asked for is written or failed.
    package var isSettled: Bool { !tasks.values.contains { $0.isCheckpointing } }

    /// Takes an event at `now` (monotonic milliseconds); `wallClock` (Unix milliseconds) only names new lineages.
    package mutating func handle(_ event: WorkerEvent, now: Int64, wallClock: Int64) -> [WorkerAction] {
        switch event {
        case .given(let partitions): return [.captureMembership(epoch: assignmentEpoch + 1), .claim(partitions)]
        case .assigned(let claims): return assigned(claims, now: now, wallClock: wallClock)
        case .claimedAgain(let claim): return take(claim, isAskedAgain: true, now: now, wallClock: wallClock) + [assignment()]
        case .revoked(let isLost): return revoked(isLost: isLost, now: now)
        case .loaded(let partition, let claim, let result): return loaded(partition, claim: claim, result, now: now)
        case .located(let partition, let claim, let offset): return located(partition, claim: claim, offset, now: now)
        case .flushed(let outcome):
            let actions = flushed(outcome, now: now)
            return isRevoking ? actions + finishRevoke() : actions
        case .checkpointed(let partition, let epoch, let written, let succeeded):
            return checkpointed(partition, epoch: epoch, written, succeeded: succeeded, now: now)
        case .rulesOffered(let set):
            offered = set
            return flushIfDue(now: now)
        case .scoresLost(let partition, let classes):
            rewriteScores(partition, classes)
            return []
        case .logLost(let partition, let start, let end): return logLost(partition, start: start, end: end, now: now)
        case .tick: return rewriteSlices() + flushIfDue(now: now)
        case .stop:
            isStopping = true
            mustFlush = true
            // Each partition's checkpoint is tried once more.
            for task in tasks.values { task.checkpointFailedAt = nil }
            return flushIfDue(now: now)
        }
    }

    // MARK: Reading

    /// A call that reads begins; callbacks may fire in it.
    package mutating func beginRead() { readEpoch = assignmentEpoch }

    /// The call has ended, with that many records. What was read while a callback fired may belong to the assignment before it, or already to the
    /// new one: that is read again.
    package func endRead(count: Int) -> BatchFate {
        guard assignmentEpoch != readEpoch || isStopped else { return .fold }
        let positions = positions()
        return count == 0 || isStopped || positions.isEmpty ? .drop : .readAgain(positions)
    }

    /// Folds a run of at most 64 records of one partition. Returns false if the partition is not read now (its records are dropped).
    @discardableResult
    package mutating func fold(
        partition: Int32, _ records: UnsafeBufferPointer<RawRecord>, headers: HeaderSource
    ) -> Bool {
        guard let task = tasks[partition], task.phase != .born else { return false }
        var start = 0
        while start < records.count {
            let offset = records[start].offset
            if offset < task.machine.next {
                if task.anchorToCheck != nil { checkAnchor(records[start], task) }
                start += 1
                continue
            }
            if let anchor = task.anchorToCheck { refuse(task, .anchorMismatch(offset: anchor.offset)) }
            guard tasks[partition] === task else { return false }
            let end = endOfSlice(records, from: start, task)
            let isLive = task.phase == .live
            let box = kit(for: task.ruleSet(at: offset), task)
            task.machine.fold(
                UnsafeBufferPointer(rebasing: records[start..<end]), kit: &box.kit, outbox: &outbox, context: settings.output, emits: isLive,
                headers: { headers(start + $0, $1, &$2) })
            start = end
            if case .replaying(let until) = task.phase {
                if let anchor = task.committedMetadata?.anchor, anchor.offset == task.machine.next - 1, task.machine.anchor != anchor {
                    refuse(task, .anchorMismatch(offset: anchor.offset))
                    return false
                }
                if task.machine.next >= until { finishReplay(task, until: until) }
            }
        }
        return true
    }

    /// Where the slice that starts at `start` ends: at Y while replaying, at a switch of rules, at the end of the run.
    private func endOfSlice(_ records: UnsafeBufferPointer<RawRecord>, from start: Int, _ task: PartitionTask) -> Int {
        var bound = Int64.max
        if case .replaying(let until) = task.phase { bound = until }
        if let next = task.nextSwitch(after: records[start].offset) { bound = min(bound, next) }
        if records[records.count - 1].offset < bound { return records.count }
        var end = start + 1
        while end < records.count, records[end].offset < bound { end += 1 }
        return end
    }

    private mutating func checkAnchor(_ record: RawRecord, _ task: PartitionTask) {
        guard let anchor = task.anchorToCheck, record.offset >= anchor.offset else { return }
        task.anchorToCheck = nil
        if record.offset != anchor.offset || Anchor.hash(record) != anchor.hash {
            refuse(task, .anchorMismatch(offset: anchor.offset))
        } else if case .replaying(let until) = task.phase, task.machine.next >= until {
            finishReplay(task, until: until)
        }
    }

    /// The kit of a rule set, bound to the task's state.
    func kit(for hash: RuleSetHash, _ task: PartitionTask) -> KitBox {
        guard let box = kits[hash] else { preconditionFailure("a rule set is known before a record is judged by it") }
        if task.boundRules != hash {
            task.machine.use(box.kit)
            task.boundRules = hash
        }
        return box
    }

    mutating func know(_ set: RuleSet) {
        if kits[set.hash] == nil { kits[set.hash] = KitBox(FoldKit(ruleSet: set, mapping: settings.mapping, windows: settings.windows)) }
    }

    // MARK: Transactions

    /// Milliseconds from `now` until a transaction may be due; the worker waits no longer for records.
    package func waitLimit(now: Int64) -> Int64 {
        if mustFlush || tasks.values.contains(where: { $0.rewriteFrom != nil }) { return 0 }
        return max(0, lastCommitAt + leastPause - now)
    }

    /// Milliseconds from one transaction to the next.
    private var leastPause: Int64 {
        if outbox.isEmpty { return settings.commitInterval }
        return min(settings.commitInterval, isCatchingUp ? settings.catchUpDelay : settings.outputDelay)
    }

    package mutating func flushIfDue(now: Int64) -> [WorkerAction] {
        guard inFlight == nil else { return [] }
        requestSwitches()
        let isFull = outbox.entries.count + outbox.scores.count >= settings.commitMaxRecords
        guard mustFlush || isFull || now - lastCommitAt >= leastPause else { return [] }
        return flush(now: now)
    }

    /// Asks for a transaction of everything pending; nothing to do, nothing asked.
    mutating func flush(now: Int64) -> [WorkerAction] {
        mustFlush = false
        let moved = tasks.values.filter { $0.hasMoved || $0.phase == .born || $0.mustCommit }.map(\.partition).sorted()
        // What keeps failing fails alone.
        let suspects = moved.filter { aborts[$0] != nil }
        let partitions = suspects.isEmpty ? moved : Array(suspects.prefix(1))
        let offsets = partitions.compactMap { partition in
            tasks[partition].map { (partition, CommittedPosition(offset: $0.machine.next, metadata: metadata(of: $0).line)) }
        }
        guard !offsets.isEmpty else {
            precondition(outbox.entries.isEmpty, "an output comes with the offset that passes its cause")
            lastCommitAt = now
            return scoresCommitted(of: nil) + afterCommit(now: now)
        }
        let plan = FlushPlan(offsets: offsets, assignmentEpoch: assignmentEpoch, isPartial: partitions.count < moved.count)
        inFlight = plan
        mustFlush = plan.isPartial
        return [.flush(plan)]
    }

    /// The transaction that `plan` asks for.
    package func transaction(_ plan: FlushPlan, now: Int64) -> TransactionMachine {
        var before: [Int32: CommittedPosition] = [:]
        for (partition, _) in plan.offsets { before[partition] = tasks[partition]?.committed }
        return TransactionMachine(plan: plan, before: before, now: now)
    }

    func metadata(of task: PartitionTask) -> CommitMetadata {
        CommitMetadata(of: task.machine, epoch: task.epoch, foldHash: settings.foldHash, partitionCount: settings.partitionCount)
    }

    private mutating func flushed(_ outcome: TransactionOutcome, now: Int64) -> [WorkerAction] {
        guard let plan = inFlight else { preconditionFailure("a transaction ends once") }
        inFlight = nil
        lastCommitAt = now
        switch outcome {
        case .committed: return committed(plan, now: now)
        case .aborted(let cause, let isTransient): return aborted(plan, cause: cause, isTransient: isTransient, now: now)
        case .foreign(let positions):
            for (partition, position) in positions { tasks[partition]?.committed = position }
            return discard(plan.offsets.map(\.partition), now: now)
        }
    }

    private mutating func committed(_ plan: FlushPlan, now: Int64) -> [WorkerAction] {
        var actions: [WorkerAction] = []
        var isBirth = false
        for (partition, position) in plan.offsets {
            guard let task = tasks[partition] else { continue }
            aborts[partition] = nil
            task.committed = position
            task.mustCommit = false
            if task.phase == .born {
                task.phase = .live
                isBirth = true
                task.mustCheckpoint = true
                actions.append(.wentLive(partition: partition))
            }
        }
        actions += scoresCommitted(of: plan)
        actions += afterCommit(now: now)
        if isBirth { actions.append(assignment()) }
        return actions
    }

    /// - Parameter plan: nil: of all partitions, nothing is pending.
    private mutating func scoresCommitted(of plan: FlushPlan?) -> [WorkerAction] {
        let scores: [ScoreChange]
        if let plan, plan.isPartial {
            scores = outbox.scores.filter { plan.covers($0.partition) }
            outbox.remove { plan.covers($0) }
        } else {
            scores = outbox.scores
            outbox.removeAll()
        }
        guard !scores.isEmpty else { return [] }
        return [.writeScores(scores, epochs: tasks.mapValues(\.epoch))]
    }

    /// Discards what an aborted transaction had folded: its partitions recover as after a crash.
    private mutating func aborted(_ plan: FlushPlan, cause: String, isTransient: Bool, now: Int64) -> [WorkerAction] {
        var actions: [WorkerAction] = []
        for (partition, position) in plan.offsets where !isTransient {
            let offset = tasks[partition]?.committed?.offset ?? position.offset
            let previous = aborts[partition]
            let count = previous?.offset == offset ? (previous?.count ?? 0) + 1 : 1
            aborts[partition] = (offset, count)
            if count >= 3 {
                tasks[partition] = nil
                actions.append(refuse(partition, .abortedThrice(offset: offset, end: position.offset, cause: cause)))
            }
        }
        return actions + discard(plan.offsets.map(\.partition), now: now)
    }

    /// Drops outputs and the partitions' states; they are loaded anew. (A birth that was not committed has nothing to drop: it is tried again.)
    mutating func discard(_ partitions: [Int32], now: Int64) -> [WorkerAction] {
        outbox.remove { partitions.contains($0) }
        var actions: [WorkerAction] = []
        for partition in partitions {
            guard let task = tasks[partition] else { continue }
            guard let committed = task.committed else {
                mustFlush = true
                continue
            }
            tasks[partition] = nil
            let metadata: CommitMetadata
            do throws(CommitMetadata.Problem) {
                metadata = try CommitMetadata(line: committed.metadata)
            } catch {
                actions.append(refuse(partition, .metadataUnreadable("\(error)")))
                continue
            }
            loading[partition] = Loading(committed: committed, metadata: metadata, logStart: task.logStart)
            actions.append(.load(partition: partition, claim: assignmentEpoch, committed))
        }
        actions.append(assignment())
        return actions
    }

    /// What may happen at a commit boundary: a switch of rules, snapshots, leaving.
    private mutating func afterCommit(now: Int64) -> [WorkerAction] {
        var actions = switchRules()
        // What is being written cannot be parked, and most partitions come back.
        if !isRevoking { actions += takeSnapshots(now: now) }
        if isStopping, !tasks.values.contains(where: { $0.mustCommit || $0.hasMoved }) {
            isStopped = true
            actions.append(.stopped)
        }
        return actions
    }

    /// The partitions that are read now, each from where it stands.
    func assignment() -> WorkerAction {
        var positions: [(partition: Int32, offset: Int64)] = []
        for partition in tasks.keys.sorted() {
            guard let task = tasks[partition], task.phase != .born else { continue }
            positions.append((partition, task.anchorToCheck == nil ? task.machine.next : task.readFrom))
        }
        return .assign(positions)
    }

    /// Where each partition is read next: for a seek after a batch was dropped.
    package func positions() -> [(partition: Int32, offset: Int64)] {
        if case .assign(let positions) = assignment() { positions } else { [] }
    }

    /// Refusals that came up while folding, to be acted on before the next poll.
    package mutating func takePending() -> [WorkerAction] {
        defer { pending.removeAll() }
        return pending
    }

    var pending: [WorkerAction] = []

    mutating func refuse(_ task: PartitionTask, _ why: Refusal) {
        tasks[task.partition] = nil
        // Its outputs would go without the offset that passes their cause.
        outbox.remove { $0 == task.partition }
        pending.append(refuse(task.partition, why))
        pending.append(assignment())
    }

    mutating func refuse(_ partition: Int32, _ why: Refusal) -> WorkerAction {
        refused[partition] = why
        return .refused(partition: partition, why)
    }
}

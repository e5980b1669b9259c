/// A partition that this worker holds with its state.
package final class PartitionTask {
    package enum Phase: Equatable {
        /// Its first offset and metadata are not committed yet.
        case born
        /// Reads [X, Y) with outputs off.
        case replaying(until: Int64)
        case live
    }

    package let partition: Int32
    package let epoch: Int64
    package var machine: PartitionMachine
    package internal(set) var phase: Phase
    /// What the broker has; nil before birth is committed.
    package internal(set) var committed: CommittedPosition?
    /// What the committed metadata say.
    var committedMetadata: CommitMetadata?
    /// Set until the record at the anchor was read and found equal.
    var anchorToCheck: Anchor?
    /// Where reading begins, which may lie before `machine.next`.
    var readFrom: Int64
    /// First offset of the log, as far as it is known.
    var logStart: Int64
    /// Where the state came from: a checkpoint's offset, or where reading began without one.
    let recoveredAt: Int64
    /// The checkpoints that are kept, oldest first.
    package internal(set) var checkpoints: [KeptCheckpoint]
    /// When the newest was taken, monotonic milliseconds.
    var lastCheckpointAt: Int64
    /// When one could not be written, since the last that was.
    var checkpointFailedAt: Int64?
    package internal(set) var isCheckpointing = false
    var mustCheckpoint = false
    /// Replayed from the log alone: stream time and totals are the metadata's.
    var isWithoutCheckpoint = false
    /// The next account whose score is to be written again; nil: none.
    var rewriteFrom: UInt32?
    /// Which accounts those are.
    var rewriteClasses = ScoreClasses.all
    /// A switch waits to be committed, though no record was read since.
    package internal(set) var mustCommit = false
    /// The rule set the machine's numbers are bound to.
    var boundRules: RuleSetHash?
    package internal(set) var recoveredFrom: String

    init(
        partition: Int32, epoch: Int64, machine: consuming PartitionMachine, phase: Phase, committed: CommittedPosition?, metadata: CommitMetadata?,
        readFrom: Int64, anchorToCheck: Anchor?, logStart: Int64, checkpoints: [KeptCheckpoint], now: Int64, recoveredFrom: String
    ) {
        self.partition = partition
        self.epoch = epoch
        recoveredAt = machine.next
        self.machine = machine
        self.phase = phase
        self.committed = committed
        committedMetadata = metadata
        self.readFrom = readFrom
        self.anchorToCheck = anchorToCheck
        self.logStart = logStart
        self.checkpoints = checkpoints
        lastCheckpointAt = now
        self.recoveredFrom = recoveredFrom
    }

    /// Records folded beyond the newest checkpoint: what a crash would have to replay.
    package var replayDebt: Int64 { machine.next - (checkpoints.last?.offset ?? recoveredAt) }

    package var isReplaying: Bool { replayEnd != nil }

    /// Records before that offset are replayed; nil: nothing is.
    package var replayEnd: Int64? {
        if case .replaying(let end) = phase { end } else { nil }
    }

    /// Something was read since the last commit.
    var hasMoved: Bool { phase == .live && machine.next != committed?.offset }

    /// What a checkpoint taken now would be.
    var present: KeptCheckpoint { KeptCheckpoint(offset: machine.next, sequence: machine.history.last?.sequence ?? 0) }

    /// The rule set that judges `offset`.
    func ruleSet(at offset: Int64) -> RuleSetHash {
        machine.history.last { $0.fromOffset <= offset }?.ruleSet ?? machine.history[0].ruleSet
    }

    /// The first offset after `offset` that another rule set judges.
    func nextSwitch(after offset: Int64) -> Int64? {
        machine.history.first { $0.fromOffset > offset }?.fromOffset
    }
}

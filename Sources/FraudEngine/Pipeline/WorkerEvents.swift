/// What a worker's machine is told.
package enum WorkerEvent: Sendable {
    /// The group gave partitions (inside the poll call).
    case given([Int32])
    /// What `claim` asked for (still inside the poll call).
    case assigned([Claim])
    /// What `claimAgain` asked for (still inside the poll call).
    case claimedAgain(Claim)
    /// The group took all partitions back (inside the poll call); `isLost`: another member may own them already.
    case revoked(isLost: Bool)
    /// The checkpoint thread has read what `load` asked for.
    case loaded(partition: Int32, claim: UInt64, Result<RecoveredState, Refusal>)
    /// Where the first record of `locate`'s time or later stands; nil: all are older.
    case located(partition: Int32, claim: UInt64, offset: Int64?)
    /// How the transaction of the last `flush` ended.
    case flushed(TransactionOutcome)
    /// The checkpoint thread has written a snapshot, or failed.
    case checkpointed(partition: Int32, epoch: Int64, KeptCheckpoint, succeeded: Bool)
    /// A new rule set was read, checked and stored.
    case rulesOffered(RuleSet)
    /// Scores that Redis lost: all of a partition's in these classes are to be written again.
    case scoresLost(partition: Int32, ScoreClasses)
    /// What a partition is to read next lies before the log's start, or beyond its end (one past the last offset).
    case logLost(partition: Int32, start: Int64, end: Int64)
    case tick
    /// SIGTERM: finish and leave.
    case stop
}

/// What a worker's machine asks for, in order.
package enum WorkerAction {
    /// Keep the group metadata as they are now: they go with the offsets of the assignment that is about to have this epoch, and of no other.
    case captureMembership(epoch: UInt64)
    /// Ask the broker and the store about these partitions; answer with `.assigned`.
    case claim([Int32])
    /// The same once more for one of them; answer with `.claimedAgain`.
    case claimAgain(Int32)
    /// Read exactly these partitions from these offsets.
    case assign([(partition: Int32, offset: Int64)])
    /// Read the partition's newest usable checkpoint.
    case load(partition: Int32, claim: UInt64, CommittedPosition)
    /// Find the first record with this Kafka timestamp or a later one, Unix milliseconds; answer with `.located`.
    case locate(partition: Int32, claim: UInt64, time: Int64)
    /// One transaction: the outbox's records of the plan's partitions, then these offsets with their metadata; answer with `.flushed`.
    case flush(FlushPlan)
    /// These scores are committed.
    case writeScores([ScoreChange], epochs: [Int32: Int64])
    case writeCheckpoint(PartitionSnapshot, CheckpointHeader)
    case refused(partition: Int32, Refusal)
    /// A state was loaded, and the log from here on is read with outputs off.
    case replaying(partition: Int32, from: Int64, until: Int64)
    case wentLive(partition: Int32)
    case switched(partition: Int32, RuleActivation)
    /// Everything is committed and, as far as asked for, on its way to the checkpoint thread.
    case stopped
}

/// A partition the group gave to this worker, with what the broker and the store know about it.
package struct Claim: Sendable {
    package var partition: Int32
    package var committed: CommittedPosition?
    /// First and one past the last offset of the log.
    package var logStart: Int64
    package var logEnd: Int64
    /// Where a new group starts reading.
    package var birthOffset: Int64
    /// Offset of the newest checkpoint in the store, of any lineage.
    package var newestCheckpoint: Int64?
    /// Why the store could not be asked for it; nil: it was.
    package var storeProblem: String?
    /// Partitions that the topic has now.
    package var partitionCount: Int

    package init(
        partition: Int32, committed: CommittedPosition?, logStart: Int64, logEnd: Int64, birthOffset: Int64, newestCheckpoint: Int64?,
        storeProblem: String? = nil, partitionCount: Int
    ) {
        self.partition = partition
        self.committed = committed
        self.logStart = logStart
        self.logEnd = logEnd
        self.birthOffset = birthOffset
        self.newestCheckpoint = newestCheckpoint
        self.storeProblem = storeProblem
        self.partitionCount = partitionCount
    }

    /// Of a partition that can be resumed (`WorkerMachine.canResume`).
    package init(resuming partition: Int32, at committed: CommittedPosition, partitionCount: Int) {
        self.init(
            partition: partition, committed: committed, logStart: committed.offset, logEnd: committed.offset, birthOffset: committed.offset,
            newestCheckpoint: nil, partitionCount: partitionCount)
    }
}

/// What becomes of the records of one call that reads.
package enum BatchFate {
    case fold
    /// They are not folded, and nothing is read again.
    case drop
    /// They are not folded: reading goes on from these offsets.
    case readAgain([(partition: Int32, offset: Int64)])
}

/// The offsets of one transaction.
package struct FlushPlan {
    /// Ascending by partition.
    package var offsets: [(partition: Int32, position: CommittedPosition)]
    /// The assignment whose group metadata must go with them.
    package var assignmentEpoch: UInt64
    /// Other partitions have moved too, and wait for the next transaction.
    package var isPartial = false

    /// Whether outputs of this partition belong to the transaction.
    package func covers(_ partition: Int32) -> Bool { offsets.contains { $0.partition == partition } }
}

package enum TransactionOutcome: Equatable, Sendable {
    case committed
    /// Ended without effect, and why. `isTransient`: trying again may help whatever is in it.
    case aborted(String, isTransient: Bool)
    /// Neither the offsets before nor those sent are committed: another owner was here, and left these.
    case foreign([Int32: CommittedPosition])
}

import FraudEngine
import Synchronization

/// A partition as its worker last saw it.
struct PartitionReport: Sendable {
    var partition: Int32
    var state: String
    var epoch: Int64
    var next: Int64
    var committed: Int64?
    var checkpoint: Int64?
    var replayDebt: Int64
    var streamTime: Int64
    var lag: Int64
    /// Of a drain: offsets before the end that are not read and committed; nil where it is not known where that is.
    var remaining: Int64?
    /// Records behind an open transaction of the input; nil before the consumer's first statistics.
    var unstable: Int64?
    var accounts: Int
    var bytes: Int
    var totals: Totals
    var history: [RuleActivation]
    var recoveredFrom: String
    /// Unix milliseconds.
    var at: Int64

    init(_ task: PartitionTask, logEnd: Int64) {
        partition = task.partition
        switch task.phase {
        case .born: state = "born"
        case .replaying: state = "replaying"
        case .live: state = "live"
        }
        epoch = task.epoch
        next = task.machine.next
        committed = task.committed?.offset
        checkpoint = task.checkpoints.last?.offset
        replayDebt = task.replayDebt
        streamTime = task.machine.state.streamTime
        lag = max(0, logEnd - task.machine.next)
        accounts = task.machine.state.accountCount
        bytes = task.machine.state.byteCount
        totals = task.machine.state.totals
        history = task.machine.history
        recoveredFrom = task.recoveredFrom
        at = Clock.wallMilliseconds()
    }
}

extension PartitionReport {
    /// What readers of scores need; nil before the partition is live.
    func mark(_ inbox: WorkerInbox) -> PartitionMark? {
        guard state == "live", let committed, let ruleSet = history.last?.ruleSet else { return nil }
        return PartitionMark(
            partition: partition, streamTime: streamTime, offset: committed - 1, epoch: epoch, lag: lag, at: at, ruleSet: ruleSet,
            owner: ObjectIdentifier(inbox))
    }
}

/// A refused partition, for people.
struct RefusalReport: Sendable {
    var name: String
    var message: String
    var cure: String
}

/// Where a worker puts up what others may read: HTTP, metrics, readiness.
final class WorkerBoard: Sendable {
    struct Contents: Sendable {
        var partitions: [PartitionReport] = []
        var refused: [Int32: RefusalReport] = [:]
        var loading: [Int32] = []
        /// The group has answered: it has given partitions, or none.
        var isMember = false
        /// No rebalance is going on: the partitions are all that it has.
        var isAssigned = false
        /// Monotonic milliseconds of the last turn that reported.
        var at: Int64 = 0
    }

    private let contents = Mutex(Contents())

    func publish(_ new: Contents) { contents.withLock { $0 = new } }

    var latest: Contents { contents.withLock { $0 } }
}

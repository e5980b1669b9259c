import FraudEngine
import Kafka

/// What an operators' command works with: settings, the group and its topic, the checkpoints.
struct OperationContext {
    let settings: Settings
    let access: GroupAccess
    let store: CheckpointStore
    let checkpoints: any CheckpointAccess
    /// As a service with these settings would have them.
    let worker: WorkerSettings
    let loader: CheckpointLoader

    init(_ settings: Settings, _ access: GroupAccess) throws(StartFailure) {
        self.settings = settings
        self.access = access
        store = CheckpointStore(settings)
        checkpoints = store.open()
        worker = WorkerSettings(settings, partitionCount: try access.partitionCount())
        loader = CheckpointLoader(store: checkpoints, settings: worker) { partition, path, problem in
            Terminal.note("tripline: partition \(partition): the checkpoint \(path) is not used: \(problem)\n")
        }
    }

    var recovery: OfflineRecovery { OfflineRecovery(access: access, loader: loader, store: store, settings: worker) }

    var cures: CureContext { CureContext(settings) }

    /// What is known of these partitions, in order; none given: of all.
    func facts(_ partitions: [Int32]) throws(StartFailure) -> [PartitionFacts] {
        let all = (0..<Int32(clamping: worker.partitionCount)).map { $0 }
        if let beyond = partitions.first(where: { Int($0) >= worker.partitionCount }) {
            throw StartFailure(.usage, "the topic '\(worker.topic)' has no partition \(beyond): it has \(worker.partitionCount), numbered from 0 on")
        }
        let wanted = partitions.isEmpty ? all : partitions
        let committed = try access.committed(wanted)
        var facts: [PartitionFacts] = []
        for partition in wanted {
            let marks = try access.watermarks(partition)
            facts.append(
                PartitionFacts(
                    partition: partition, committed: committed[partition], logStart: marks.low, logEnd: marks.high, partitionCount: worker.partitionCount,
                    checkpoints: try list(partition)))
        }
        return facts
    }

    private func list(_ partition: Int32) throws(StartFailure) -> [StoredCheckpoint] {
        do throws(StoreProblem) { return try checkpoints.list(partition) } catch { throw StartFailure(error, store) }
    }
}

/// What the broker and the store know of a partition.
struct PartitionFacts {
    var partition: Int32
    var committed: CommittedPosition?
    /// First and one past the last offset of the log.
    var logStart: Int64
    var logEnd: Int64
    /// Of the topic.
    var partitionCount: Int
    /// Of every lineage, oldest first.
    var checkpoints: [StoredCheckpoint]

    /// The committed metadata, or why they cannot be read; nil: nothing is committed.
    var metadata: Result<CommitMetadata, CommitMetadata.Problem>? {
        committed.map { position in Result { () throws(CommitMetadata.Problem) in try CommitMetadata(line: position.metadata) } }
    }

    /// As a worker would be told of it.
    var claim: Claim {
        Claim(
            partition: partition, committed: committed, logStart: logStart, logEnd: logEnd, birthOffset: logStart,
            newestCheckpoint: checkpoints.last?.kept.offset, partitionCount: partitionCount)
    }

    /// The epoch of a lineage that begins now, Unix milliseconds.
    func nextEpoch(now: Int64) -> Int64 {
        var known = checkpoints.map(\.epoch)
        if case .success(let metadata) = metadata { known.append(metadata.epoch) }
        return Lineage.next(now: now, known: known)
    }
}

extension WorkerSettings {
    /// For a replay with outputs off: limits of the outputs do not matter.
    init(_ settings: Settings, partitionCount: Int) {
        self.init(
            windows: settings.windows, mapping: settings.input.mapping,
            output: OutputContext(group: settings.group, inputTopic: settings.input.topic, deadLetterMaxBytes: Int.max, lateMaxBytes: Int.max),
            group: settings.group, topic: settings.input.topic, foldHash: FoldHash.text(windows: settings.windows, mapping: settings.input.mapping),
            partitionCount: partitionCount, seed: 0)
    }
}

import FraudEngine
import Glibc
import Synchronization

/// Reads and writes checkpoints off the workers' threads, one job after the other. It may be slow or fail: workers go on, their replay debt grows.
final class CheckpointThread: Sendable {
    enum Job: Sendable {
        case write(PartitionSnapshot, CheckpointHeader, WorkerInbox)
        case load(partition: Int32, claim: UInt64, CommittedPosition, WorkerInbox)
    }

    private let jobs = BlockingQueue<Job>()
    private let directory: CheckpointDirectory
    private let loader: CheckpointLoader
    private let log: Log
    private let metrics: Metrics
    private let problem = Mutex<String?>(nil)

    init(directory: CheckpointDirectory, settings: WorkerSettings, log: Log, metrics: Metrics) {
        self.directory = directory
        loader = CheckpointLoader(directory: directory, settings: settings) { partition, path, problem in
            log.warning("checkpoint not used", [.partition: "\(partition)", .path: path, .error: problem])
        }
        self.log = log
        self.metrics = metrics
    }

    func offer(_ job: Job) { jobs.append(job) }

    /// Why the last checkpoint could not be written; nil where it was.
    var lastProblem: String? { problem.withLock { $0 } }

    /// Lets the thread end once its queue is empty.
    func close() { jobs.close() }

    /// The thread's body.
    func run() {
        while let job = jobs.next() {
            switch job {
            case .write(let snapshot, let header, let inbox): write(snapshot, header, inbox)
            case .load(let partition, let claim, let committed, let inbox):
                inbox.post(.loaded(partition: partition, claim: claim, loader.load(partition, committed)))
            }
        }
    }

    private func write(_ snapshot: PartitionSnapshot, _ header: CheckpointHeader, _ inbox: WorkerInbox) {
        let start = Clock.monotonicNanoseconds()
        var succeeded = true
        do throws(FileSystem.Problem) {
            let count = try directory.write(header, snapshot)
            let seconds = Double(Clock.monotonicNanoseconds() - start) / 1e9
            metrics.checkpointWritten(seconds: seconds)
            problem.withLock { $0 = nil }
            log.info(
                "checkpoint written", [.partition: "\(header.partition)", .offset: "\(header.offset)", .bytes: "\(count)", .seconds: Log.seconds(seconds)])
        } catch {
            succeeded = false
            metrics.checkpointFailed()
            problem.withLock { $0 = "\(error)" }
            log.error("checkpoint failed", [.partition: "\(header.partition)", .offset: "\(header.offset)", .error: "\(error)"])
        }
        inbox.post(.checkpointed(partition: header.partition, epoch: header.epoch, header.kept, succeeded: succeeded))
    }
}

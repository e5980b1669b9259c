import FraudEngine
import Glibc
import Synchronization
import Threads

/// Reads and writes checkpoints off the workers' threads, one job after the other. It may be slow or fail: workers go on, their replay debt grows.
final class CheckpointThread: Sendable {
    enum Job: Sendable {
        case write(PartitionSnapshot, CheckpointHeader, WorkerInbox)
        case load(partition: Int32, claim: UInt64, CommittedPosition, WorkerInbox)
    }

    private let jobs = BlockingQueue<Job>()
    private let open: @Sendable () -> any CheckpointAccess
    private let settings: WorkerSettings
    private let log: Log
    private let metrics: Metrics
    private let problems = Mutex(Problems())
    private let ended = Semaphore()

    /// Why the last one could not be done; nil where it was.
    private struct Problems {
        var writing: String?
        var loading: String?
        /// Partitions whose last checkpoint could not be written.
        var unwritten: Set<Int32> = []
        var complaint = Complaint()

        mutating func storeAnswered() {
            loading = nil
            complaint = Complaint()
        }
    }

    /// - Parameter open: a way to the store for this thread alone.
    init(open: @escaping @Sendable () -> any CheckpointAccess, settings: WorkerSettings, log: Log, metrics: Metrics) {
        self.open = open
        self.settings = settings
        self.log = log
        self.metrics = metrics
    }

    func offer(_ job: Job) { jobs.append(job) }

    /// Why the last checkpoint could not be written, or the store not be asked for one; nil where they were.
    var lastProblem: String? { problems.withLock { $0.writing ?? $0.loading } }

    /// Partitions whose last checkpoint could not be written.
    var unwritten: Set<Int32> { problems.withLock { $0.unwritten } }

    /// Lets the thread end once its queue is empty.
    func close() { jobs.close() }

    /// Waits for the end of `run`, once: whether it came in time. A call that hangs in the store cannot be taken back.
    func waitUntilEnded(milliseconds: Int64) -> Bool { ended.wait(milliseconds: milliseconds) }

    /// The thread's body.
    func run() {
        defer { ended.signal() }
        let store = open()
        let log = log
        let loader = CheckpointLoader(store: store, settings: settings) { partition, place, problem in
            log.warning("checkpoint not used", [.partition: "\(partition)", .path: place, .error: problem])
        }
        while let job = jobs.next() {
            switch job {
            case .write(let snapshot, let header, let inbox): write(snapshot, header, inbox, store)
            case .load(let partition, let claim, let committed, let inbox):
                // The workers have ended, or the assignment that asked: nobody waits for it.
                if jobs.isClosed || claim != inbox.assignmentEpoch {
                    problems.withLock { $0.loading = nil }
                    continue
                }
                guard let loaded = load(partition, committed, loader, job) else { continue }
                inbox.post(.loaded(partition: partition, claim: claim, loaded))
            }
        }
    }

    /// Nil: the store does not answer at present, and the job comes again.
    private func load(_ partition: Int32, _ committed: CommittedPosition, _ loader: CheckpointLoader, _ job: Job) -> Result<RecoveredState, Refusal>? {
        do throws(CheckpointLoader.Failure) {
            let recovered = try loader.load(partition, committed)
            problems.withLock { $0.storeAnswered() }
            return .success(recovered)
        } catch {
            switch error {
            case .refused(let why):
                problems.withLock { $0.storeAnswered() }
                return .failure(why)
            case .later(let problem):
                postpone(job, problem)
                return nil
            }
        }
    }

    /// Tries again behind the other jobs: the partition keeps loading until the store answers.
    private func postpone(_ job: Job, _ why: StoreProblem) {
        let isDue = problems.withLock { problems in
            problems.loading = "\(why)"
            return problems.complaint.isDue("\(why)", now: Clock.monotonicMilliseconds())
        }
        if isDue { log.error("checkpoints cannot be read; partitions wait for the store", [.error: "\(why)"]) }
        Clock.pause(milliseconds: 200)
        jobs.putBack(job)
    }

    private func write(_ snapshot: PartitionSnapshot, _ header: CheckpointHeader, _ inbox: WorkerInbox, _ store: any CheckpointAccess) {
        let start = Clock.monotonicNanoseconds()
        var succeeded = true
        do throws(StoreProblem) {
            let count = try store.write(header, snapshot)
            let seconds = Double(Clock.monotonicNanoseconds() - start) / 1e9
            metrics.checkpointWritten(seconds: seconds)
            problems.withLock { problems in
                problems.writing = nil
                problems.unwritten.remove(header.partition)
            }
            log.info(
                "checkpoint written", [.partition: "\(header.partition)", .offset: "\(header.offset)", .bytes: "\(count)", .seconds: Log.seconds(seconds)])
        } catch {
            succeeded = false
            metrics.checkpointFailed()
            problems.withLock { problems in
                problems.writing = "\(error)"
                problems.unwritten.insert(header.partition)
            }
            log.error("checkpoint failed", [.partition: "\(header.partition)", .offset: "\(header.offset)", .error: "\(error)"])
        }
        inbox.post(.checkpointed(partition: header.partition, epoch: header.epoch, header.kept, succeeded: succeeded))
    }
}

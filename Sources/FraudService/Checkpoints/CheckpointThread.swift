import FraudEngine
import Glibc
import RuleFiles
import Synchronization

/// Reads and writes checkpoints off the workers' threads, one job after the other. It may be slow or fail: workers go on, their replay debt grows.
final class CheckpointThread: Sendable {
    enum Job: Sendable {
        case write(PartitionSnapshot, CheckpointHeader, WorkerInbox)
        case load(partition: Int32, claim: UInt64, CommittedPosition, WorkerInbox)
    }

    private let jobs = BlockingQueue<Job>()
    private let store: CheckpointStore
    private let settings: WorkerSettings
    private let baseWindowMilliseconds: Int64
    private let log: Log
    private let metrics: Metrics
    private let problems = Mutex(Problems())

    /// Why the last one could not be done; nil where it was.
    private struct Problems {
        var writing: String?
        var loading: String?
    }

    init(store: CheckpointStore, settings: WorkerSettings, log: Log, metrics: Metrics) {
        self.store = store
        self.settings = settings
        baseWindowMilliseconds = settings.windows.size
        self.log = log
        self.metrics = metrics
    }

    func offer(_ job: Job) { jobs.append(job) }

    /// Why the last checkpoint could not be written, or the store not be asked for one; nil where they were.
    var lastProblem: String? { problems.withLock { $0.writing ?? $0.loading } }

    /// Lets the thread end once its queue is empty.
    func close() { jobs.close() }

    /// The thread's body.
    func run() {
        let store = store.open()
        while let job = jobs.next() {
            switch job {
            case .write(let snapshot, let header, let inbox): write(snapshot, header, inbox, store)
            case .load(let partition, let claim, let committed, let inbox):
                do throws(StoreProblem) {
                    inbox.post(.loaded(partition: partition, claim: claim, try load(partition, committed, store)))
                    problems.withLock { $0.loading = nil }
                } catch {
                    postpone(job, error)
                }
            }
        }
    }

    /// Tries again behind the other jobs: the partition keeps loading until the store answers.
    private func postpone(_ job: Job, _ why: StoreProblem) {
        let isNew = problems.withLock { problems in
            defer { problems.loading = "\(why)" }
            return problems.loading == nil
        }
        if isNew { log.error("checkpoints cannot be read; partitions wait for the store", [.error: "\(why)"]) }
        Clock.pause(milliseconds: 200)
        jobs.putBack(job)
    }

    private func write(_ snapshot: PartitionSnapshot, _ header: CheckpointHeader, _ inbox: WorkerInbox, _ store: any CheckpointAccess) {
        let start = Clock.monotonicNanoseconds()
        var succeeded = true
        do throws(StoreProblem) {
            var bytes = ByteWriter(capacity: 1 << 20)
            CheckpointFile.encode(header, snapshot, to: &bytes)
            try store.write(header, UnsafeRawBufferPointer(start: bytes.bytes, count: bytes.count))
            let count = bytes.count
            let seconds = Double(Clock.monotonicNanoseconds() - start) / 1e9
            metrics.checkpointWritten(seconds: seconds)
            problems.withLock { $0.writing = nil }
            log.info(
                "checkpoint written", [.partition: "\(header.partition)", .offset: "\(header.offset)", .bytes: "\(count)", .seconds: Log.seconds(seconds)])
        } catch {
            succeeded = false
            metrics.checkpointFailed()
            problems.withLock { $0.writing = "\(error)" }
            log.error("checkpoint failed", [.partition: "\(header.partition)", .offset: "\(header.offset)", .error: "\(error)"])
        }
        inbox.post(.checkpointed(partition: header.partition, epoch: header.epoch, header.kept, succeeded: succeeded))
    }

    // MARK: Loading

    /// Why there is no state: the partition is refused, or the store may answer later.
    private enum Failure: Error {
        case refused(Refusal)
        case later(StoreProblem)

        /// A store that is down for the moment stands in nobody's way for ever.
        init(_ problem: StoreProblem, _ refusal: (String) -> Refusal) {
            self = problem.isPassing ? .later(problem) : .refused(refusal("\(problem)"))
        }
    }

    /// The newest usable checkpoint at or below the committed offset; without one an empty state, and from when on the log is needed.
    /// Throws only problems that pass.
    private func load(
        _ partition: Int32, _ committed: CommittedPosition, _ store: any CheckpointAccess
    ) throws(StoreProblem) -> Result<RecoveredState, Refusal> {
        do throws(Failure) {
            return .success(try recover(partition, committed, store))
        } catch {
            switch error {
            case .refused(let why): return .failure(why)
            case .later(let problem): throw problem
            }
        }
    }

    private func recover(_ partition: Int32, _ committed: CommittedPosition, _ store: any CheckpointAccess) throws(Failure) -> RecoveredState {
        let metadata: CommitMetadata
        do throws(CommitMetadata.Problem) {
            metadata = try CommitMetadata(line: committed.metadata)
        } catch {
            throw .refused(.metadataUnreadable("\(error)"))
        }
        let all: [StoredCheckpoint]
        do throws(StoreProblem) { all = try store.list(partition) } catch { throw Failure(error) { .noUsableCheckpoint($0) } }
        let usable = all.filter { $0.epoch == metadata.epoch && $0.kept.offset <= committed.offset }
        for (index, entry) in usable.enumerated().reversed() {
            switch try read(entry, metadata, store) {
            case .success(let read): return try complete(read, kept: usable[...index].map(\.kept), store)
            case .failure(let problem): log.warning("checkpoint not used", [.partition: "\(partition)", .path: entry.place, .error: problem.text])
            }
        }
        return try withoutCheckpoint(metadata, store)
    }

    /// Why one checkpoint cannot serve; an older one may.
    private struct Unusable: Error {
        var text: String
    }

    private struct Read {
        var header: CheckpointHeader
        var state: PartitionStateBox
        /// All of it, up to the committed offset.
        var history: [RuleActivation]
    }

    private func read(_ entry: StoredCheckpoint, _ metadata: CommitMetadata, _ store: any CheckpointAccess) throws(Failure) -> Result<Read, Unusable> {
        let bytes: [UInt8]
        do throws(StoreProblem) { bytes = try store.read(entry) } catch {
            if error.isPassing { throw .later(error) }
            return .failure(Unusable(text: "\(error)"))
        }
        do throws(CheckpointFile.Problem) {
            let (header, state) = try bytes.withUnsafeBufferPointer { (raw) throws(CheckpointFile.Problem) in
                try CheckpointFile.decode(UnsafeRawBufferPointer(raw), windows: settings.windows, seed: settings.seed)
            }
            guard header.group == settings.group, header.topic == settings.topic, header.partition == entry.partition, header.epoch == metadata.epoch,
                header.kept == entry.kept
            else { return .failure(Unusable(text: "it belongs to \(header.group)/\(header.topic)/\(header.partition), offset \(header.offset)")) }
            guard header.foldHash == settings.foldHash else { return .failure(Unusable(text: "it was made by another fold")) }
            guard let history = Recovery.history(checkpoint: header.history, metadata: metadata.history) else {
                return .failure(Unusable(text: "the rule-set history between it and the committed offset is incomplete"))
            }
            return .success(Read(header: header, state: state, history: history))
        } catch {
            return .failure(Unusable(text: "\(error)"))
        }
    }

    private func complete(_ read: Read, kept: [KeptCheckpoint], _ store: any CheckpointAccess) throws(Failure) -> RecoveredState {
        var sets: [RuleSet] = []
        for hash in Recovery.ruleSets(history: read.history, from: read.header.offset) { sets.append(try ruleSet(hash, store)) }
        return RecoveredState(
            state: read.state.take(), start: .checkpoint(offset: read.header.offset), history: read.history, anchor: read.header.anchor, kept: kept,
            ruleSets: sets)
    }

    private func withoutCheckpoint(_ metadata: CommitMetadata, _ store: any CheckpointAccess) throws(Failure) -> RecoveredState {
        var sets: [RuleSet] = []
        for entry in metadata.history where !sets.contains(where: { $0.hash == entry.ruleSet }) { sets.append(try ruleSet(entry.ruleSet, store)) }
        let start = Recovery.start(
            streamTime: metadata.streamTime, windows: settings.windows, maxAhead: settings.mapping.maxAheadMilliseconds, history: metadata.history,
            ruleSets: sets)
        return RecoveredState(
            state: PartitionState(windows: settings.windows, seed: settings.seed), start: start, history: metadata.history, anchor: nil, kept: [],
            ruleSets: sets)
    }

    /// A rule set as it was stored before its first use.
    private func ruleSet(_ hash: RuleSetHash, _ store: any CheckpointAccess) throws(Failure) -> RuleSet {
        func missing(_ why: String) -> Refusal { .ruleSetMissing("\(hash.hexadecimal) (\(why))") }
        let bytes: [UInt8]
        do throws(StoreProblem) { bytes = try store.bundle(of: hash) } catch { throw Failure(error, missing) }
        guard RuleBundle.hash(ofEncoded: bytes) == hash else { throw .refused(missing("what is stored under it has another hash")) }
        let bundle: RuleBundle
        do throws(RuleBundle.DecodingError) { bundle = try RuleBundle(decoding: bytes) } catch {
            throw .refused(missing("what is stored under it cannot be read: \(error)"))
        }
        switch RuleFiles.load(bundle: bundle, baseWindowMilliseconds: baseWindowMilliseconds, runsTests: false) {
        case .success(let loaded): return loaded.set
        case .failure(let diagnostics):
            throw .refused(missing("this version cannot load it: \(diagnostics.all.first?.message ?? "")"))
        }
    }
}

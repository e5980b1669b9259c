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
    private let directory: CheckpointDirectory
    private let settings: WorkerSettings
    private let baseWindowMilliseconds: Int64
    private let log: Log
    private let metrics: Metrics
    private let problem = Mutex<String?>(nil)

    init(directory: CheckpointDirectory, settings: WorkerSettings, log: Log, metrics: Metrics) {
        self.directory = directory
        self.settings = settings
        baseWindowMilliseconds = settings.windows.size
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
                inbox.post(.loaded(partition: partition, claim: claim, load(partition, committed)))
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

    // MARK: Loading

    /// The newest usable checkpoint at or below the committed offset; without one an empty state, and from when on the log is needed.
    private func load(_ partition: Int32, _ committed: CommittedPosition) -> Result<RecoveredState, Refusal> {
        do throws(Refusal) {
            let metadata: CommitMetadata
            do throws(CommitMetadata.Problem) {
                metadata = try CommitMetadata(line: committed.metadata)
            } catch {
                throw .metadataUnreadable("\(error)")
            }
            let usable = try list(partition).filter { $0.epoch == metadata.epoch && $0.kept.offset <= committed.offset }
            for (index, entry) in usable.enumerated().reversed() {
                switch read(entry, partition, metadata) {
                case .success(let read): return .success(try complete(read, kept: usable[...index].map(\.kept)))
                case .failure(let problem): log.warning("checkpoint not used", [.partition: "\(partition)", .path: entry.path, .error: problem.text])
                }
            }
            return .success(try withoutCheckpoint(metadata))
        } catch {
            return .failure(error)
        }
    }

    private func list(_ partition: Int32) throws(Refusal) -> [CheckpointDirectory.Entry] {
        do throws(FileSystem.Problem) { return try directory.list(partition) } catch { throw .noUsableCheckpoint("\(error)") }
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

    private func read(_ entry: CheckpointDirectory.Entry, _ partition: Int32, _ metadata: CommitMetadata) -> Result<Read, Unusable> {
        let bytes: [UInt8]
        do throws(FileSystem.Problem) { bytes = try FileSystem.read(entry.path) } catch { return .failure(Unusable(text: "\(error)")) }
        do throws(CheckpointFile.Problem) {
            let (header, state) = try bytes.withUnsafeBufferPointer { (raw) throws(CheckpointFile.Problem) in
                try CheckpointFile.decode(UnsafeRawBufferPointer(raw), windows: settings.windows, seed: settings.seed)
            }
            guard header.group == settings.group, header.topic == settings.topic, header.partition == partition, header.epoch == metadata.epoch,
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

    private func complete(_ read: Read, kept: [KeptCheckpoint]) throws(Refusal) -> RecoveredState {
        let sets = try ruleSets(history: read.history, from: read.header.offset)
        return RecoveredState(
            state: read.state.take(), start: .checkpoint(offset: read.header.offset), history: read.history, anchor: read.header.anchor, kept: kept,
            ruleSets: sets)
    }

    private func withoutCheckpoint(_ metadata: CommitMetadata) throws(Refusal) -> RecoveredState {
        var sets: [RuleSet] = []
        for entry in metadata.history where !sets.contains(where: { $0.hash == entry.ruleSet }) { sets.append(try ruleSet(entry.ruleSet)) }
        let start = Recovery.start(
            streamTime: metadata.streamTime, windows: settings.windows, maxAhead: settings.mapping.maxAheadMilliseconds, history: metadata.history,
            ruleSets: sets)
        return RecoveredState(
            state: PartitionState(windows: settings.windows, seed: settings.seed), start: start, history: metadata.history, anchor: nil, kept: [],
            ruleSets: sets)
    }

    private func ruleSets(history: [RuleActivation], from offset: Int64) throws(Refusal) -> [RuleSet] {
        var sets: [RuleSet] = []
        for hash in Recovery.ruleSets(history: history, from: offset) { sets.append(try ruleSet(hash)) }
        return sets
    }

    /// A rule set as it was stored before its first use.
    private func ruleSet(_ hash: RuleSetHash) throws(Refusal) -> RuleSet {
        let bytes: [UInt8]
        do throws(FileSystem.Problem) { bytes = try directory.bundle(of: hash) } catch { throw .ruleSetMissing("\(hash.hexadecimal) (\(error))") }
        guard RuleBundle.hash(ofEncoded: bytes) == hash else { throw .ruleSetMissing("\(hash.hexadecimal) (what is stored under it has another hash)") }
        let bundle: RuleBundle
        do throws(RuleBundle.DecodingError) { bundle = try RuleBundle(decoding: bytes) } catch {
            throw .ruleSetMissing("\(hash.hexadecimal) (what is stored under it cannot be read: \(error))")
        }
        switch RuleFiles.load(bundle: bundle, baseWindowMilliseconds: baseWindowMilliseconds, runsTests: false) {
        case .success(let loaded): return loaded.set
        case .failure(let diagnostics):
            throw .ruleSetMissing("\(hash.hexadecimal) (this version cannot load it: \(diagnostics.all.first?.message ?? ""))")
        }
    }
}

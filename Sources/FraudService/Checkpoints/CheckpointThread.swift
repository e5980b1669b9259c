import FraudEngine
import Glibc
import RuleFiles
import Synchronization

/// Reads and writes checkpoints off the workers' threads, one job after the other. It may be slow or fail: workers go on, their replay debt grows.
final class CheckpointThread: Sendable {
    enum Job: Sendable {
        case write(PartitionSnapshot, CheckpointHeader, WorkerInbox)
        case load(partition: Int32, claim: UInt64, CommittedPosition, logStart: Int64, WorkerInbox)
    }

    private let jobs = BlockingQueue<Job>()
    private let directory: CheckpointDirectory
    private let settings: WorkerSettings
    private let baseWindowMilliseconds: Int64
    private let log: Log
    private let metrics: Metrics

    init(directory: CheckpointDirectory, settings: WorkerSettings, log: Log, metrics: Metrics) {
        self.directory = directory
        self.settings = settings
        baseWindowMilliseconds = settings.windows.size
        self.log = log
        self.metrics = metrics
    }

    func offer(_ job: Job) { jobs.append(job) }

    /// Lets the thread end once its queue is empty.
    func close() { jobs.close() }

    /// The thread's body.
    func run() {
        while let job = jobs.next() {
            switch job {
            case .write(let snapshot, let header, let inbox): write(snapshot, header, inbox)
            case .load(let partition, let claim, let committed, let logStart, let inbox):
                inbox.post(.loaded(partition: partition, claim: claim, load(partition, committed, logStart: logStart)))
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
            log.info("checkpoint written", [.partition: "\(header.partition)", .offset: "\(header.offset)", .bytes: "\(count)", .seconds: "\(seconds)"])
        } catch {
            succeeded = false
            metrics.checkpointFailed()
            log.error("checkpoint failed", [.partition: "\(header.partition)", .offset: "\(header.offset)", .error: "\(error)"])
        }
        inbox.post(.checkpointed(partition: header.partition, epoch: header.epoch, offset: header.offset, succeeded: succeeded))
    }

    // MARK: Loading

    /// The newest usable checkpoint at or below the committed offset, or the empty state where the history reaches back to birth.
    private func load(_ partition: Int32, _ committed: CommittedPosition, logStart: Int64) -> Result<RecoveredState, Refusal> {
        do throws(Refusal) {
            let metadata: CommitMetadata
            do throws(CommitMetadata.Problem) {
                metadata = try CommitMetadata(line: committed.metadata)
            } catch {
                throw .metadataUnreadable("\(error)")
            }
            var problems: [String] = []
            for entry in try list(partition).reversed() where entry.epoch == metadata.epoch && entry.offset <= committed.offset {
                switch read(entry, partition, metadata) {
                case .success(let recovered): return .success(try complete(recovered, metadata))
                case .failure(let problem):
                    problems.append("\(entry.path): \(problem.text)")
                    log.warning("checkpoint not used", [.partition: "\(partition)", .path: entry.path, .error: problem.text])
                }
            }
            return .success(try fromBirth(partition, metadata, committed, logStart: logStart, problems: problems))
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
    }

    private func read(_ entry: CheckpointDirectory.Entry, _ partition: Int32, _ metadata: CommitMetadata) -> Result<Read, Unusable> {
        let bytes: [UInt8]
        do throws(FileSystem.Problem) { bytes = try FileSystem.read(entry.path) } catch { return .failure(Unusable(text: "\(error)")) }
        do throws(CheckpointFile.Problem) {
            let (header, state) = try bytes.withUnsafeBufferPointer { (raw) throws(CheckpointFile.Problem) in
                try CheckpointFile.decode(UnsafeRawBufferPointer(raw), windows: settings.windows, seed: settings.seed)
            }
            guard header.group == settings.group, header.topic == settings.topic, header.partition == partition, header.epoch == metadata.epoch,
                header.offset == entry.offset
            else { return .failure(Unusable(text: "it belongs to \(header.group)/\(header.topic)/\(header.partition), offset \(header.offset)")) }
            guard header.foldHash == settings.foldHash else { return .failure(Unusable(text: "it was made by another fold")) }
            return .success(Read(header: header, state: state))
        } catch {
            return .failure(Unusable(text: "\(error)"))
        }
    }

    private func complete(_ read: Read, _ metadata: CommitMetadata) throws(Refusal) -> RecoveredState {
        guard let history = Recovery.history(checkpoint: read.header.history, metadata: metadata.history) else {
            throw .noUsableCheckpoint("the rule-set history between offset \(read.header.offset) and the committed offset is incomplete")
        }
        let sets = try ruleSets(history: history, from: read.header.offset)
        return RecoveredState(
            state: read.state.take(), header: read.header, history: history, offset: read.header.offset, anchor: read.header.anchor, ruleSets: sets)
    }

    private func fromBirth(
        _ partition: Int32, _ metadata: CommitMetadata, _ committed: CommittedPosition, logStart: Int64, problems: [String]
    ) throws(Refusal) -> RecoveredState {
        let why = problems.isEmpty ? "there is none in \(directory.folder(of: partition))" : problems.joined(separator: "; ")
        guard let history = Recovery.history(checkpoint: [], metadata: metadata.history), let birth = history.first else {
            throw .noUsableCheckpoint("\(why); and the partition's birth is beyond the committed history")
        }
        guard birth.fromOffset == committed.offset || birth.fromOffset >= logStart else {
            throw .noUsableCheckpoint("\(why); and the log starts at \(logStart), after the partition's birth at \(birth.fromOffset)")
        }
        let sets = try ruleSets(history: history, from: birth.fromOffset)
        return RecoveredState(
            state: PartitionState(windows: settings.windows, seed: settings.seed), header: nil, history: history, offset: birth.fromOffset, anchor: nil,
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

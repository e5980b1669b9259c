import FraudEngine
import RuleFiles

/// Reads back what recovery begins with: a checkpoint, the rule sets that judged what must be replayed. For the checkpoint thread and for commands;
/// used by one thread.
struct CheckpointLoader {
    let store: any CheckpointAccess
    let settings: WorkerSettings
    /// Told of each checkpoint that cannot serve, where an older one or the log may: partition, path, why.
    let notUsed: (Int32, String, String) -> Void

    /// Why there is no state.
    enum Failure: Error {
        /// The partition stays out.
        case refused(Refusal)
        /// The store may answer later.
        case later(StoreProblem)

        /// A store that is down for the moment stands in nobody's way for ever.
        init(_ problem: StoreProblem, _ refusal: (String) -> Refusal) {
            self = problem.isPassing ? .later(problem) : .refused(refusal("\(problem)"))
        }
    }

    /// Why one checkpoint cannot serve; an older one may.
    enum Unusable: Error {
        case unreadable(StoreProblem)
        case damaged(CheckpointFile.Problem)
        /// It is another partition's, or not what its name says.
        case foreign(CheckpointHeader)
        case otherFold
        case historyIncomplete

        var text: String {
            switch self {
            case .unreadable(let problem): "\(problem)"
            case .damaged(let problem): "\(problem)"
            case .foreign(let header): "it belongs to \(header.group)/\(header.topic)/\(header.partition), offset \(header.offset)"
            case .otherFold: "it was made by another fold"
            case .historyIncomplete: "the rule-set history between it and the committed offset is incomplete"
            }
        }
    }

    struct Read {
        var header: CheckpointHeader
        var state: PartitionStateBox
    }

    // MARK: Recovery

    /// The newest usable checkpoint at or below the committed offset; without one an empty state, and from when on the log is needed.
    func load(_ partition: Int32, _ committed: CommittedPosition) throws(Failure) -> RecoveredState {
        let metadata: CommitMetadata
        do throws(CommitMetadata.Problem) {
            metadata = try CommitMetadata(line: committed.metadata)
        } catch {
            throw .refused(.metadataUnreadable("\(error)"))
        }
        let usable = try list(partition).filter { $0.epoch == metadata.epoch && $0.kept.offset <= committed.offset }
        for (index, entry) in usable.enumerated().reversed() {
            switch try serving(entry, metadata) {
            case .success((let read, let history)): return try complete(read, history, kept: usable[...index].map(\.kept))
            case .failure(let problem): notUsed(partition, entry.place, problem.text)
            }
        }
        return try withoutCheckpoint(metadata)
    }

    /// The newest usable checkpoint of any lineage, for a partition of which nothing is committed; nil: there is none.
    func newest(_ partition: Int32) throws(Failure) -> RecoveredState? {
        for entry in try list(partition).reversed() {
            switch try read(entry) {
            case .success(let read) where read.header.foldHash == settings.foldHash: return try complete(read, read.header.history, kept: [entry.kept])
            case .success: notUsed(partition, entry.place, Unusable.otherFold.text)
            case .failure(let problem): notUsed(partition, entry.place, problem.text)
            }
        }
        return nil
    }

    private func list(_ partition: Int32) throws(Failure) -> [StoredCheckpoint] {
        do throws(StoreProblem) { return try store.list(partition) } catch { throw Failure(error) { .noUsableCheckpoint($0) } }
    }

    /// A checkpoint from which the committed state can be reached, with its history up to there.
    private func serving(_ entry: StoredCheckpoint, _ metadata: CommitMetadata) throws(Failure) -> Result<(Read, history: [RuleActivation]), Unusable> {
        try read(entry).flatMap { read in
            guard read.header.epoch == metadata.epoch else { return .failure(.foreign(read.header)) }
            guard read.header.foldHash == settings.foldHash else { return .failure(.otherFold) }
            guard let history = Recovery.history(checkpoint: read.header.history, metadata: metadata.history) else { return .failure(.historyIncomplete) }
            return .success((read, history))
        }
    }

    /// The whole checkpoint, as far as it can be checked alone; it may be another fold's, with windows of the same size.
    func read(_ entry: StoredCheckpoint) throws(Failure) -> Result<Read, Unusable> {
        let bytes: [UInt8]
        do throws(StoreProblem) { bytes = try store.read(entry) } catch {
            if error.isPassing { throw .later(error) }
            return .failure(.unreadable(error))
        }
        do throws(CheckpointFile.Problem) {
            let (header, state) = try bytes.withUnsafeBufferPointer { (raw) throws(CheckpointFile.Problem) in
                try CheckpointFile.decode(UnsafeRawBufferPointer(raw), windows: settings.windows, seed: settings.seed)
            }
            guard header.group == settings.group, header.topic == settings.topic, header.partition == entry.partition, header.epoch == entry.epoch,
                header.kept == entry.kept
            else { return .failure(.foreign(header)) }
            return .success(Read(header: header, state: state))
        } catch {
            return .failure(.damaged(error))
        }
    }

    private func complete(_ read: Read, _ history: [RuleActivation], kept: [KeptCheckpoint]) throws(Failure) -> RecoveredState {
        let sets = try ruleSets(history: history, from: read.header.offset)
        return RecoveredState(
            state: read.state.take(), start: .checkpoint(offset: read.header.offset), history: history, anchor: read.header.anchor, kept: kept,
            ruleSets: sets)
    }

    private func withoutCheckpoint(_ metadata: CommitMetadata) throws(Failure) -> RecoveredState {
        var sets: [RuleSet] = []
        for entry in metadata.history where !sets.contains(where: { $0.hash == entry.ruleSet }) { sets.append(try ruleSet(entry.ruleSet)) }
        let start = Recovery.start(
            streamTime: metadata.streamTime, windows: settings.windows, maxAhead: settings.mapping.maxAheadMilliseconds, history: metadata.history,
            ruleSets: sets)
        return RecoveredState(
            state: PartitionState(windows: settings.windows, seed: settings.seed), start: start, history: metadata.history, anchor: nil, kept: [],
            ruleSets: sets)
    }

    // MARK: Rule sets

    private func ruleSets(history: [RuleActivation], from offset: Int64) throws(Failure) -> [RuleSet] {
        var sets: [RuleSet] = []
        for hash in Recovery.ruleSets(history: history, from: offset) { sets.append(try ruleSet(hash)) }
        return sets
    }

    /// A rule set as it was stored before its first use.
    func ruleSet(_ hash: RuleSetHash) throws(Failure) -> RuleSet {
        func missing(_ why: String) -> Refusal { .ruleSetMissing("\(hash.hexadecimal) (\(why))") }
        let bytes: [UInt8]
        do throws(StoreProblem) { bytes = try store.bundle(of: hash) } catch { throw Failure(error, missing) }
        guard RuleBundle.hash(ofEncoded: bytes) == hash else { throw .refused(missing("what is stored under it has another hash")) }
        let bundle: RuleBundle
        do throws(RuleBundle.DecodingError) { bundle = try RuleBundle(decoding: bytes) } catch {
            throw .refused(missing("what is stored under it cannot be read: \(error)"))
        }
        switch RuleFiles.load(bundle: bundle, baseWindowMilliseconds: settings.windows.size, runsTests: false) {
        case .success(let loaded): return loaded.set
        case .failure(let diagnostics):
            throw .refused(missing("this version cannot load it: \(diagnostics.all.first?.message ?? "")"))
        }
    }
}

import FraudEngine
import RuleFiles

/// Reads back what recovery begins with: a checkpoint, the rule sets that judged what must be replayed. For the checkpoint thread and for commands;
/// used by one thread.
struct CheckpointLoader {
    let store: any CheckpointAccess
    let settings: WorkerSettings
    /// Told of each checkpoint that cannot serve, where an older one or the log may: partition, path, why.
    let notUsed: (Int32, String, String) -> Void

    typealias Failure = RecoveryFailure<StoreProblem>
    typealias Unusable = UnusableCheckpoint<StoreProblem>

    private var search: CheckpointSearch<StoredCheckpoint, StoreProblem> {
        CheckpointSearch(
            settings: settings, bytes: { (entry) throws(Failure) in try bytes(entry) }, ruleSet: { (hash) throws(Failure) in try ruleSet(hash) },
            notUsed: { entry, problem in notUsed(entry.place.partition, entry.place.place, problem.text) })
    }

    /// The newest usable checkpoint at or below the committed offset; without one an empty state, and from when on the log is needed.
    func load(_ partition: Int32, _ committed: CommittedPosition) throws(Failure) -> RecoveredState {
        try search.load(partition, committed, try list(partition))
    }

    /// The newest usable checkpoint of any lineage, for a partition of which nothing is committed; nil: there is none.
    func newest(_ partition: Int32) throws(Failure) -> RecoveredState? { try search.newest(partition, try list(partition)) }

    /// The whole checkpoint, as far as it can be checked alone; it may be another fold's, with windows of the same size.
    func read(_ entry: StoredCheckpoint) throws(Failure) -> Result<ReadCheckpoint, Unusable> {
        try search.read(Self.entry(entry), entry.partition)
    }

    private static func entry(_ stored: StoredCheckpoint) -> CheckpointSearch<StoredCheckpoint, StoreProblem>.Entry {
        .init(epoch: stored.epoch, kept: stored.kept, place: stored)
    }

    private func list(_ partition: Int32) throws(Failure) -> [CheckpointSearch<StoredCheckpoint, StoreProblem>.Entry] {
        do throws(StoreProblem) {
            return try store.list(partition).map { Self.entry($0) }
        } catch {
            throw Failure(error) { .noUsableCheckpoint($0) }
        }
    }

    private func bytes(_ entry: StoredCheckpoint) throws(Failure) -> Result<[UInt8], Unusable> {
        do throws(StoreProblem) { return .success(try store.read(entry)) } catch {
            if error.isPassing { throw .later(error) }
            return .failure(.unreadable(error))
        }
    }

    // MARK: Rule sets

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

extension RecoveryFailure<StoreProblem> {
    /// A store that is down for the moment stands in nobody's way for ever.
    init(_ problem: StoreProblem, _ refusal: (String) -> Refusal) {
        self = problem.isPassing ? .later(problem) : .refused(refusal("\(problem)"))
    }
}

import FraudEngine

/// Brings a partition's state to the committed offset as a start of the service would, without a service: newest usable checkpoint, the log
/// from there on with outputs off, digest and anchor compared.
struct OfflineRecovery {
    let access: GroupAccess
    let loader: CheckpointLoader
    let store: CheckpointStore
    let settings: WorkerSettings

    enum Trouble: Error {
        /// A start would refuse the partition too.
        case refused(Refusal)
        /// Brokers or store did not answer.
        case failed(StartFailure)

        init(_ failure: CheckpointLoader.Failure, _ store: CheckpointStore) {
            switch failure {
            case .refused(let why): self = .refused(why)
            case .later(let problem): self = .failed(StartFailure(problem, store))
            }
        }
    }

    /// A state at the committed offset.
    struct Reached: ~Copyable {
        var machine: PartitionMachine
        let metadata: CommitMetadata
        /// Where the state came from, for people.
        let source: String
        let replayedCount: Int
        /// What is missing from the state, one sentence each; empty where it is the committed one exactly.
        let shortfalls: [String]
    }

    /// - Parameter tolerates: records or checkpoints that are gone make the state less than the committed one, instead of a refusal. Where nothing is
    ///   gone, another state than the committed one is refused all the same.
    func recover(_ facts: PartitionFacts, tolerates: Bool = false) throws(Trouble) -> Reached {
        guard let committed = facts.committed else { preconditionFailure("what is not committed cannot be recovered") }
        let metadata = try check(facts, committed, tolerates: tolerates)
        let recovered: RecoveredState
        do throws(CheckpointLoader.Failure) { recovered = try loader.load(facts.partition, committed) } catch { throw Trouble(error, store) }
        let place = try place(recovered, facts, committed, metadata, tolerates: tolerates)
        // A record that shows whether the log is still the same one.
        let anchor = metadata.anchor.flatMap { $0.offset >= facts.logStart && $0.offset < committed.offset ? $0 : nil }
        let first = min(place.from, anchor?.offset ?? place.from)
        var replay = PartitionReplay(
            recovered, partition: facts.partition, from: place.from, until: committed.offset, anchor: anchor ?? metadata.anchor, settings: settings)
        do throws(StartFailure) { try access.read(facts.partition, first..<committed.offset) { replay.take($0) } } catch { throw .failed(error) }
        if let anchor, replay.isAnchorWrong(readFrom: first) { throw .refused(.anchorMismatch(offset: anchor.offset)) }
        if place.isPartial { replay.adopt(metadata) }
        var shortfalls = place.shortfalls
        let found = replay.machine.state.digest
        if found != metadata.digest, shortfalls.isEmpty {
            let isTooShort = place.isWithoutCheckpoint && place.from <= facts.logStart
            guard isTooShort else { throw .refused(.digestMismatch(expected: metadata.digest, found: found)) }
            let mismatch = Refusal.logTooShort(start: facts.logStart)
            guard tolerates else { throw .refused(mismatch) }
            shortfalls.append(mismatch.message)
        }
        let count = replay.recordCount
        let machine = replay.finished(at: committed.offset, anchor: metadata.anchor)
        return Reached(machine: machine, metadata: metadata, source: place.source, replayedCount: count, shortfalls: shortfalls)
    }

    /// What a worker checks before it reads a checkpoint.
    private func check(_ facts: PartitionFacts, _ committed: CommittedPosition, tolerates: Bool) throws(Trouble) -> CommitMetadata {
        var claim = facts.claim
        // Where records are gone is looked at later.
        if tolerates { claim.logStart = min(claim.logStart, committed.offset) }
        switch WorkerMachine.check(claim, committed, partitionCount: settings.partitionCount, foldHash: settings.foldHash) {
        case .success(let metadata): return metadata
        case .failure(let why): throw .refused(why)
        }
    }

    private struct Place {
        /// The first record to fold.
        var from: Int64
        var source: String
        /// Stream time and totals are the committed ones, not those of what was folded.
        var isPartial = false
        var isWithoutCheckpoint = false
        var shortfalls: [String] = []
    }

    /// From where on the log is needed, and what of that it no longer has.
    private func place(
        _ recovered: RecoveredState, _ facts: PartitionFacts, _ committed: CommittedPosition, _ metadata: CommitMetadata, tolerates: Bool
    ) throws(Trouble) -> Place {
        let logStart = min(facts.logStart, committed.offset)
        switch recovered.start {
        case .checkpoint(let offset):
            var place = Place(from: offset, source: "the checkpoint at offset \(offset)")
            guard offset < committed.offset, offset < facts.logStart else { return place }
            guard tolerates else { throw .refused(.logStartsLater(needed: offset, start: facts.logStart)) }
            place.from = logStart
            place.isPartial = true
            place.shortfalls = ["offsets \(offset) to \(logStart - 1), folded since the newest checkpoint, are no longer in the log: the state is without them"]
            return place
        case .nothing: return Place(from: committed.offset, source: "nothing: no payment was folded yet", isPartial: true)
        case .time(let time):
            let found: Int64?
            do throws(StartFailure) { found = try access.offset(facts.partition, at: time) } catch { throw .failed(error) }
            let offset = Recovery.firstOffset(located: found, committed: committed.offset, history: recovered.history)
            var place = Place(from: max(offset, logStart), source: "the log from offset \(offset) on", isPartial: true, isWithoutCheckpoint: true)
            if place.from == committed.offset { place.source = "nothing: the log holds no payment that matters" }
            guard let gap = Recovery.gap(from: offset, committed: committed.offset, history: recovered.history) else { return place }
            guard tolerates else { throw .refused(.noUsableCheckpoint("there is none that serves, and \(gap)")) }
            place.shortfalls = ["no checkpoint serves, and \(gap): earlier payments are judged by the first rule set that is known"]
            return place
        }
    }

    // MARK: Without a committed offset

    /// The state of the newest usable checkpoint, for a partition of which nothing is committed; nil: there is none.
    func newest(_ facts: PartitionFacts) throws(Trouble) -> Orphan? {
        let found: RecoveredState?
        do throws(CheckpointLoader.Failure) { found = try loader.newest(facts.partition) } catch { throw Trouble(error, store) }
        guard let recovered = found, case .checkpoint(let offset) = recovered.start else { return nil }
        guard offset <= facts.logEnd else { throw .refused(.offsetBeyondLog(committed: offset, end: facts.logEnd)) }
        var replay = PartitionReplay(recovered, partition: facts.partition, from: offset, until: offset, anchor: recovered.anchor, settings: settings)
        if let anchor = recovered.anchor, anchor.offset >= facts.logStart {
            do throws(StartFailure) { try access.read(facts.partition, anchor.offset..<offset) { replay.take($0) } } catch { throw .failed(error) }
            if replay.isAnchorWrong(readFrom: anchor.offset) { throw .refused(.anchorMismatch(offset: anchor.offset)) }
        }
        return Orphan(machine: replay.finished(at: offset, anchor: recovered.anchor))
    }

    struct Orphan: ~Copyable {
        var machine: PartitionMachine
    }
}

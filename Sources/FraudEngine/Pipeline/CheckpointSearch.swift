/// What a partition goes on from: which of the checkpoints that a store lists may serve, in which order they are tried, what makes one unusable, and what is
/// done without one. The store's own calls are handed in.
package struct CheckpointSearch<Place, Problem: Error> {
    package typealias Failure = RecoveryFailure<Problem>
    package typealias Unusable = UnusableCheckpoint<Problem>

    /// A checkpoint as the store lists it.
    package struct Entry {
        package var epoch: Int64
        package var kept: KeptCheckpoint
        package var place: Place

        package init(epoch: Int64, kept: KeptCheckpoint, place: Place) {
            self.epoch = epoch
            self.kept = kept
            self.place = place
        }
    }

    private let settings: WorkerSettings
    /// A checkpoint's bytes.
    private let bytes: (Place) throws(Failure) -> Result<[UInt8], Unusable>
    /// A rule set as it was stored before its first use.
    private let ruleSet: (RuleSetHash) throws(Failure) -> RuleSet
    /// Told of each checkpoint that cannot serve, where an older one or the log may.
    private let notUsed: (Entry, Unusable) -> Void

    package init(
        settings: WorkerSettings, bytes: @escaping (Place) throws(Failure) -> Result<[UInt8], Unusable>,
        ruleSet: @escaping (RuleSetHash) throws(Failure) -> RuleSet, notUsed: @escaping (Entry, Unusable) -> Void
    ) {
        self.settings = settings
        self.bytes = bytes
        self.ruleSet = ruleSet
        self.notUsed = notUsed
    }

    /// The newest usable checkpoint at or below the committed offset; without one an empty state, and from when on the log is needed.
    ///
    /// - Parameter listed: all of the partition's, oldest first.
    package func load(_ partition: Int32, _ committed: CommittedPosition, _ listed: [Entry]) throws(Failure) -> RecoveredState {
        let metadata: CommitMetadata
        do throws(CommitMetadata.Problem) {
            metadata = try CommitMetadata(line: committed.metadata)
        } catch {
            throw .refused(.metadataUnreadable("\(error)"))
        }
        let usable = listed.filter { $0.epoch == metadata.epoch && $0.kept.offset <= committed.offset }
        for (index, entry) in usable.enumerated().reversed() {
            switch try serving(entry, partition, metadata) {
            case .success((let read, let history)): return try complete(read, history, kept: usable[...index].map(\.kept))
            case .failure(let problem): notUsed(entry, problem)
            }
        }
        return try withoutCheckpoint(metadata)
    }

    /// The newest usable checkpoint of any lineage, for a partition of which nothing is committed; nil: there is none.
    ///
    /// - Throws: a refusal where the newest that can be read was made with another number of partitions, and where all that can be read are another fold's.
    package func newest(_ partition: Int32, _ listed: [Entry]) throws(Failure) -> RecoveredState? {
        var otherFold: String?
        for entry in listed.reversed() {
            switch try read(entry, partition) {
            case .success(let read):
                guard read.header.partitionCount == settings.partitionCount else {
                    // What is older than one of another fold is not asked for.
                    if otherFold != nil { continue }
                    throw .refused(.partitionCountChanged(committed: read.header.partitionCount, now: settings.partitionCount))
                }
                if read.header.foldHash == settings.foldHash { return try complete(read, read.header.history, kept: [entry.kept]) }
                otherFold = otherFold ?? read.header.foldHash
                notUsed(entry, .otherFold)
            case .failure(let problem): notUsed(entry, problem)
            }
        }
        if let otherFold { throw .refused(.foldChanged(committed: otherFold, now: settings.foldHash)) }
        return nil
    }

    /// A checkpoint from which the committed state can be reached, with its history up to there.
    private func serving(
        _ entry: Entry, _ partition: Int32, _ metadata: CommitMetadata
    ) throws(Failure) -> Result<(ReadCheckpoint, history: [RuleActivation]), Unusable> {
        try read(entry, partition).flatMap { read in
            guard read.header.epoch == metadata.epoch else { return .failure(.foreign(read.header)) }
            guard read.header.foldHash == settings.foldHash else { return .failure(.otherFold) }
            guard let history = Recovery.history(checkpoint: read.header.history, metadata: metadata.history) else { return .failure(.historyIncomplete) }
            return .success((read, history))
        }
    }

    /// The whole checkpoint, as far as it can be checked alone; it may be another fold's, with windows of the same size.
    package func read(_ entry: Entry, _ partition: Int32) throws(Failure) -> Result<ReadCheckpoint, Unusable> {
        try bytes(entry.place).flatMap { bytes in
            do throws(CheckpointFile.Problem) {
                let (header, state) = try bytes.withUnsafeBufferPointer { (raw) throws(CheckpointFile.Problem) in
                    try CheckpointFile.decode(UnsafeRawBufferPointer(raw), windows: settings.windows, seed: settings.seed)
                }
                guard header.group == settings.group, header.topic == settings.topic, header.partition == partition, header.epoch == entry.epoch,
                    header.kept == entry.kept
                else { return .failure(.foreign(header)) }
                return .success(ReadCheckpoint(header: header, state: state))
            } catch {
                return .failure(.damaged(error))
            }
        }
    }

    private func complete(_ read: ReadCheckpoint, _ history: [RuleActivation], kept: [KeptCheckpoint]) throws(Failure) -> RecoveredState {
        var sets: [RuleSet] = []
        for hash in Recovery.ruleSets(history: history, from: read.header.offset) { sets.append(try ruleSet(hash)) }
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
}

/// A checkpoint that was read.
package struct ReadCheckpoint {
    package var header: CheckpointHeader
    package var state: PartitionStateBox
}

/// Why there is no state.
package enum RecoveryFailure<Problem: Error>: Error {
    /// The partition stays out.
    case refused(Refusal)
    /// The store may answer later.
    case later(Problem)
}

/// Why one checkpoint cannot serve; an older one may.
package enum UnusableCheckpoint<Problem: Error>: Error {
    case unreadable(Problem)
    case damaged(CheckpointFile.Problem)
    /// It is another partition's, or not what its name says.
    case foreign(CheckpointHeader)
    case otherFold
    case historyIncomplete

    package var text: String {
        switch self {
        case .unreadable(let problem): "\(problem)"
        case .damaged(let problem): "\(problem)"
        case .foreign(let header): "it belongs to \(header.group)/\(header.topic)/\(header.partition), offset \(header.offset)"
        case .otherFold: "it was made by another fold"
        case .historyIncomplete: "the rule-set history between it and the committed offset is incomplete"
        }
    }
}

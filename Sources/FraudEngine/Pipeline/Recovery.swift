/// What a checkpoint says besides the state itself.
package struct CheckpointHeader: Equatable, Sendable {
    package var group: String
    package var topic: String
    package var partition: Int32
    package var epoch: Int64
    /// X: the state is the one after every record below this offset.
    package var offset: Int64
    package var foldHash: String
    package var partitionCount: Int
    package var anchor: Anchor?
    /// All of it, oldest first.
    package var history: [RuleActivation]
    package var digest: UInt64

    package init(
        group: String, topic: String, partition: Int32, epoch: Int64, offset: Int64, foldHash: String, partitionCount: Int, anchor: Anchor?,
        history: [RuleActivation], digest: UInt64
    ) {
        self.group = group
        self.topic = topic
        self.partition = partition
        self.epoch = epoch
        self.offset = offset
        self.foldHash = foldHash
        self.partitionCount = partitionCount
        self.anchor = anchor
        self.history = history
        self.digest = digest
    }
}

extension CheckpointHeader {
    package var kept: KeptCheckpoint { KeptCheckpoint(offset: offset, sequence: history.last?.sequence ?? 0) }
}

/// A partition's committed position.
package struct CommittedPosition: Equatable, Sendable {
    package var offset: Int64
    package var metadata: String

    package init(offset: Int64, metadata: String) {
        self.offset = offset
        self.metadata = metadata
    }
}

/// A checkpoint that is kept: its offset, and how far its rule-set history goes.
package struct KeptCheckpoint: Equatable, Sendable {
    package var offset: Int64
    /// Sequence of the last entry of its history.
    package var sequence: UInt64

    package init(offset: Int64, sequence: UInt64) {
        self.offset = offset
        self.sequence = sequence
    }
}

/// Hands a state from the thread that loaded it to the worker.
package final class RecoveredState {
    /// From where the log is replayed.
    package enum Start: Equatable, Sendable {
        /// From the offset of the checkpoint that was read.
        case checkpoint(offset: Int64)
        /// No checkpoint serves: from the first record with this Kafka timestamp or a later one, Unix milliseconds, on an empty state.
        case time(Int64)
        /// No checkpoint serves and no window was ever opened: nothing is to be replayed.
        case nothing
    }

    private var state: PartitionState?
    package let start: Start
    /// The rule-set history up to the committed offset: all of it, or without a checkpoint what the metadata hold.
    package let history: [RuleActivation]
    package let anchor: Anchor?
    /// The partition's usable checkpoints, oldest first.
    package let kept: [KeptCheckpoint]
    /// Every rule set that judged a record from the start on, and the one in force at Y.
    package let ruleSets: [RuleSet]

    package init(
        state: consuming PartitionState, start: Start, history: [RuleActivation], anchor: Anchor?, kept: [KeptCheckpoint], ruleSets: [RuleSet]
    ) {
        self.state = consume state
        self.start = start
        self.history = history
        self.anchor = anchor
        self.kept = kept
        self.ruleSets = ruleSets
    }

    /// The state, once.
    package func take() -> PartitionState {
        guard let taken = state.take() else { preconditionFailure("a recovered state is taken once") }
        return taken
    }
}

// Made by one thread and handed over through a queue's lock; the maker keeps nothing.
extension RecoveredState: @unchecked Sendable {}

/// The rules of recovery that need no I/O.
package enum Recovery {
    /// The history up to Y: the checkpoint's own and what the metadata adds; nil where an entry between them is missing.
    package static func history(checkpoint: [RuleActivation], metadata: [RuleActivation]) -> [RuleActivation]? {
        guard let last = checkpoint.last else { return metadata.first?.sequence == 1 ? metadata : nil }
        guard let first = metadata.first, first.sequence <= last.sequence + 1 else { return nil }
        if let known = metadata.first(where: { $0.sequence == last.sequence }), known != last { return nil }
        return checkpoint + metadata.filter { $0.sequence > last.sequence }
    }

    /// From which record on an empty state becomes the one at stream time `streamTime`: no record with an older Kafka timestamp can have touched
    /// a window or a period that is still live, nor a window that judged such a period's payments. Stream time and totals come from the metadata.
    package static func start(
        streamTime: Int64, windows: TumblingWindows, maxAhead: Int64, history: [RuleActivation], ruleSets: [RuleSet]
    ) -> RecoveredState.Start {
        guard streamTime != StreamTime.none else { return .nothing }
        let oldestWindow = windows.start(of: windows.closedThrough(streamTime: streamTime) + 1)
        // Sets older than the history may have left marks of the longest period there is.
        var lengths: [Int64] = history.first?.sequence == 1 ? [] : [longestPeriod]
        for set in ruleSets {
            for rule in set.rules { if case .period(let length) = rule.oncePer { lengths.append(length) } }
        }
        let oldest = lengths.map { length in
            let rest = oldestWindow % length
            return oldestWindow - (rest < 0 ? rest + length : rest)
        }.reduce(oldestWindow, min)
        return .time(oldest - windows.size - maxAhead)
    }

    /// The first record to fold on an empty state.
    ///
    /// - Parameter located: the first record that `start` asks for; nil: all are older.
    package static func firstOffset(located: Int64?, committed: Int64, history: [RuleActivation]) -> Int64 {
        let offset = min(located ?? committed, committed)
        guard let first = history.first, first.sequence == 1 else { return offset }
        return max(offset, min(first.fromOffset, committed))
    }

    /// Milliseconds; the upper bound of `once_per`.
    private static let longestPeriod: Int64 = 86_400_000

    /// Why the rule sets in force from `offset` on are not all known; nil where they are.
    ///
    /// - Parameter offset: the first record that `start` asks for, at most the committed offset.
    package static func gap(from offset: Int64, committed: Int64, history: [RuleActivation]) -> String? {
        guard offset < committed, let first = history.first, first.sequence != 1, first.fromOffset > offset else { return nil }
        return "the rule-set history with the committed offset begins at offset \(first.fromOffset), the replay would at \(offset)"
    }

    /// The rule sets needed to go from X to Y and on.
    package static func ruleSets(history: [RuleActivation], from offset: Int64) -> [RuleSetHash] {
        var needed: [RuleSetHash] = []
        for (index, entry) in history.enumerated() {
            let isPast = index + 1 < history.count && history[index + 1].fromOffset <= offset
            if !isPast, !needed.contains(entry.ruleSet) { needed.append(entry.ruleSet) }
        }
        return needed
    }

    /// Where reading must begin: at the anchor, if nothing else would show that the log is still the same.
    package static func readFrom(offset: Int64, committed: Int64, anchor: Anchor?, logStart: Int64) -> Int64 {
        guard offset == committed, let anchor, anchor.offset >= logStart else { return offset }
        return anchor.offset
    }
}

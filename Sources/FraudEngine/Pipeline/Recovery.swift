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

/// A partition's committed position.
package struct CommittedPosition: Equatable, Sendable {
    package var offset: Int64
    package var metadata: String

    package init(offset: Int64, metadata: String) {
        self.offset = offset
        self.metadata = metadata
    }
}

/// Hands a state from the thread that loaded it to the worker.
package final class RecoveredState {
    private var state: PartitionState?
    /// nil: the empty state at birth.
    package let header: CheckpointHeader?
    /// The complete rule-set history up to the committed offset.
    package let history: [RuleActivation]
    /// X.
    package let offset: Int64
    package let anchor: Anchor?
    /// Every rule set that judged a record in [X, Y), and the one in force at Y.
    package let ruleSets: [RuleSet]

    package init(
        state: consuming PartitionState, header: CheckpointHeader?, history: [RuleActivation], offset: Int64, anchor: Anchor?, ruleSets: [RuleSet]
    ) {
        self.state = consume state
        self.header = header
        self.history = history
        self.offset = offset
        self.anchor = anchor
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

/// The succession of a partition's states: an operator who changes what is committed begins a new one, so that nothing of the old (checkpoints,
/// scores) is ever taken for part of it.
package enum Lineage {
    /// The epoch of a lineage that begins at `now`, Unix milliseconds: above every epoch that is known.
    package static func next(now: Int64, known: [Int64]) -> Int64 {
        guard let newest = known.max(), newest < Int64.max else { return now }
        return max(now, newest + 1)
    }

    /// What is committed to begin anew at an offset: an empty state, no stream time, totals of zero.
    package static func empty(
        at offset: Int64, epoch: Int64, ruleSet: RuleSetHash, windows: TumblingWindows, foldHash: String, partitionCount: Int
    ) -> CommitMetadata {
        let first = RuleActivation(sequence: 1, ruleSet: ruleSet, fromOffset: offset, streamTime: StreamTime.none)
        let machine = PartitionMachine(partition: 0, state: PartitionState(windows: windows, seed: 0), next: offset, anchor: nil, history: [first])
        return CommitMetadata(of: machine, epoch: epoch, foldHash: foldHash, partitionCount: partitionCount)
    }
}

extension CommitMetadata {
    /// What goes with the offset of the machine's next record.
    package init(of machine: borrowing PartitionMachine, epoch: Int64, foldHash: String, partitionCount: Int) {
        self.init(
            epoch: epoch, streamTime: machine.state.streamTime, digest: machine.state.digest, foldHash: foldHash, partitionCount: partitionCount,
            totals: machine.state.totals, anchor: machine.anchor, history: Array(machine.history.suffix(Self.historyLimit)))
    }
}

extension PartitionMachine {
    /// Passes everything before `offset` without folding it, for an operator who accepts what that loses.
    ///
    /// - Parameter anchor: the last record that the log has before `offset`; nil: none.
    package mutating func pass(to offset: Int64, anchor: Anchor?) {
        precondition(offset >= next, "a state never goes back")
        next = offset
        self.anchor = anchor
    }
}

/// How far a live partition is, for readers of scores.
package struct PartitionMark: Sendable {
    package var partition: Int32
    /// Milliseconds; `StreamTime.none` before the first payment.
    package var streamTime: Int64
    /// The last offset whose transaction is acknowledged.
    package var offset: Int64
    package var epoch: Int64
    /// Records.
    package var lag: Int64
    /// Unix milliseconds.
    package var at: Int64
    package var ruleSet: RuleSetHash
    package var owner: ObjectIdentifier

    package init(partition: Int32, streamTime: Int64, offset: Int64, epoch: Int64, lag: Int64, at: Int64, ruleSet: RuleSetHash, owner: ObjectIdentifier) {
        self.partition = partition
        self.streamTime = streamTime
        self.offset = offset
        self.epoch = epoch
        self.lag = lag
        self.at = at
        self.ruleSet = ruleSet
        self.owner = owner
    }
}

/// What is known of a partition when a pipeline is written: from its owner's report, from the scores in it, or both.
package struct PartitionPlace {
    package var partition: Int32
    package var epoch: Int64
    package var offset: Int64
    /// Milliseconds; `StreamTime.none` before the first payment.
    package var streamTime: Int64
    package var owner: ObjectIdentifier
    /// nil where only scores tell.
    package var report: PartitionMark?

    /// In order of the partitions.
    package static func all(_ batch: [WaitingScore], _ marks: [PartitionMark]) -> [PartitionPlace] {
        var places: [Int32: PartitionPlace] = [:]
        for mark in marks {
            places[mark.partition] = PartitionPlace(
                partition: mark.partition, epoch: mark.epoch, offset: mark.offset, streamTime: mark.streamTime, owner: mark.owner, report: mark)
        }
        for waiting in batch {
            let change = waiting.change
            let new = PartitionPlace(
                partition: change.partition, epoch: waiting.epoch, offset: change.offset, streamTime: change.streamTime, owner: waiting.owner)
            guard var known = places[change.partition], known.epoch >= new.epoch else {
                places[change.partition] = new
                continue
            }
            guard known.epoch == new.epoch else { continue }
            known.offset = max(known.offset, new.offset)
            known.streamTime = max(known.streamTime, new.streamTime)
            places[change.partition] = known
        }
        return places.values.sorted { $0.partition < $1.partition }
    }
}

/// What a store has said of the partitions' marks on one connection: a number that goes down tells of lost data.
package struct MarkLedger {
    /// By partition: the number of its marks, with the last one.
    private var counts: [Int32: Int64] = [:]

    package init() {}

    /// Takes the number of marks that the store had before the one just written; whether it has lost some.
    package mutating func isLost(_ partition: Int32, before count: Int64) -> Bool {
        defer { counts[partition] = count + 1 }
        return counts[partition].map { count < $0 } ?? false
    }
}

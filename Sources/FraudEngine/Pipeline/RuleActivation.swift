/// A partition's switch to a rule set: in force from the first offset of a transaction on.
package struct RuleActivation: Equatable, Sendable {
    /// Rises with every switch of the partition.
    package var sequence: UInt64
    package var ruleSet: RuleSetHash
    package var fromOffset: Int64
    /// Stream time when it was switched, milliseconds; `StreamTime.none` before the first payment.
    package var streamTime: Int64

    package init(sequence: UInt64, ruleSet: RuleSetHash, fromOffset: Int64, streamTime: Int64) {
        self.sequence = sequence
        self.ruleSet = ruleSet
        self.fromOffset = fromOffset
        self.streamTime = streamTime
    }
}

/// The last record read below the committed offset: tells a recreated or truncated topic from the one that was read.
package struct Anchor: Equatable, Sendable {
    package var offset: Int64
    /// Of timestamp, key and value.
    package var hash: UInt64

    package init(offset: Int64, hash: UInt64) {
        self.offset = offset
        self.hash = hash
    }

    package static func hash(_ record: RawRecord) -> UInt64 {
        let key = record.key == nil ? Hashing.k2 : Hashing.hash(record.keySlice)
        let value = record.value == nil ? Hashing.k3 : Hashing.hash(record.valueSlice)
        return Hashing.entry(UInt64(bitPattern: record.timestamp), key, value, 1)
    }
}

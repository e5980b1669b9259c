/// One record as Kafka delivered it. The bytes belong to the client and stay valid until the batch is destroyed.
package struct RawRecord {
    /// nil: a tombstone.
    package var value: UnsafeRawPointer?
    package var valueCount: Int
    /// nil: no key.
    package var key: UnsafeRawPointer?
    package var keyCount: Int
    package var offset: Int64
    /// Kafka timestamp, milliseconds since the epoch; `absentTimestamp` where the record has none.
    package var timestamp: Int64

    package static let absentTimestamp = Int64.min

    package init(value: UnsafeRawPointer?, valueCount: Int, key: UnsafeRawPointer?, keyCount: Int, offset: Int64, timestamp: Int64) {
        self.value = value
        self.valueCount = valueCount
        self.key = key
        self.keyCount = keyCount
        self.offset = offset
        self.timestamp = timestamp
    }

    package var valueSlice: ByteSlice { value.map { ByteSlice(start: $0, count: valueCount) } ?? .empty }
    package var keySlice: ByteSlice { key.map { ByteSlice(start: $0, count: keyCount) } ?? .empty }
}

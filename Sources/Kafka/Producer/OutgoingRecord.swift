internal import CRdKafka

/// One record to produce; key and value are copied by the call that takes it.
///
/// Read by C: the fields and their order are those of `tripline_kafka_outgoing`.
package struct OutgoingRecord {
    /// nil: a tombstone.
    package var value: UnsafeRawPointer?
    package var valueCount: Int
    /// nil: no key.
    package var key: UnsafeRawPointer?
    package var keyCount: Int
    /// Milliseconds since the epoch; 0: now.
    package var timestamp: Int64
    /// `unassignedPartition`: chosen by key, as Java clients do it.
    package var partition: Int32

    package static let unassignedPartition: Int32 = -1

    package init(
        value: UnsafeRawBufferPointer?, key: UnsafeRawBufferPointer?, timestamp: Int64 = 0,
        partition: Int32 = OutgoingRecord.unassignedPartition
    ) {
        self.value = OutgoingRecord.address(of: value)
        valueCount = value?.count ?? 0
        self.key = OutgoingRecord.address(of: key)
        keyCount = key?.count ?? 0
        self.timestamp = timestamp
        self.partition = partition
    }

    /// Empty is not absent: an empty buffer may have no address, and librdkafka takes none for null.
    private static func address(of buffer: UnsafeRawBufferPointer?) -> UnsafeRawPointer? {
        guard let buffer else { return nil }
        return buffer.baseAddress ?? UnsafeRawPointer(emptyAddress)
    }

    /// One byte that is never read nor freed; immutable once made.
    private nonisolated(unsafe) static let emptyAddress = UnsafeMutableRawPointer.allocate(byteCount: 1, alignment: 1)

    static let layoutMatches: Bool = {
        typealias Foreign = tripline_kafka_outgoing
        return MemoryLayout<OutgoingRecord>.stride == MemoryLayout<Foreign>.stride
            && MemoryLayout<OutgoingRecord>.offset(of: \.value) == MemoryLayout<Foreign>.offset(of: \.value)
            && MemoryLayout<OutgoingRecord>.offset(of: \.valueCount) == MemoryLayout<Foreign>.offset(of: \.value_count)
            && MemoryLayout<OutgoingRecord>.offset(of: \.key) == MemoryLayout<Foreign>.offset(of: \.key)
            && MemoryLayout<OutgoingRecord>.offset(of: \.keyCount) == MemoryLayout<Foreign>.offset(of: \.key_count)
            && MemoryLayout<OutgoingRecord>.offset(of: \.timestamp) == MemoryLayout<Foreign>.offset(of: \.timestamp)
            && MemoryLayout<OutgoingRecord>.offset(of: \.partition) == MemoryLayout<Foreign>.offset(of: \.partition)
    }()
}

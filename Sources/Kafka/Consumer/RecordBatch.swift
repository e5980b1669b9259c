internal import CRdKafka
internal import Glibc

/// One consumed record. Its bytes belong to librdkafka and live until the batch is destroyed.
///
/// Filled by C: the fields and their order are those of `tripline_kafka_record`.
package struct KafkaRecord {
    /// nil: a tombstone.
    package let value: UnsafeRawPointer?
    package let valueCount: Int
    /// nil: no key.
    package let key: UnsafeRawPointer?
    package let keyCount: Int
    package let offset: Int64
    /// Milliseconds since the epoch; `absentTimestamp` where the record has none.
    package let timestamp: Int64
    let handle: UnsafeMutablePointer<rd_kafka_message_t>
    package let partition: Int32

    package static let absentTimestamp = Int64.min
}

/// Room for the records of one poll, and the owner of what is in it.
///
/// Destroy the records as soon as they are folded: one kept record pins its whole fetch response. A batch must be empty, or
/// gone, before its consumer is.
package struct RecordBatch: ~Copyable {
    package let capacity: Int
    private let messages: UnsafeMutablePointer<UnsafeMutablePointer<rd_kafka_message_t>?>
    private let errors: UnsafeMutablePointer<UnsafeMutablePointer<rd_kafka_message_t>?>
    private let storage: UnsafeMutablePointer<KafkaRecord>
    package private(set) var count = 0

    package init(capacity: Int) {
        precondition(capacity > 0, "a batch holds at least one record")
        precondition(RecordBatch.layoutMatches, "KafkaRecord is laid out unlike tripline_kafka_record")
        self.capacity = capacity
        messages = .allocate(capacity: capacity)
        errors = .allocate(capacity: capacity)
        storage = .allocate(capacity: capacity)
    }

    deinit {
        RecordBatch.destroy(storage, count: count)
        messages.deallocate()
        errors.deallocate()
        storage.deallocate()
    }

    /// In the order of consumption: by offset within a partition. Valid until the next `destroy` or poll.
    package var records: UnsafeBufferPointer<KafkaRecord> { UnsafeBufferPointer(start: storage, count: count) }

    package var isEmpty: Bool { count == 0 }

    /// Frees all records.
    package mutating func destroy() {
        RecordBatch.destroy(storage, count: count)
        count = 0
    }

    /// Fills the empty batch from the consumer's queue and hands over what were no records but errors.
    mutating func fill(
        from client: OpaquePointer, _ queue: OpaquePointer, timeoutMilliseconds: Int32, onError: (KafkaError) -> Void
    ) {
        destroy()
        let taken = tripline_kafka_take(client, queue, timeoutMilliseconds, messages, capacity)
        guard taken > 0 else { return }
        var errorCount = 0
        count = storage.withMemoryRebound(to: tripline_kafka_record.self, capacity: capacity) { records in
            tripline_kafka_sort(messages, taken, records, errors, &errorCount)
        }
        for index in 0..<errorCount {
            guard let message = errors[index] else { continue }
            onError(KafkaError(message: message))
            rd_kafka_message_destroy(message)
        }
    }

    /// Visits the headers of the record at `index`, in their order. Names and values are valid inside the visit only.
    ///
    /// Headers are parsed at the first visit: several hundred nanoseconds a record, so only where they are needed.
    package func visitHeaders(
        of index: Int, _ visit: (_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer?) -> Void
    ) {
        precondition(index < count, "no such record in the batch")
        var headers: OpaquePointer?
        guard rd_kafka_message_headers(storage[index].handle, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR, let headers else { return }
        var position = 0
        var name: UnsafePointer<CChar>?
        var value: UnsafeRawPointer?
        var valueCount = 0
        while rd_kafka_header_get_all(headers, position, &name, &value, &valueCount) == RD_KAFKA_RESP_ERR_NO_ERROR {
            if let name {
                visit(
                    UnsafeRawBufferPointer(start: name, count: strlen(name)),
                    value.map { UnsafeRawBufferPointer(start: $0, count: valueCount) })
            }
            position += 1
        }
    }

    /// Lends the value of the last header of that name, the one that counts (KIP-82); nil where there is none or it is null.
    package func withHeader<Result>(
        _ name: String, of index: Int, _ body: (UnsafeRawBufferPointer?) -> Result
    ) -> Result {
        precondition(index < count, "no such record in the batch")
        var headers: OpaquePointer?
        var value: UnsafeRawPointer?
        var valueCount = 0
        guard rd_kafka_message_headers(storage[index].handle, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR, let headers,
            rd_kafka_header_get_last(headers, name, &value, &valueCount) == RD_KAFKA_RESP_ERR_NO_ERROR, let value
        else { return body(nil) }
        return body(UnsafeRawBufferPointer(start: value, count: valueCount))
    }

    private static func destroy(_ storage: UnsafeMutablePointer<KafkaRecord>, count: Int) {
        storage.withMemoryRebound(to: tripline_kafka_record.self, capacity: count) { records in
            tripline_kafka_destroy_records(records, count)
        }
    }

    private static let layoutMatches: Bool = {
        typealias Foreign = tripline_kafka_record
        return MemoryLayout<KafkaRecord>.stride == MemoryLayout<Foreign>.stride
            && MemoryLayout<KafkaRecord>.offset(of: \.value) == MemoryLayout<Foreign>.offset(of: \.value)
            && MemoryLayout<KafkaRecord>.offset(of: \.valueCount) == MemoryLayout<Foreign>.offset(of: \.value_count)
            && MemoryLayout<KafkaRecord>.offset(of: \.key) == MemoryLayout<Foreign>.offset(of: \.key)
            && MemoryLayout<KafkaRecord>.offset(of: \.keyCount) == MemoryLayout<Foreign>.offset(of: \.key_count)
            && MemoryLayout<KafkaRecord>.offset(of: \.offset) == MemoryLayout<Foreign>.offset(of: \.offset)
            && MemoryLayout<KafkaRecord>.offset(of: \.timestamp) == MemoryLayout<Foreign>.offset(of: \.timestamp)
            && MemoryLayout<KafkaRecord>.offset(of: \.handle) == MemoryLayout<Foreign>.offset(of: \.handle)
            && MemoryLayout<KafkaRecord>.offset(of: \.partition) == MemoryLayout<Foreign>.offset(of: \.partition)
    }()
}

extension KafkaError {
    /// The error that a consumer's message carries in place of a record.
    fileprivate init(message: UnsafeMutablePointer<rd_kafka_message_t>) {
        let text = rd_kafka_message_errstr(message).map { String(cString: $0) }
        self.init(
            message.pointee.err, message: text,
            partition: message.pointee.partition == RD_KAFKA_PARTITION_UA ? nil : message.pointee.partition,
            offset: message.pointee.err == RD_KAFKA_RESP_ERR__PARTITION_EOF ? message.pointee.offset : nil)
    }
}

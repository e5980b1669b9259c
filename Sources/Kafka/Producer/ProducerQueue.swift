internal import CRdKafka

extension ClientHandle {
    /// A full queue drains as the brokers acknowledge; after this long they do not.
    private static let queuePatienceMilliseconds: Int64 = 30_000

    /// Queues a record, serving deliveries while the queue is full.
    func produce(
        _ topic: OpaquePointer, name: String, _ record: OutgoingRecord, headers: UnsafeRawBufferPointer
    ) throws(KafkaError) {
        var outgoing = tripline_kafka_outgoing(
            value: record.value, value_count: record.valueCount, key: record.key, key_count: record.keyCount,
            timestamp: record.timestamp, partition: record.partition)
        let block = headers.assumingMemoryBound(to: UInt8.self)
        var deadline: Int64?
        while true {
            let code = tripline_kafka_produce(pointer, topic, &outgoing, block.baseAddress, block.count)
            if code == RD_KAFKA_RESP_ERR_NO_ERROR { return }
            try waitForRoom(code, topic: name, deadline: &deadline)
        }
    }

    /// Queues records in order, serving deliveries while the queue is full.
    func produce(
        _ topic: OpaquePointer, name: String, _ records: UnsafeBufferPointer<OutgoingRecord>
    ) throws(KafkaError) {
        guard let base = records.baseAddress else { return }
        precondition(OutgoingRecord.layoutMatches, "OutgoingRecord is laid out unlike tripline_kafka_outgoing")
        var sent = 0
        var deadline: Int64?
        while sent < records.count {
            let remaining = records.count - sent
            var code = RD_KAFKA_RESP_ERR_NO_ERROR
            let queued = (base + sent).withMemoryRebound(to: tripline_kafka_outgoing.self, capacity: remaining) { first in
                tripline_kafka_produce_many(pointer, topic, first, remaining, &code)
            }
            sent += queued
            if queued > 0 { deadline = nil }
            if code != RD_KAFKA_RESP_ERR_NO_ERROR { try waitForRoom(code, topic: name, deadline: &deadline) }
        }
    }

    /// Returns when the call may be tried again; throws what is not a full queue, or one that stays full.
    private func waitForRoom(_ code: rd_kafka_resp_err_t, topic: String, deadline: inout Int64?) throws(KafkaError) {
        if let fatal = KafkaError.fatal(of: pointer) { throw fatal }
        let now = MonotonicClock.milliseconds()
        let limit = deadline ?? now + ClientHandle.queuePatienceMilliseconds
        deadline = limit
        guard code == RD_KAFKA_RESP_ERR__QUEUE_FULL, now < limit else {
            let text = String(cString: rd_kafka_err2str(code))
            throw KafkaError(code, message: "produce to \(topic): \(text)", requiresAbort: true)
        }
        rd_kafka_poll(pointer, 10)
    }
}

internal import CRdKafka

/// Produces records outside transactions, idempotently: for load, demonstrations and tests.
///
/// Confined to one thread.
package final class PlainProducer {
    private let client: ClientHandle
    private var topics = OutputTopics()

    /// - Parameters:
    ///   - properties: laid over the producer's defaults; `bootstrap.servers` must be among them.
    ///   - log: takes librdkafka's log lines; without it they are dropped.
    /// - Throws: librdkafka's text for the first property it refuses.
    package init(properties: KafkaProperties, log: KafkaLogHandler? = nil) throws(KafkaError) {
        let configuration = try Configuration(
            defaults: ProducerDefaults.properties, properties: properties, fixed: ProducerDefaults.fixed)
        let events = ClientEvents(log: log)
        events.register(in: configuration)
        configuration.withPointer { rd_kafka_conf_set_dr_msg_cb($0, recordDelivered) }
        client = try ClientHandle(RD_KAFKA_PRODUCER, configuration, events: events)
    }

    deinit {
        topics.destroy()
    }

    /// Makes a topic known before the first record to it. Registering a name again gives the same topic.
    package func register(topic: String) throws(KafkaError) -> OutputTopic {
        try topics.register(topic, client: client.pointer)
    }

    /// Queues records in order, without headers; their bytes are copied. While the queue is full it serves deliveries.
    package func produce(_ topic: OutputTopic, _ records: UnsafeBufferPointer<OutgoingRecord>) throws(KafkaError) {
        try client.produce(topics[topic], name: topic.name, records)
        rd_kafka_poll(client.pointer, 0)
    }

    /// Queues one record; its bytes are copied. The parameters are those of `TransactionalProducer.produce`.
    package func produce(
        _ topic: OutputTopic, partition: Int32? = nil, key: UnsafeRawBufferPointer?, value: UnsafeRawBufferPointer?,
        headers: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0), timestamp: Int64? = nil
    ) throws(KafkaError) {
        let record = OutgoingRecord(
            value: value, key: key, timestamp: timestamp ?? 0, partition: partition ?? OutgoingRecord.unassignedPartition)
        try client.produce(topics[topic], name: topic.name, record, headers: headers)
        rd_kafka_poll(client.pointer, 0)
    }

    /// Queues one record of text.
    package func produce(
        _ topic: OutputTopic, partition: Int32? = nil, key: String?, value: String?, timestamp: Int64? = nil
    ) throws(KafkaError) {
        try withText(key) { (keyBytes) throws(KafkaError) in
            try withText(value) { (valueBytes) throws(KafkaError) in
                try produce(topic, partition: partition, key: keyBytes, value: valueBytes, timestamp: timestamp)
            }
        }
    }

    private func withText(
        _ text: String?, _ body: (UnsafeRawBufferPointer?) throws(KafkaError) -> Void
    ) throws(KafkaError) {
        guard let text else { return try body(nil) }
        try Array(text.utf8).withUnsafeBufferPointer { (bytes) throws(KafkaError) in
            try body(UnsafeRawBufferPointer(bytes))
        }
    }

    /// Waits until every queued record is acknowledged or has failed.
    ///
    /// Throws when the timeout passes, and when a record failed since the last flush: the last failure, with their number.
    package func flush(timeoutMilliseconds: Int32) throws(KafkaError) {
        try check(rd_kafka_flush(client.pointer, timeoutMilliseconds), "flush")
        let failures = client.events.takeDeliveryFailures()
        guard let last = failures.last else { return }
        throw KafkaError(
            rd_kafka_resp_err_t(rawValue: last.code), message: "\(failures.count) records not delivered: \(last.message)",
            partition: last.partition)
    }

    /// Ends the client within about the timeout, without what is still queued: flush first. Nothing may be called after it.
    @discardableResult
    package func destroy(timeoutMilliseconds: Int32 = 5_000) -> Bool {
        topics.destroy()
        client.purge()
        return client.destroy(timeoutMilliseconds: timeoutMilliseconds)
    }
}

/// Runs inside the producer's own calls, on their thread.
private func recordDelivered(
    client: OpaquePointer?, message: UnsafePointer<rd_kafka_message_t>?, opaque: UnsafeMutableRawPointer?
) {
    guard let message, message.pointee.err != RD_KAFKA_RESP_ERR_NO_ERROR else { return }
    ClientEvents.from(opaque)?.recordDeliveryFailure(
        KafkaError(message.pointee.err, partition: message.pointee.partition))
}

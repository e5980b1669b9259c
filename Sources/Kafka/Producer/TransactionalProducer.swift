internal import CRdKafka
internal import Glibc

/// Produces records and a group's offsets in transactions.
///
/// Confined to one thread. After a fatal error (`KafkaError.Reaction.replaceClient`, `.leave`) every call fails: destroy it.
package final class TransactionalProducer {
    private let client: ClientHandle
    private var topics = OutputTopics()
    private let offsetsCall: OffsetsCall

    /// - Parameters:
    ///   - properties: laid over `defaults`; `bootstrap.servers` and `transactional.id` must be among them.
    ///   - log: takes librdkafka's log lines; without it they are dropped.
    /// - Throws: librdkafka's text for the first property it refuses.
    package init(properties: KafkaProperties, log: KafkaLogHandler? = nil) throws(KafkaError) {
        guard properties.value(of: "transactional.id") != nil else {
            throw KafkaError.invalid("a transactional producer needs transactional.id")
        }
        let configuration = try Configuration(
            defaults: TransactionalProducer.defaults, properties: properties, fixed: ProducerDefaults.fixed)
        let events = ClientEvents(log: log)
        events.register(in: configuration)
        configuration.withPointer { tripline_kafka_ignore_deliveries($0) }
        client = try ClientHandle(RD_KAFKA_PRODUCER, configuration, events: events)
        offsetsCall = OffsetsCall(client: client.pointer)
    }

    deinit {
        destroy()
    }

    /// How long a transaction of a client with these properties may be open until the broker ends it.
    package static func timeoutMilliseconds(_ properties: KafkaProperties) -> Int64 {
        guard let text = ProducerDefaults.transactional.merging(properties).value(of: "transaction.timeout.ms") else {
            preconditionFailure("there is a default")
        }
        // As librdkafka reads numbers: in decimal, octal or hexadecimal digits.
        return Int64(strtoll(text, nil, 0))
    }

    /// What a transactional producer has unless the caller passes another value.
    package static var defaults: KafkaProperties { ProducerDefaults.transactional }

    /// Takes the transactional id over: fences its former owner and ends that one's open transaction.
    ///
    /// Throws a retriable error when the timeout passes; the call may then be made again.
    package func initTransactions(timeoutMilliseconds: Int32) throws(KafkaError) {
        try finish(rd_kafka_init_transactions(client.pointer, timeoutMilliseconds))
    }

    /// Makes a topic known before the first record to it. Registering a name again gives the same topic.
    package func register(topic: String) throws(KafkaError) -> OutputTopic {
        try topics.register(topic, client: client.pointer)
    }

    /// Opens a transaction, without asking the broker.
    package func begin() throws(KafkaError) {
        try finish(rd_kafka_begin_transaction(client.pointer))
    }

    /// Queues one record in the open transaction; its bytes are copied.
    ///
    /// While librdkafka's queue is full it serves deliveries and tries again. Any error means: abort, unless it is fatal.
    /// - Parameters:
    ///   - partition: nil: by key, as Java clients do it (murmur2); without a key a random one.
    ///   - headers: a block of (UInt32 name count, name, Int32 value count or −1 for null, value), little endian, unaligned.
    ///   - timestamp: milliseconds since the epoch; nil: now.
    package func produce(
        _ topic: OutputTopic, partition: Int32?, key: UnsafeRawBufferPointer?, value: UnsafeRawBufferPointer?,
        headers: UnsafeRawBufferPointer, timestamp: Int64?
    ) throws(KafkaError) {
        let record = OutgoingRecord(
            value: value, key: key, timestamp: timestamp ?? 0, partition: partition ?? OutgoingRecord.unassignedPartition)
        try client.produce(topics[topic], name: topic.name, record, headers: headers)
    }

    /// Adds the group's offsets (the next record to read) to the open transaction, fenced by the member's generation.
    ///
    /// A retriable error must be answered by the same call: a commit without it would leave the offsets out. Gives up five seconds after the timeout where
    /// librdkafka does not answer at all; the client is to be replaced then.
    package func sendOffsets(
        _ offsets: [(partition: Int32, offset: Int64, metadata: String)], topic: String, group: GroupMetadata,
        timeoutMilliseconds: Int32
    ) throws(KafkaError) {
        precondition(offsets.allSatisfy { $0.offset >= 0 } && !offsets.isEmpty, "librdkafka would skip them in silence")
        let list = PartitionList(topic: topic, commits: offsets)
        try finish(try offsetsCall.send(list, group, timeoutMilliseconds: timeoutMilliseconds))
    }

    /// Flushes and commits. After a retriable error the outcome is open until the same call, made again, has answered.
    /// - Parameter timeoutMilliseconds: −1 waits as long as it takes.
    package func commit(timeoutMilliseconds: Int32) throws(KafkaError) {
        try finish(rd_kafka_commit_transaction(client.pointer, timeoutMilliseconds))
    }

    /// Drops what is queued and aborts. A retriable error is answered by the same call.
    package func abort(timeoutMilliseconds: Int32) throws(KafkaError) {
        try finish(rd_kafka_abort_transaction(client.pointer, timeoutMilliseconds))
    }

    /// Serves callbacks; to be called now and then while no transaction is running.
    package func poll() {
        rd_kafka_poll(client.pointer, 0)
    }

    /// Takes the oldest error that turned up while calls or `poll` served events; nil when there is none left.
    package func nextError() -> KafkaError? {
        client.events.removeFirstError()
    }

    /// Ends the client within about the timeout. What was not committed is never visible. Nothing may be called after it.
    /// - Returns: whether librdkafka finished in time; otherwise its threads are left behind.
    @discardableResult
    package func destroy(timeoutMilliseconds: Int32 = 5_000) -> Bool {
        topics.destroy()
        client.purge()
        guard offsetsCall.end(leaving: client) else { return false }
        return client.destroy(timeoutMilliseconds: timeoutMilliseconds)
    }

    private func finish(_ error: OpaquePointer?) throws(KafkaError) {
        guard let error else { return }
        throw KafkaError(consuming: error, client: client.pointer)
    }
}

import Glibc
import Kafka
import Testing

extension Trait where Self == ConditionTrait {
    /// For suites that make a client. librdkafka starts its threads by C11's `thrd_create`, which the thread sanitizer does not
    /// know: its allocator dies on the first of them.
    static var makesClients: Self { .enabled("librdkafka's threads are not for the thread sanitizer") { dlsym(nil, "__tsan_init") == nil } }
}

/// A mock cluster with the topic `t` (two partitions unless told otherwise), and clients for it that answer fast.
///
/// The broker is stopped with this object, so a test keeps it to its end: `defer { cluster.stop() }`.
struct Cluster {
    let broker: EmbeddedBroker
    static let topic = "t"

    init(partitions: Int32 = 2, brokers: Int = 1) throws {
        broker = try EmbeddedBroker(brokerCount: brokers)
        try broker.createTopic(Cluster.topic, partitions: partitions)
    }

    func stop() { broker.stop() }

    /// `bootstrap.servers` and what makes the mock answer without its waits, with `others` laid over them.
    func properties(_ others: [(key: String, value: String)] = []) -> KafkaProperties {
        KafkaProperties([("bootstrap.servers", broker.bootstrapServers)] + others)
    }

    func producer(_ id: String = "id", _ others: [(key: String, value: String)] = []) throws -> TransactionalProducer {
        let producer = try TransactionalProducer(properties: properties([("transactional.id", id)] + others))
        try producer.initTransactions(timeoutMilliseconds: 30_000)
        return producer
    }

    func plainProducer() throws -> PlainProducer { try PlainProducer(properties: properties()) }

    func consumer(group: String = "g", _ others: [(key: String, value: String)] = []) throws -> Consumer {
        // A fetch is not woken by a produce here: it waits for this long.
        try Consumer(properties: properties([("group.id", group), ("fetch.wait.max.ms", "5")] + others))
    }

    /// What the topic's partition holds from `offset` on, up to its end.
    func records(partition: Int32 = 0, from offset: Int64 = 0) throws -> [Received] {
        let consumer = try consumer(group: "reader")
        defer { consumer.close() }
        let end = try consumer.watermarks(partition: partition, topic: Cluster.topic, timeoutMilliseconds: 30_000).high
        if end <= offset { return [] }
        try consumer.read(Cluster.topic, from: [(partition: partition, offset: offset)])
        return receive(Int(end - offset), from: consumer)
    }
}

/// A copy of a consumed record.
struct Received: Equatable {
    var key: String?
    var value: String?
    var headers: [Header] = []
    var offset: Int64
    var timestamp: Int64
    var partition: Int32

    struct Header: Equatable, CustomStringConvertible {
        let name: String
        let value: String?
        var description: String { "\(name)=\(value ?? "null")" }
    }
}

/// Polls until so many records have come; records an issue after 3,000 polls of 10 ms that brought nothing.
func receive(_ count: Int, from consumer: Consumer, sourceLocation: SourceLocation = #_sourceLocation) -> [Received] {
    var batch = RecordBatch(capacity: 100)
    var received: [Received] = []
    var idlePolls = 0
    while received.count < count, idlePolls < 3_000 {
        consumer.poll(into: &batch, timeoutMilliseconds: 10)
        idlePolls = batch.isEmpty ? idlePolls + 1 : 0
        for index in 0..<batch.count { received.append(copy(batch, index)) }
    }
    #expect(received.count == count, "\(received.count) of \(count) records came", sourceLocation: sourceLocation)
    return received
}

private func copy(_ batch: borrowing RecordBatch, _ index: Int) -> Received {
    let record = batch.records[index]
    var headers: [Received.Header] = []
    batch.visitHeaders(of: index) { name, value in
        headers.append(Received.Header(name: String(decoding: name, as: UTF8.self), value: value.map { String(decoding: $0, as: UTF8.self) }))
    }
    return Received(
        key: text(record.key, record.keyCount), value: text(record.value, record.valueCount), headers: headers, offset: record.offset,
        timestamp: record.timestamp, partition: record.partition)
}

private func text(_ address: UnsafeRawPointer?, _ count: Int) -> String? {
    address.map { String(decoding: UnsafeRawBufferPointer(start: $0, count: count), as: UTF8.self) }
}

/// Polls until `condition` holds; records an issue after 3,000 polls of 10 ms.
func poll(_ consumer: Consumer, sourceLocation: SourceLocation = #_sourceLocation, until condition: () -> Bool) {
    var batch = RecordBatch(capacity: 100)
    for _ in 0..<3_000 where !condition() { consumer.poll(into: &batch, timeoutMilliseconds: 10) }
    #expect(condition(), "it did not come about", sourceLocation: sourceLocation)
}

extension TransactionalProducer {
    /// Produces a text in the open transaction.
    func produce(
        _ topic: OutputTopic, partition: Int32? = 0, key: String? = nil, _ value: String?, headers: [(name: String, value: String?)] = [],
        timestamp: Int64? = nil
    ) throws(KafkaError) {
        let key = key.map { Array($0.utf8) }
        let value = value.map { Array($0.utf8) }
        try produce(
            topic, partition: partition, keyBytes: key, valueBytes: value, headerBytes: headerBlock(headers), timestamp: timestamp)
    }

    func produce(
        _ topic: OutputTopic, partition: Int32?, keyBytes: [UInt8]?, valueBytes: [UInt8]?, headerBytes: [UInt8], timestamp: Int64?
    ) throws(KafkaError) {
        try lend(keyBytes) { (key) throws(KafkaError) in
            try lend(valueBytes) { (value) throws(KafkaError) in
                try lend(headerBytes) { (headers) throws(KafkaError) in
                    try produce(
                        topic, partition: partition, key: key, value: value, headers: headers ?? UnsafeRawBufferPointer(start: nil, count: 0),
                        timestamp: timestamp)
                }
            }
        }
    }
}

private func lend(_ bytes: [UInt8]?, _ body: (UnsafeRawBufferPointer?) throws(KafkaError) -> Void) throws(KafkaError) {
    guard let bytes else { return try body(nil) }
    try bytes.withUnsafeBufferPointer { (buffer) throws(KafkaError) in try body(UnsafeRawBufferPointer(buffer)) }
}

/// The block that `TransactionalProducer.produce` takes.
func headerBlock(_ headers: [(name: String, value: String?)]) -> [UInt8] {
    var block: [UInt8] = []
    func append(_ number: UInt32) { withUnsafeBytes(of: number.littleEndian) { block.append(contentsOf: $0) } }
    for header in headers {
        append(UInt32(header.name.utf8.count))
        block.append(contentsOf: header.name.utf8)
        append(header.value.map { UInt32($0.utf8.count) } ?? UInt32.max)
        block.append(contentsOf: (header.value ?? "").utf8)
    }
    return block
}

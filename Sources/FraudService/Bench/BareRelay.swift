import FraudEngine
import Kafka

/// The least that any service on librdkafka has to do live: take the records, and pass one in `share` on in a transaction with the offsets.
///
/// It reads from the end, decides nothing, and commits when a worker would. Until it is asked to stop.
enum BareRelay {
    /// As many as make an alert, about.
    private static let share: Int64 = 200
    private static let timeout: Int32 = 5_000

    static func run(_ settings: Settings, from topic: String, to output: String) throws(StartFailure) {
        do throws(KafkaError) { try loop(settings, topic, output) } catch { throw StartFailure(.unreachable, "\(error)") }
    }

    private static func loop(_ settings: Settings, _ topic: String, _ output: String) throws(KafkaError) {
        let name = "tripline-bare-\(Clock.wallMilliseconds())"
        var properties = settings.producerProperties
        properties.set("transactional.id", name)
        let producer = try TransactionalProducer(properties: properties)
        let alerts = try producer.register(topic: output)
        try producer.initTransactions(timeoutMilliseconds: 30_000)
        properties = settings.consumerProperties
        properties.set("group.id", name)
        let consumer = try Consumer(properties: properties)
        consumer.onRebalance = { [unowned consumer] event in
            guard case .assigned(let partitions) = event else { return }
            do throws(KafkaError) {
                var ends: [(partition: Int32, offset: Int64)] = []
                for partition in partitions {
                    ends.append((partition, try consumer.watermarks(partition: partition, topic: topic, timeoutMilliseconds: timeout).high))
                }
                try consumer.assign(ends)
            } catch {
                preconditionFailure("a fresh consumer takes an assignment: \(error)")
            }
        }
        try consumer.subscribe(topic)
        var batch = RecordBatch(capacity: 1_000)
        var next: [Int32: Int64] = [:]
        var waiting: [Int64] = []
        var count: Int64 = 0
        var committedAt = Clock.monotonicMilliseconds()
        while true {
            let pause = waiting.isEmpty ? settings.commit.interval : settings.commit.outputDelay
            let left = max(0, committedAt + pause - Clock.monotonicMilliseconds())
            consumer.poll(into: &batch, timeoutMilliseconds: Int32(clamping: min(100, left)))
            for record in batch.records {
                next[record.partition] = record.offset + 1
                count += 1
                if count % share == 0 { waiting.append(record.timestamp) }
            }
            batch.destroy()
            while let error = consumer.nextError() { if error.isFatal { throw error } }
            if case .stop = ProcessSignals.next(milliseconds: 0) { break }
            let due = waiting.isEmpty ? settings.commit.interval : settings.commit.outputDelay
            guard !next.isEmpty, Clock.monotonicMilliseconds() - committedAt >= due else { continue }
            try producer.begin()
            for timestamp in waiting { try produce(timestamp, producer, alerts) }
            let offsets = next.sorted { $0.key < $1.key }.map { (partition: $0.key, offset: $0.value, metadata: "") }
            try producer.sendOffsets(offsets, topic: topic, group: consumer.groupMetadata(), timeoutMilliseconds: timeout)
            try producer.commit(timeoutMilliseconds: timeout)
            next.removeAll(keepingCapacity: true)
            waiting.removeAll(keepingCapacity: true)
            committedAt = Clock.monotonicMilliseconds()
        }
        consumer.close()
        producer.destroy()
    }

    /// What the reader of alerts looks at, in the length of an alert.
    private static func produce(_ timestamp: Int64, _ producer: TransactionalProducer, _ topic: OutputTopic) throws(KafkaError) {
        var value = ByteWriter(capacity: 1_024)
        value.append("{\"received_at\":\"")
        value.append(timestamp: timestamp)
        value.append("\",\"rule_id\":\"bare\",\"reason\":\"")
        value.append(utf8: String(repeating: "-", count: 600))
        value.append("\"}")
        var key = ByteWriter(capacity: 32)
        key.append(decimal: timestamp)
        try producer.produce(
            topic, partition: nil, key: UnsafeRawBufferPointer(start: key.bytes, count: key.count),
            value: UnsafeRawBufferPointer(start: value.bytes, count: value.count), headers: UnsafeRawBufferPointer(start: nil, count: 0), timestamp: nil)
    }
}

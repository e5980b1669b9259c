import Kafka

/// The least that any service on librdkafka has to do: take the records, and commit their offsets in a transaction every 100 ms.
enum BareLoop {
    struct Result: Equatable {
        var payments: Int64
        var seconds: Double
        var processorSeconds: Double
        var peakBytes: Int64

        var json: String {
            "{\"payments\":\(payments),\"microseconds\":\(Int(seconds * 1e6)),\"cpu_microseconds\":\(Int(processorSeconds * 1e6)),\"peak_bytes\":\(peakBytes)}"
        }

        init(payments: Int64, seconds: Double, processorSeconds: Double, peakBytes: Int64) {
            self.payments = payments
            self.seconds = seconds
            self.processorSeconds = processorSeconds
            self.peakBytes = peakBytes
        }

        /// What `json` wrote, as another process printed it.
        init?(json text: String) {
            func number(_ name: String) -> Int64? {
                text.firstRange(of: "\"\(name)\":").flatMap { Int64(text[$0.upperBound...].prefix { $0.isNumber }) }
            }
            guard let payments = number("payments"), let time = number("microseconds"), let processor = number("cpu_microseconds"),
                let peak = number("peak_bytes")
            else { return nil }
            self.init(payments: payments, seconds: Double(time) / 1e6, processorSeconds: Double(processor) / 1e6, peakBytes: peak)
        }
    }

    private static let timeout: Int32 = 5_000
    private static let commitNanoseconds: Int64 = 100_000_000

    /// Reads so many records of a topic from its start, with a group of its own.
    static func run(_ settings: Settings, topic: String, payments: Int) throws(StartFailure) -> Result {
        do throws(KafkaError) { return try loop(settings, topic: topic, payments: Int64(payments)) } catch {
            throw StartFailure(.unreachable, "\(error)")
        }
    }

    private static func loop(_ settings: Settings, topic: String, payments: Int64) throws(KafkaError) -> Result {
        let name = "tripline-bare-\(Clock.wallMilliseconds())"
        var properties = settings.producerProperties
        properties.set("transactional.id", name)
        let producer = try TransactionalProducer(properties: properties)
        try producer.initTransactions(timeoutMilliseconds: 30_000)
        properties = settings.consumerProperties
        properties.set("group.id", name)
        let consumer = try Consumer(properties: properties)
        var next: [Int32: Int64] = [:]
        consumer.onRebalance = { [unowned consumer] event in
            guard case .assigned(let partitions) = event else { return }
            do throws(KafkaError) { try consumer.assign(partitions.map { (partition: $0, offset: 0) }) } catch {
                preconditionFailure("a fresh consumer takes an assignment: \(error)")
            }
        }
        try consumer.subscribe(topic)
        var batch = RecordBatch(capacity: 1_000)
        var count: Int64 = 0
        var start: (time: Int64, processor: Double) = (0, 0)
        var committedAt = Clock.monotonicNanoseconds()
        while count < payments {
            consumer.poll(into: &batch, timeoutMilliseconds: 100)
            if count == 0, !batch.isEmpty {
                start = (Clock.monotonicNanoseconds(), ProcessStatistics.read().cpuSeconds ?? 0)
            }
            count += Int64(batch.records.count)
            for record in batch.records { next[record.partition] = record.offset + 1 }
            batch.destroy()
            while let error = consumer.nextError() { if error.isFatal { throw error } }
            if !next.isEmpty, Clock.monotonicNanoseconds() - committedAt >= commitNanoseconds || count >= payments {
                try commit(&next, topic, consumer, producer)
                committedAt = Clock.monotonicNanoseconds()
            }
        }
        let end = (time: Clock.monotonicNanoseconds(), statistics: ProcessStatistics.read())
        consumer.close()
        producer.destroy()
        return Result(
            payments: count, seconds: Double(end.time - start.time) / 1e9, processorSeconds: (end.statistics.cpuSeconds ?? 0) - start.processor,
            peakBytes: end.statistics.residentBytes ?? 0)
    }

    private static func commit(
        _ next: inout [Int32: Int64], _ topic: String, _ consumer: Consumer, _ producer: TransactionalProducer
    ) throws(KafkaError) {
        try producer.begin()
        let offsets = next.sorted { $0.key < $1.key }.map { (partition: $0.key, offset: $0.value, metadata: "") }
        try producer.sendOffsets(offsets, topic: topic, group: consumer.groupMetadata(), timeoutMilliseconds: timeout)
        try producer.commit(timeoutMilliseconds: timeout)
        next.removeAll(keepingCapacity: true)
    }
}

import FraudEngine
import Kafka
import RuleFiles
import Synchronization

/// Reads an alert topic as an application would (read_committed), and measures how long after their payments the alerts are visible.
final class AlertReader: Sendable {
    /// What was seen so far.
    struct Seen: Sendable {
        var count = 0
        /// By rule, in the order they first came.
        var byRule: [(rule: String, count: Int)] = []
        var arrivals: [Arrival] = []

        /// Milliseconds from a payment's Kafka timestamp.
        var latencies: [Int64] { arrivals.map(\.latency) }
    }

    /// The way of one alert, Unix milliseconds.
    struct Arrival: Sendable {
        /// The payment's Kafka timestamp.
        var receivedAt: Int64
        /// The alert's: when its transaction had begun.
        var writtenAt: Int64
        var readAt: Int64
        /// Of the alerts' topic.
        var partition: Int32

        var latency: Int64 { max(0, readAt - receivedAt) }
    }

    /// Where it begins to read.
    enum Start: Sendable {
        case beginning
        /// At what is written once `isReady`.
        case end
    }

    private let seen = Mutex(Seen())
    private let stopping = Atomic(false)
    private let ready = Atomic(false)
    private let properties: KafkaProperties
    private let topic: String
    private let partitions: Int32
    private let start: Start
    /// Called for each alert on the reader's thread.
    private let show: @Sendable ([UInt8]) -> Void
    /// Called once, with the account of the first alert.
    private let first: @Sendable (String) -> Void
    private let log: Log

    init(
        properties: KafkaProperties, topic: String, partitions: Int32, from start: Start = .beginning, log: Log,
        show: @escaping @Sendable ([UInt8]) -> Void = { _ in }, first: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.first = first
        self.start = start
        self.properties = properties
        self.topic = topic
        self.partitions = partitions
        self.show = show
        self.log = log
    }

    /// It reads, or has given up.
    var isReady: Bool { ready.load(ordering: .relaxed) }

    var latest: Seen { seen.withLock { $0 } }

    /// Lets `run` return once nothing more comes.
    func stop() { stopping.store(true, ordering: .relaxed) }

    /// The thread's body.
    func run() {
        var properties = properties
        properties.set("group.id", "tripline-alert-reader")
        do throws(KafkaError) {
            let consumer = try Consumer(properties: properties)
            try consumer.read(topic, from: try offsets(consumer))
            ready.store(true, ordering: .relaxed)
            var batch = RecordBatch(capacity: 1_000)
            while true {
                consumer.poll(into: &batch, timeoutMilliseconds: 100)
                let now = Clock.wallMilliseconds()
                for record in batch.records {
                    guard let value = record.value else { continue }
                    take(
                        Array(UnsafeRawBufferPointer(start: value, count: record.valueCount)), writtenAt: record.timestamp, partition: record.partition,
                        now: now)
                }
                while let error = consumer.nextError() { log.warning("the reader of alerts reports a problem", [.error: "\(error)"]) }
                if batch.isEmpty, stopping.load(ordering: .relaxed) { break }
                batch.destroy()
            }
            consumer.close()
        } catch {
            ready.store(true, ordering: .relaxed)
            log.error("alerts cannot be read", [.topic: topic, .error: "\(error)"])
        }
    }

    private func offsets(_ consumer: Consumer) throws(KafkaError) -> [(partition: Int32, offset: Int64)] {
        var offsets: [(partition: Int32, offset: Int64)] = []
        for partition in 0..<partitions {
            let offset =
                switch start {
                case .beginning: Int64(0)
                case .end: try consumer.watermarks(partition: partition, topic: topic, timeoutMilliseconds: 5_000).high
                }
            offsets.append((partition, offset))
        }
        return offsets
    }

    private func take(_ alert: [UInt8], writtenAt: Int64, partition: Int32, now: Int64) {
        let received = AlertBody.text("received_at", in: alert).map { Array($0.utf8) } ?? []
        let receivedAt = received.withUnsafeBytes { Timestamp.parse(ByteSlice($0)) }
        let rule = AlertBody.text("rule_id", in: alert) ?? ""
        let count = seen.withLock { seen in
            seen.count += 1
            if let index = seen.byRule.firstIndex(where: { $0.rule == rule }) { seen.byRule[index].count += 1 } else { seen.byRule.append((rule, 1)) }
            if let receivedAt { seen.arrivals.append(Arrival(receivedAt: receivedAt, writtenAt: writtenAt, readAt: now, partition: partition)) }
            return seen.count
        }
        show(alert)
        if count == 1, let account = AlertBody.text("account_id", in: alert) { first(account) }
    }
}

/// Quantiles of a sample.
enum Quantile {
    /// The smallest value that at least that share of the sample does not exceed; nil for an empty sample.
    static func of(_ sorted: [Int64], _ share: Double) -> Int64? {
        guard !sorted.isEmpty else { return nil }
        return sorted[min(sorted.count - 1, max(0, Int((Double(sorted.count) * share).rounded(.up)) - 1))]
    }
}

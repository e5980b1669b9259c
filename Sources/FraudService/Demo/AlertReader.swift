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
        /// Milliseconds from a payment's Kafka timestamp.
        var latencies: [Int64] = []
    }

    private let seen = Mutex(Seen())
    private let stopping = Atomic(false)
    private let properties: KafkaProperties
    private let topic: String
    private let partitions: Int32
    /// Called for each alert on the reader's thread.
    private let show: @Sendable ([UInt8]) -> Void
    /// Called once, with the account of the first alert.
    private let first: @Sendable (String) -> Void
    /// Alerts on payments before this time are passed over, Unix milliseconds.
    private let since: Int64
    private let log: Log

    init(
        properties: KafkaProperties, topic: String, partitions: Int32, since: Int64 = 0, log: Log, show: @escaping @Sendable ([UInt8]) -> Void,
        first: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.first = first
        self.since = since
        self.properties = properties
        self.topic = topic
        self.partitions = partitions
        self.show = show
        self.log = log
    }

    var latest: Seen { seen.withLock { $0 } }

    /// Lets `run` return once nothing more comes.
    func stop() { stopping.store(true, ordering: .relaxed) }

    /// The thread's body.
    func run() {
        var properties = properties
        properties.set("group.id", "tripline-alert-reader")
        do throws(KafkaError) {
            let consumer = try Consumer(properties: properties)
            try consumer.read(topic, from: (0..<partitions).map { (partition: $0, offset: 0) })
            var batch = RecordBatch(capacity: 1_000)
            while true {
                consumer.poll(into: &batch, timeoutMilliseconds: 100)
                let now = Clock.wallMilliseconds()
                for record in batch.records {
                    guard let value = record.value else { continue }
                    take(Array(UnsafeRawBufferPointer(start: value, count: record.valueCount)), now: now)
                }
                while let error = consumer.nextError() { log.warning("the reader of alerts reports a problem", [.error: "\(error)"]) }
                if batch.isEmpty, stopping.load(ordering: .relaxed) { break }
                batch.destroy()
            }
            consumer.close()
        } catch {
            log.error("alerts cannot be read", [.topic: topic, .error: "\(error)"])
        }
    }

    private func take(_ alert: [UInt8], now: Int64) {
        let received = AlertBody.text("received_at", in: alert).map { Array($0.utf8) } ?? []
        let receivedAt = received.withUnsafeBytes { Timestamp.parse(ByteSlice($0)) }
        if let receivedAt, receivedAt < since { return }
        let rule = AlertBody.text("rule_id", in: alert) ?? ""
        let count = seen.withLock { seen in
            seen.count += 1
            if let index = seen.byRule.firstIndex(where: { $0.rule == rule }) { seen.byRule[index].count += 1 } else { seen.byRule.append((rule, 1)) }
            if let receivedAt { seen.latencies.append(max(0, now - receivedAt)) }
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

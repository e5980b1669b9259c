import FraudEngine
import Kafka
import Synchronization

/// Produces payments at a steady rate, generated or from a file, and never further ahead of the service than the embedded broker can hold.
final class PaymentFeed: Sendable {
    enum Source: Sendable {
        case generated(seed: UInt64, burstEvery: Int? = nil, accounts: Int? = nil)
        /// NDJSON lines, each with its account's bytes.
        case lines([(account: [UInt8], json: [UInt8])])
    }

    private let source: Source
    private let rate: Int
    private let topic: String
    private let properties: KafkaProperties
    /// Records that may wait for the service.
    private let headroom: Int64
    /// Records the service has read.
    private let readCount: @Sendable () -> Int64
    private let stopping = Atomic(false)
    private let sent = Atomic<Int64>(0)
    private let heldBack = Atomic(false)
    private let done = Atomic(false)
    private let failure = Mutex<String?>(nil)

    init(
        _ source: Source, rate: Int, topic: String, properties: KafkaProperties, headroom: Int64, readCount: @escaping @Sendable () -> Int64
    ) {
        self.source = source
        self.rate = rate
        self.topic = topic
        self.properties = properties
        self.headroom = headroom
        self.readCount = readCount
    }

    var sentCount: Int64 { sent.load(ordering: .relaxed) }
    /// The file is at its end.
    var isDone: Bool { done.load(ordering: .relaxed) }
    /// The rate was not reached because the service could not be left further behind.
    var wasHeldBack: Bool { heldBack.load(ordering: .relaxed) }
    var problem: String? { failure.withLock { $0 } }

    func stop() { stopping.store(true, ordering: .relaxed) }

    /// The thread's body.
    func run() {
        do throws(KafkaError) {
            let producer = try PlainProducer(properties: properties)
            let output = try producer.register(topic: topic)
            try feed(producer, output)
            try producer.flush(timeoutMilliseconds: 5_000)
            producer.destroy()
        } catch {
            failure.withLock { $0 = "\(error)" }
        }
        done.store(true, ordering: .relaxed)
    }

    private func feed(_ producer: PlainProducer, _ output: OutputTopic) throws(KafkaError) {
        var generator = PaymentGenerator(seed: 0, rate: rate)
        var lines: [(account: [UInt8], json: [UInt8])]?
        switch source {
        case .generated(let seed, let burstEvery, let accounts):
            generator = PaymentGenerator(seed: seed, rate: rate, burstEvery: burstEvery, accounts: accounts)
        case .lines(let given): lines = given
        }
        var key = ByteWriter(capacity: 64)
        var value = ByteWriter(capacity: 512)
        var pace = Pace(rate: rate)
        var count = 0
        while !stopping.load(ordering: .relaxed) {
            for _ in 0..<pace.due(sent: count, now: Clock.monotonicNanoseconds()) {
                key.removeAll()
                value.removeAll()
                if let lines {
                    guard count < lines.count else { return sent.store(Int64(count), ordering: .relaxed) }
                    key.append(lines[count].account)
                    value.append(lines[count].json)
                } else {
                    PaymentGenerator.append(account: generator.next(at: Clock.wallMilliseconds(), to: &value), to: &key)
                }
                try producer.produce(
                    output, key: UnsafeRawBufferPointer(start: key.bytes, count: key.count),
                    value: UnsafeRawBufferPointer(start: value.bytes, count: value.count))
                count += 1
            }
            sent.store(Int64(count), ordering: .relaxed)
            if Int64(count) - readCount() > headroom {
                heldBack.store(true, ordering: .relaxed)
                while !stopping.load(ordering: .relaxed), Int64(count) - readCount() > headroom / 2 { Clock.pause(milliseconds: 5) }
                pace.restart(sent: count)
            }
            Clock.pause(milliseconds: 2)
        }
    }
}

/// Spreads records evenly over time.
struct Pace {
    let rate: Int
    private var start: Int64 = 0
    private var base = 0

    init(rate: Int) { self.rate = rate }

    /// How many are due by now.
    mutating func due(sent: Int, now: Int64) -> Int {
        if start == 0 { start = now }
        return max(0, base + Int(Double(now - start) / 1e9 * Double(rate)) - sent)
    }

    /// After a pause: does not make up for it.
    mutating func restart(sent: Int) {
        start = 0
        base = sent
    }
}

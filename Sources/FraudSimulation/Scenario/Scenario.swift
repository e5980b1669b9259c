import FraudEngine

/// A payment as it comes: a record's bytes and its Kafka timestamp.
package struct Draft: Sendable {
    var key: [UInt8]?
    var value: [UInt8]?
    /// Milliseconds.
    var timestamp: Int64
}

/// Records that a producer upstream appends to a partition of the input.
package struct Arrival: Sendable, CustomStringConvertible {
    package enum Transaction: Sendable, Equatable {
        case none
        /// Ends that many microseconds later.
        case commits(Int64)
        case aborts(Int64)
    }

    /// Microseconds.
    var at: Int64
    var partition: Int
    var drafts: [Draft]
    var transaction: Transaction

    package var description: String {
        let texts = drafts.map { $0.value.map { String(decoding: $0, as: UTF8.self) } ?? "nothing" }
        return "at \(at / 1_000) ms, partition \(partition), transaction \(transaction): \(texts.joined(separator: " "))"
    }
}

/// Everything that makes a run what it is: the same scenario runs the same way each time.
package struct Scenario: Sendable {
    package let seed: UInt64
    package var workers: Int
    package var partitions: Int
    /// Records of one read, at most.
    package var readLimit: Int
    package var checkpointDebt: Int64
    package var checkpointAge: Int64
    /// Scores that may wait for Redis.
    package var scoreCapacity: Int
    package var arrivals: [Arrival]
    package var faults: [Fault]

    /// When faults end and everything heals, microseconds.
    package var healsAt: Int64 { .seconds(75) }
    /// Within that time after it, everything is done.
    package var bound: Int64 = .seconds(150)

    package init(seed: UInt64) {
        self.seed = seed
        var random = SimulationRandom(seed: seed)
        workers = 1 + random.below(3)
        partitions = 1 + random.below(3)
        readLimit = random.pick([1, 3, 8, 20, 64])
        checkpointDebt = random.pick([5, 15, 40, 1_000])
        checkpointAge = random.pick([2_000, 8_000, 60_000])
        scoreCapacity = random.pick([2, 5, 1_000])
        arrivals = []
        faults = []
        arrivals = Self.arrivals(&random, partitions: partitions)
        var chooser = FaultChooser(random: random, seed: seed, workers: workers, partitions: partitions)
        faults = chooser.choose()
    }

    private static func arrivals(_ random: inout SimulationRandom, partitions: Int) -> [Arrival] {
        var source = PaymentSource(partitions: partitions)
        var arrivals: [Arrival] = []
        let count = 40 + random.below(120)
        let pace = random.among(50...400)
        var at: Int64 = .milliseconds(random.among(0...3_000))
        let transactional = random.pick([0, 0, 20, 60])
        while source.count < count {
            at += .milliseconds(random.among(0...(2 * pace)))
            let partition = random.below(partitions)
            let drafts = (0..<(1 + random.below(5))).map { _ in source.next(partition, &random) }
            var transaction = Arrival.Transaction.none
            if random.chance(transactional) {
                let length: Int64 = .milliseconds(random.among(1...2_000))
                transaction = random.chance(30) ? .aborts(length) : .commits(length)
            }
            arrivals.append(Arrival(at: at, partition: partition, drafts: drafts, transaction: transaction))
        }
        return arrivals
    }
}

/// Payments of a few accounts around a rising time: ties, late ones, duplicates within a window and across windows, two currencies, broken ones.
struct PaymentSource {
    private let partitions: Int
    private var time: Int64 = 1_700_000_000_000
    private(set) var count = 0
    /// Of each partition: the last payments, to be repeated.
    private var recent: [[(account: Int, number: Int, time: Int64)]]

    init(partitions: Int) {
        self.partitions = partitions
        recent = Array(repeating: [], count: partitions)
    }

    mutating func next(_ partition: Int, _ random: inout SimulationRandom) -> Draft {
        count += 1
        time += random.among(0...12_000)
        var account = partition + partitions * random.below(4)
        var number = count
        var occurred = time - random.among(0...3_000)
        if random.chance(8) { occurred = time - random.among(60_000...900_000) }
        if random.chance(12), let old = recent[partition].last {
            // Again, in its own window or in a later one.
            (account, number) = (old.account, old.number)
            if random.chance(60) { occurred = old.time }
        } else if random.chance(8), let old = recent[partition].first {
            (account, number) = (old.account, old.number)
        }
        recent[partition] = Array((recent[partition] + [(account, number, occurred)]).suffix(12))
        let currency = random.chance(75) ? "EUR" : "VND"
        let text =
            "{\"payment_id\":\"p\(number)\",\"account_id\":\"a\(account)\",\"amount\":\(random.among(0...9_000)),\"currency\":\"\(currency)\","
            + "\"occurred_at\":\(occurred)}"
        var draft = Draft(key: Array("a\(account)".utf8), value: Array(text.utf8), timestamp: time)
        switch random.below(40) {
        case 0: draft.value = nil
        case 1: draft.value = Array("{\"payment_id\":".utf8)
        case 2: draft.key = nil
        case 3: draft.timestamp = occurred - 6_000
        case 4: draft.key = Array("other".utf8)
        default: break
        }
        return draft
    }
}

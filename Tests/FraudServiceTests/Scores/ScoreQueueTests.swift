import Testing

@testable import FraudEngine
@testable import FraudService

private let someInbox = WorkerInbox()
private let someOwner = ObjectIdentifier(someInbox)

private func waiting(
    _ account: String, offset: Int64 = 10, epoch: Int64 = 1, partition: Int32 = 0, isRewritten: Bool = false, at: Int64 = 0
) -> WaitingScore {
    WaitingScore(
        change: change(account, offset: offset, partition: partition, receivedAt: isRewritten ? nil : 1), epoch: epoch, since: at * 1_000_000,
        owner: someOwner)
}

private func names(_ batch: [WaitingScore]) -> [String] { batch.map { String(decoding: $0.change.account, as: UTF8.self) } }

@Suite struct `The queue of scores` {
    @Test func `accounts leave in the order in which they came, at most a pipeline's worth at once`() {
        var queue = ScoreQueue(capacity: 10_000)
        for number in 0..<1_300 { queue.offer(waiting("\(number)")) }
        var left: [String] = []
        var sizes: [Int] = []
        while !queue.isDrained {
            let batch = queue.take()
            queue.written()
            sizes.append(batch.count)
            left += names(batch)
        }
        #expect(sizes == [512, 512, 276])
        #expect(left == (0..<1_300).map { "\($0)" })
    }

    @Test func `of an account's scores the newest waits, by epoch, then offset`() {
        var queue = ScoreQueue(capacity: 10)
        for (offset, epoch) in [(5, 1), (9, 1), (7, 1), (2, 2), (99, 1)] as [(Int64, Int64)] { queue.offer(waiting("a", offset: offset, epoch: epoch)) }
        let batch = queue.take()
        #expect(batch.map(\.change.offset) == [2])
        #expect(batch.map(\.epoch) == [2])
    }

    @Test func `of an account's scores as of one offset the one by the later rules waits`() {
        var queue = ScoreQueue(capacity: 10)
        for sequence in [2, 3, 1] as [UInt64] {
            queue.offer(
                WaitingScore(change: change("a", score: Int(sequence), sequence: sequence), epoch: 1, since: 0, owner: someOwner))
        }
        #expect(queue.take().map(\.change.score) == [3])
    }

    @Test func `the same account in two partitions waits twice`() {
        var queue = ScoreQueue(capacity: 10)
        queue.offer(waiting("a", partition: 0))
        queue.offer(waiting("a", partition: 1))
        #expect(queue.count == 2)
    }

    @Test func `what is given back goes first, but for accounts with a newer score`() {
        var queue = ScoreQueue(capacity: 10)
        for name in ["a", "b", "c"] { queue.offer(waiting(name, offset: 1)) }
        let batch = queue.take()
        queue.offer(waiting("b", offset: 2))
        queue.offer(waiting("d"))
        queue.giveBack(batch)
        #expect(queue.count == 4)
        let first = names(queue.take())
        #expect(first == ["a", "c"])
        queue.written()
        let rest = queue.take()
        #expect(names(rest) == ["b", "d"])
        #expect(rest[0].change.offset == 2)
    }

    @Test func `the bound holds with a batch in flight and after it came back`() {
        var queue = ScoreQueue(capacity: 1_000)
        for number in 0..<5_000 { queue.offer(waiting("\(number)")) }
        #expect(queue.count == 1_000)
        for round in 0..<20 {
            let batch = queue.take()
            for number in 0..<5_000 { queue.offer(waiting("\(round)-\(number)")) }
            #expect(queue.count + queue.inFlight == 1_000)
            queue.giveBack(batch)
            #expect(queue.count == 1_000)
        }
        #expect(queue.losing == [0])
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func `any order of calls keeps each account's newest score, once`(seed: UInt64) {
        var generator = SplitMix(seed: seed)
        var queue = ScoreQueue(capacity: 100_000)
        var newest: [String: Int64] = [:]
        var stored: [String: Int64] = [:]
        var flying: [WaitingScore] = []
        for offset in 0..<20_000 as Range<Int64> {
            let name = "\(generator.next() % 900)"
            queue.offer(waiting(name, offset: offset))
            newest[name] = offset
            switch generator.next() % 400 {
            case 0 where flying.isEmpty: flying = queue.take()
            case 1 where !flying.isEmpty:
                queue.giveBack(flying)
                flying = []
            case 2 where !flying.isEmpty:
                queue.written()
                for one in flying { stored[names([one])[0]] = one.change.offset }
                flying = []
            case _: break
            }
        }
        queue.giveBack(flying)
        #expect(queue.count <= 900)
        while !queue.isDrained {
            for one in queue.take() { stored[names([one])[0]] = one.change.offset }
            queue.written()
        }
        #expect(stored == newest, "seed \(seed)")
    }

    @Test func `what was dropped is asked for once everything is written, and not again in the midst of the answer`() {
        var queue = ScoreQueue(capacity: 1)
        queue.offer(waiting("a"))
        queue.offer(waiting("b", partition: 3))
        func asked(_ now: Int64) -> [Int32] { queue.ask(now: now).map(\.partition) }
        #expect(asked(0) == [])
        _ = queue.take()
        #expect(asked(0) == [])
        queue.written()
        #expect(asked(0) == [3])
        #expect(asked(1_000_000) == [])
        queue.lost(3, someOwner)
        #expect(asked(9_999) == [])
        #expect(asked(10_000) == [3])
        queue.lost(3, someOwner)
        queue.offer(waiting("b", partition: 3, isRewritten: true, at: 15_000))
        _ = queue.take()
        queue.written()
        #expect(asked(15_999) == [])
        #expect(asked(16_000) == [3])
    }

    /// The worker tells all scores at once, or in slices between which the writer writes.
    @Test(arguments: [100_000, 700, 64])
    func `a partition with more scores than may wait is written in the end`(slice: Int) {
        var queue = ScoreQueue(capacity: 1_000)
        let accounts = (0..<7_000).map { "\($0)" }
        var stored: Set<String> = []
        func write() {
            stored.formUnion(names(queue.take()))
            queue.written()
        }
        queue.lost(0, someOwner)
        var rounds = 0
        while rounds < 200 {
            guard let question = queue.ask(now: Int64(rounds) * 100_000).first else { break }
            rounds += 1
            let told = accounts.filter { name in Array(name.utf8).withUnsafeBytes { question.classes.intersects(ScoreClasses(of: ByteSlice($0))) } }
            for start in stride(from: 0, to: told.count, by: slice) {
                for name in told[start..<min(told.count, start + slice)] { queue.offer(waiting(name, isRewritten: true)) }
                write()
            }
            while !queue.isDrained { write() }
        }
        #expect(stored.count == accounts.count)
        #expect(queue.losing.isEmpty)
        #expect(rounds < 40, "\(rounds) rounds")
    }
}

@Suite struct `The pace of the score thread` {
    @Test func `it rests a second after each look, also where there was nothing to write`() {
        var pace = ScorePace()
        let looks = [5_000, 5_000, 5_999, 6_000].map { pace.isDue($0) }
        #expect(looks == [true, false, false, true])
        #expect(pace.rest(6_000) == 1_000)
        #expect(pace.rest(6_400) == 600)
    }

    @Test func `it looks at once after a connection`() {
        var pace = ScorePace()
        _ = pace.isDue(5_000)
        pace.connected()
        let looks = [5_001, 5_002].map { pace.isDue($0) }
        #expect(looks == [true, false])
    }

    @Test func `the backoff grows to a second, until Redis takes something`() {
        var pace = ScorePace()
        var waits: [Int64] = []
        for _ in 0..<7 {
            pace.failed()
            waits.append(pace.backoff)
        }
        #expect(waits == [50, 100, 200, 400, 800, 1_000, 1_000])
        pace.succeeded()
        pace.failed()
        #expect(pace.backoff == 50)
    }
}

import Redis
import Testing

import Threads
@testable import FraudEngine
@testable import FraudService

/// A worker with one partition: what its accounts score, and what it does when it is asked for all of it.
private final class Worker {
    let inbox = WorkerInbox()
    let writer: ScoreWriter
    private(set) var scores: [String: (score: Int, offset: Int64)] = [:]
    private var next: Int64 = 0
    private var generator: SplitMix

    init(_ writer: ScoreWriter, seed: UInt64) {
        self.writer = writer
        generator = SplitMix(seed: seed)
    }

    /// Some payments that change scores, then what a worker's turn does.
    func turn(payments: Int) {
        var changes: [ScoreChange] = []
        for _ in 0..<payments {
            let name = "acc-\(generator.next() % 700)"
            let score = Int(generator.next() % 100) + 1
            changes.append(change(name, score: score, offset: next))
            scores[name] = (score, next)
            next += 1
        }
        writer.offer(changes, epochs: [0: 1], inbox: inbox)
        writer.mark([mark(offset: next - 1, at: 1, inbox: inbox)], inbox: inbox)
        for case .scoresLost(_, let classes) in inbox.take() {
            let all = scores.keys.sorted().map { change($0, score: scores[$0]!.score, offset: next - 1, receivedAt: nil) }
            let told = all.filter { change in change.account.withUnsafeBytes { classes.intersects(ScoreClasses(of: ByteSlice($0))) } }
            writer.offer(told, epochs: [0: 1], inbox: inbox)
        }
    }

    /// Whether Redis has every account's score, and no other.
    func isComplete(_ store: ScoreStore) -> Bool {
        do {
            let redis = try store.connection()
            let names = scores.keys.sorted()
            for name in names { redis.send(RedisCommand("HGET", "tripline:g:{\(name)}:risk", "score")) }
            var found: [Int64?] = []
            for _ in names { found.append(try redis.receive().decimal) }
            return found == names.map { Int64(scores[$0]!.score) }
        } catch {
            return false
        }
    }
}

@Suite(.enabled(if: redisIsInstalled, "redis-server is not installed: apt-get install redis-server"))
struct ScoreLossTests {
    /// What happens to Redis in the midst of traffic.
    enum Mishap: CaseIterable {
        case flush, restartEmpty, restartWithOldData
    }

    @Test(.contendsForMutex, arguments: Mishap.allCases, [1, 2] as [UInt64])
    func `whatever Redis loses, the scores are complete again in the end`(mishap: Mishap, seed: UInt64) throws {
        let store = try ScoreStore()
        // Fewer may wait than there are accounts: what the outage drops is asked for again too.
        let writer = ScoreWriter(url: store.url, group: "g", metrics: store.metrics, log: store.log, capacity: 500)
        let worker = Worker(writer, seed: seed)
        let thread = DedicatedThread.start("scores") { writer.run() }
        defer {
            writer.close()
            thread.join()
        }
        for _ in 0..<40 { worker.turn(payments: 50) }
        try #require(settles(worker, store))
        switch mishap {
        case .flush:
            _ = try store.connection().call(RedisCommand("FLUSHALL"))
        case .restartEmpty:
            store.kill()
            for _ in 0..<40 { worker.turn(payments: 50) }
            try store.restart()
        case .restartWithOldData:
            _ = try store.connection().call(RedisCommand("SAVE"))
            for _ in 0..<10 { worker.turn(payments: 20) }
            try #require(settles(worker, store))
            store.kill()
            try store.restart()
        }
        for _ in 0..<5 { worker.turn(payments: 5) }
        #expect(settles(worker, store), "seed \(seed)")
    }

    private func settles(_ worker: Worker, _ store: ScoreStore) -> Bool {
        eventually {
            worker.turn(payments: 0)
            return worker.writer.isDrained && worker.isComplete(store)
        }
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func `in whatever order writes come, each account ends with its newest score`(seed: UInt64) throws {
        let store = try ScoreStore()
        var generator = SplitMix(seed: seed)
        var writes: [(name: String, epoch: Int64, offset: Int64)] = []
        for name in ["a", "b", "c"] {
            for epoch in 1...3 as ClosedRange<Int64> {
                for _ in 0..<15 { writes.append((name, epoch, Int64(generator.next() % 50))) }
            }
        }
        writes.shuffle(using: &generator)
        // Each in a pipeline of a process of its own, some twice.
        for write in writes + writes.prefix(10) {
            store.write([change(write.name, score: Int(write.offset) + 1, offset: write.offset)], epoch: write.epoch)
        }
        let redis = try store.connection()
        for name in ["a", "b", "c"] {
            let newest = try #require(writes.filter { $0.name == name && $0.epoch == 3 }.map(\.offset).max())
            #expect(try redis.call(RedisCommand("HGET", "tripline:g:{\(name)}:risk", "epoch")).decimal == 3, "seed \(seed)")
            #expect(try redis.call(RedisCommand("HGET", "tripline:g:{\(name)}:risk", "score")).decimal == newest + 1, "seed \(seed)")
        }
        let last = try #require(writes.filter { $0.epoch == 3 }.map(\.offset).max())
        #expect(try redis.call(RedisCommand("HGET", "tripline:g:partition:0", "offset")).decimal == last, "seed \(seed)")
    }
}

import Glibc
import Redis
import Testing

import Threads
@testable import FraudEngine
@testable import FraudService

/// A writer whose thread runs until the body has ended.
private func running(_ writer: ScoreWriter, _ body: () throws -> Void) rethrows {
    let thread = DedicatedThread.start("scores") { writer.run() }
    defer {
        writer.close()
        thread.join()
    }
    try body()
}

@Suite(.enabled(if: redisIsInstalled, "redis-server is not installed: apt-get install redis-server"))
struct ScoreWriterTests {
    @Test func `a batch carries its partition's mark, with the furthest offset`() throws {
        let store = try ScoreStore()
        store.write([change("a", offset: 20)], marks: [mark(offset: 10, at: 1_000)])
        let redis = try store.connection()
        #expect(try redis.call(RedisCommand("HGET", "tripline:g:partition:0", "offset")).decimal == 20)
        #expect(try redis.call(RedisCommand("HGET", "tripline:g:partition:0", "at")).bytes == Array(timeText(1_000).utf8))
        store.write([change("a", offset: 30)])
        #expect(try redis.call(RedisCommand("HGET", "tripline:g:partition:0", "offset")).decimal == 30)
    }

    @Test func `a former owner's mark does not replace a newer one`() throws {
        let store = try ScoreStore()
        store.write([], marks: [mark(offset: 10, epoch: 2, at: 2_000)])
        store.write([], marks: [mark(offset: 99, epoch: 1, at: 3_000)])
        store.write([], marks: [mark(offset: 9, epoch: 2, at: 4_000)])
        let redis = try store.connection()
        #expect(try redis.call(RedisCommand("HGET", "tripline:g:partition:0", "epoch")).decimal == 2)
        #expect(try redis.call(RedisCommand("HGET", "tripline:g:partition:0", "offset")).decimal == 10)
        #expect(try redis.call(RedisCommand("HGET", "tripline:g:partition:0", "at")).bytes == Array(timeText(2_000).utf8))
    }

    @Test func `of two scores as of one offset the one by the later rules stays`() throws {
        let store = try ScoreStore()
        store.write([change(score: 30, sequence: 2)])
        store.write([change(score: 60, sequence: 1)])
        let redis = try store.connection()
        #expect(try redis.call(RedisCommand("HGET", "tripline:g:{acc-1}:risk", "score")).decimal == 30)
        store.write([change(score: 50, sequence: 3)])
        #expect(try redis.call(RedisCommand("HGET", "tripline:g:{acc-1}:risk", "score")).decimal == 50)
    }

    @Test func `a key of a wrong type keeps back neither the other scores nor the marks`() throws {
        let store = try ScoreStore()
        let redis = try store.connection()
        _ = try redis.call(RedisCommand("SET", "tripline:g:{bad}:risk", "mine"))
        store.write([change("a"), change("bad"), change("b")], marks: [mark(at: 1_000)])
        #expect(try redis.call(RedisCommand("HGET", "tripline:g:{a}:risk", "score")).decimal == 60)
        #expect(try redis.call(RedisCommand("HGET", "tripline:g:{b}:risk", "score")).decimal == 60)
        #expect(try redis.call(RedisCommand("HGET", "tripline:g:partition:0", "offset")).decimal == 10)
        #expect((store.count(.applied), store.count(.failed)) == (2, 1))
    }

    @Test func `scores lost between two marks are asked for again`() throws {
        let store = try ScoreStore()
        let redis = try store.connection()
        let (writer, inbox) = (store.writer(), WorkerInbox())
        try running(writer) {
            writer.mark([mark(offset: 10, at: 1, inbox: inbox)], inbox: inbox)
            try #require(eventually { isThere(redis, "tripline:g:partition:0") })
            // A server that comes back without the last second: the mark is there as it was, the score is not.
            let old = try redis.call(RedisCommand("DUMP", "tripline:g:partition:0")).bytes
            writer.offer([change("a", offset: 10)], epochs: [0: 1], inbox: inbox)
            try #require(eventually { isThere(redis, "tripline:g:{a}:risk") && writer.isDrained })
            _ = try redis.call(RedisCommand("DEL", "tripline:g:{a}:risk"))
            var command = RedisCommand("RESTORE", "tripline:g:partition:0", "0")
            command.append(try #require(old))
            command.append("REPLACE" as StaticString)
            _ = try redis.call(command)
            writer.offer([change("b", offset: 10)], epochs: [0: 1], inbox: inbox)
            #expect(eventually { asked(inbox) == [0] })
        }
    }

    @Test func `what Redis refuses for now is counted as tried and written once it takes it`() throws {
        let store = try ScoreStore()
        let redis = try store.connection()
        let writer = store.writer()
        _ = try redis.call(RedisCommand("CONFIG", "SET", "maxmemory", "1"))
        running(writer) {
            writer.offer([change("a"), change("b")], epochs: [0: 1], inbox: WorkerInbox())
            #expect(eventually { store.count(.failed) >= 2 && writer.lastError?.contains("OOM") == true })
            #expect(!writer.isConnected)
            call(redis, "CONFIG", "SET", "maxmemory", "0")
            #expect(eventually { writer.isDrained })
        }
        #expect(store.count(.failed) % 2 == 0)
        #expect(store.count(.applied) == 2)
    }

    @Test func `while nobody answers the backoff is waited out, whatever is offered`() throws {
        let peer = try #require(ClosingPeer())
        let store = try ScoreStore()
        let writer = ScoreWriter(url: RedisURL(host: "127.0.0.1", port: peer.port), group: "g", metrics: store.metrics, log: store.log)
        let start = Clock.monotonicMilliseconds()
        running(writer) {
            var number = 0
            #expect(
                eventually {
                    for _ in 0..<100 {
                        writer.offer([change("a-\(number)")], epochs: [0: 1], inbox: WorkerInbox())
                        number += 1
                    }
                    return peer.count >= 4
                })
        }
        let elapsed = Clock.monotonicMilliseconds() - start
        // 50 ms before the second attempt, then 100, 200 and so on: five attempts take 350 ms at least.
        #expect(peer.count < 5 || elapsed >= 350, "\(peer.count) attempts in \(elapsed) ms")
        #expect(store.count(.failed) == 0)
    }

    @Test(.contendsForMutex) func `a frozen Redis keeps back nobody who offers, and gets the newest once it goes on`() throws {
        let store = try ScoreStore()
        let redis = try store.connection()
        let writer = store.writer()
        try running(writer) {
            writer.offer([change("a", score: 1, offset: 1)], epochs: [0: 1], inbox: WorkerInbox())
            try #require(eventually { writer.isDrained })
            store.freeze(true)
            for offset in 2...2_000 {
                writer.offer([change("a", score: offset % 100, offset: Int64(offset)), change("b-\(offset)")], epochs: [0: 1], inbox: WorkerInbox())
            }
            #expect(!writer.isDrained)
            store.freeze(false)
            #expect(eventually { writer.isDrained })
        }
        #expect(try redis.call(RedisCommand("HGET", "tripline:g:{a}:risk", "offset")).decimal == 2_000)
    }
}

func isThere(_ redis: RedisConnection, _ key: String) -> Bool {
    do throws(RedisError) { return try redis.call(RedisCommand("EXISTS", key)).integer == 1 } catch { return false }
}

private func call(_ redis: RedisConnection, _ words: String...) {
    var command = RedisCommand()
    for word in words { command.append(word) }
    do throws(RedisError) { _ = try redis.call(command) } catch { Issue.record("\(error)") }
}

/// The partitions whose scores were asked for since the last look.
func asked(_ inbox: WorkerInbox) -> [Int32] {
    var partitions: [Int32] = []
    for case .scoresLost(let partition, _) in inbox.take() { partitions.append(partition) }
    return partitions
}

/// Accepts connections, closes them at once, and counts them.
private final class ClosingPeer: Sendable {
    let port: UInt16
    private let listener: Int32
    private let accepted = Metrics(version: "")
    private let thread: DedicatedThread

    init?() {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in(
            sin_family: sa_family_t(AF_INET), sin_port: 0, sin_addr: in_addr(s_addr: UInt32(0x7f00_0001).bigEndian), sin_zero: (0, 0, 0, 0, 0, 0, 0, 0))
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = withUnsafeMutableBytes(of: &address) { bytes in
            let pointer = bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self)
            return bind(listener, pointer, length) == 0 && listen(listener, 64) == 0 && getsockname(listener, pointer, &length) == 0
        }
        guard isListening else { return nil }
        port = UInt16(bigEndian: address.sin_port)
        self.listener = listener
        let accepted = accepted
        thread = DedicatedThread.start("peer") {
            while true {
                let connection = accept(listener, nil, nil)
                guard connection >= 0 else { return }
                accepted.rebalanced()
                close(connection)
            }
        }
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        thread.join()
        close(listener)
    }

    var count: Int64 { accepted.rebalances.value }
}

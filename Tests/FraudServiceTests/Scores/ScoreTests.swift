import Redis
import Testing

@testable import FraudEngine
@testable import FraudService

/// A redis-server for one test; the suite is skipped where there is none.
private struct Store {
    let process: RedisProcess
    let folder: String
    let url: RedisURL
    let metrics = Metrics(version: "test")
    let log = Log(level: .error, format: .text)

    init() throws {
        folder = try FileSystem.makeTemporaryFolder("tripline-scores")
        process = try #require(RedisProcess(folder: folder))
        let url = RedisURL(host: "127.0.0.1", port: process.port)
        self.url = url
        try #require(eventually { ScoreReader.problem(connecting: url) == nil })
    }

    func connection() throws -> RedisConnection { try RedisConnection(RedisAddress(url), timeouts: RedisTimeouts(connect: 2_000, command: 2_000)) }

    func writer() -> ScoreWriter { ScoreWriter(url: url, group: "g", metrics: metrics, log: log) }

    /// Writes and returns once it is written.
    func write(_ changes: [ScoreChange], epoch: Int64 = 1, marks: [PartitionMark] = []) {
        let writer = writer()
        writer.offer(changes, epochs: [0: epoch], inbox: WorkerInbox())
        writer.mark(marks)
        writer.close()
        writer.run()
    }

    func reader(now: Int64) -> ScoreReader {
        ScoreReader(
            url: url, group: "g", topic: "payments", partitionCount: 1, graceMilliseconds: 60_000, policy: { DecisionPolicy() }, now: { now })
    }

    func text(_ account: String, now: Int64) throws -> String {
        guard case .found(let json) = reader(now: now).risk(Array(account.utf8)) else {
            Issue.record("no answer")
            return ""
        }
        return String(decoding: json, as: UTF8.self)
    }
}

/// Bounded by its number of attempts; the pause only keeps it from spinning.
private func eventually(_ condition: () -> Bool) -> Bool {
    for _ in 0..<2_000 {
        if condition() { return true }
        Clock.pause(milliseconds: 5)
    }
    return false
}

private let hash = RuleSetHash(hexadecimal: String(repeating: "a", count: 64))

private func change(_ account: String = "acc-1", score: Int = 60, offset: Int64 = 10, expires: Int64 = 300_000, streamTime: Int64 = 100_000) -> ScoreChange {
    let rules = "[{\"id\":\"fast\",\"score\":\(score),\"action\":\"review\",\"hits\":3,\"expires_at\":\"\(timeText(expires))\"}]"
    return ScoreChange(
        partition: 0, account: Array(account.utf8), score: score, band: .high, decision: .review, rules: Array(rules.utf8), eventTime: streamTime,
        streamTime: streamTime, expiry: expires, offset: offset, receivedAt: nil, ruleSet: hash)
}

private func mark(streamTime: Int64 = 100_000, offset: Int64 = 10, lag: Int64 = 0, at: Int64, inbox: WorkerInbox = WorkerInbox()) -> PartitionMark {
    PartitionMark(partition: 0, streamTime: streamTime, offset: offset, epoch: 1, lag: lag, at: at, ruleSet: hash, inbox: inbox)
}

private let isInstalled = ["/usr/bin/redis-server", "/usr/local/bin/redis-server"].contains {
    do { return try !FileSystem.read($0).isEmpty } catch { return false }
}

@Suite(.enabled(if: isInstalled, "redis-server is not installed: apt-get install redis-server"))
struct ScoreTests {
    @Test func `an answer has the members of the documentation, in its order`() throws {
        let store = try Store()
        store.write([change()], marks: [mark(at: 200_000)])
        let expected =
            #"{"account_id":"acc-1","known":true,"score":60,"band":"high","decision":"review","rules":[{"id":"fast","score":60,"hits":3,"#
            + #""expires_at":"1970-01-01T00:05:00.000Z"}],"thresholds":{"medium":30,"high":60,"critical":90},"as_of":"1970-01-01T00:01:40.000Z","#
            + #""age_ms":12,"stale":false,"rule_set":"sha256:\#(hash.hexadecimal)","source":{"topic":"payments","partition":0,"offset":10,"lag":0}}"#
        #expect(try store.text("acc-1", now: 200_012) == expected)
    }

    @Test func `an account without a score is answered with 0, not known`() throws {
        let store = try Store()
        store.write([], marks: [mark(at: 200_000)])
        #expect(try store.text("nobody", now: 200_012).hasPrefix(#"{"account_id":"nobody","known":false,"score":0,"band":"low","decision":"allow","rules":[]"#))
    }

    @Test func `only a newer write wins, and writing again is harmless`() throws {
        let store = try Store()
        let redis = try store.connection()
        func score() throws -> Int64? { try redis.call(RedisCommand("HGET", "tripline:g:{acc-1}:risk", "score")).decimal }
        store.write([change(score: 60, offset: 10)])
        store.write([change(score: 10, offset: 9)])
        #expect(try score() == 60)
        store.write([change(score: 70, offset: 10)])
        #expect(try score() == 70)
        store.write([change(score: 20, offset: 2)], epoch: 2)
        #expect(try score() == 20)
        store.write([change(score: 90, offset: 99)], epoch: 1)
        #expect(try score() == 20)
    }

    @Test func `of an account's scores that wait only the newest is written`() throws {
        let store = try Store()
        store.write([change(score: 1, offset: 1), change(score: 3, offset: 3), change(score: 2, offset: 2)])
        #expect(try store.connection().call(RedisCommand("HGET", "tripline:g:{acc-1}:risk", "score")).decimal == 3)
    }

    @Test func `a contribution ends with stream time, or with the clock where nothing is left to read`() throws {
        let store = try Store()
        store.write([change(expires: 300_000)], marks: [mark(streamTime: 299_999, lag: 5, at: 900_000)])
        #expect(try store.text("acc-1", now: 900_000).contains(#""score":60"#))
        store.write([], marks: [mark(streamTime: 300_000, lag: 5, at: 900_000)])
        #expect(try store.text("acc-1", now: 900_000).contains(#""known":true,"score":0,"band":"low","decision":"allow","rules":[]"#))
        store.write([], marks: [mark(streamTime: 100_000, lag: 0, at: 359_999)])
        #expect(try store.text("acc-1", now: 359_999).contains(#""score":60"#))
        #expect(try store.text("acc-1", now: 360_000).contains(#""score":0"#))
    }

    @Test func `a partition that nobody tells of for five seconds is stale`() throws {
        let store = try Store()
        store.write([], marks: [mark(at: 100_000)])
        #expect(try store.text("a", now: 105_000).contains(#""stale":false"#))
        #expect(try store.text("a", now: 105_001).contains(#""stale":true"#))
    }

    @Test func `the leaderboard keeps an account's peak in the hour`() throws {
        let store = try Store()
        store.write([change(score: 80, offset: 1)])
        store.write([change(score: 40, offset: 2)])
        #expect(try store.connection().call(RedisCommand("ZSCORE", "tripline:g:top:1970010100", "acc-1")).bytes == Array("80".utf8))
    }

    @Test func `a store that answers nobody is unavailable, not unknown`() throws {
        let store = try Store()
        let redis = try store.connection()
        redis.send(RedisCommand("SHUTDOWN", "NOSAVE"))
        #expect(throws: RedisError.self) { try redis.receive() }
        #expect(store.reader(now: 0).risk([0x61]) == .unavailable(retryAfterSeconds: 1))
    }

    @Test func `scores that Redis lost are asked for again`() throws {
        let store = try Store()
        let writer = store.writer()
        let inbox = WorkerInbox()
        let thread = DedicatedThread.start("scores") { writer.run() }
        defer {
            writer.close()
            thread.join()
        }
        let redis = try store.connection()
        func marked() -> Bool {
            writer.mark([mark(at: 1, inbox: inbox)])
            do { return try redis.call(RedisCommand("EXISTS", "tripline:g:partition:0")).integer == 1 } catch { return false }
        }
        #expect(eventually(marked))
        #expect(inbox.take().isEmpty)
        _ = try redis.call(RedisCommand("FLUSHALL"))
        var asked: [Int32] = []
        #expect(
            eventually {
                writer.mark([mark(at: 2, inbox: inbox)])
                for case .scoresLost(let partition) in inbox.take() { asked.append(partition) }
                return !asked.isEmpty
            })
        #expect(asked == [0])
    }
}

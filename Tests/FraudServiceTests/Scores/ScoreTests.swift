import Redis
import Testing

import Threads
@testable import FraudEngine
@testable import FraudService

@Suite(.enabled(if: redisIsInstalled, "redis-server is not installed: apt-get install redis-server"))
struct ScoreTests {
    @Test func `an answer has the members of the documentation, in its order`() throws {
        let store = try ScoreStore()
        store.write([change()], marks: [mark(at: 200_000)])
        let expected =
            #"{"account_id":"acc-1","known":true,"score":60,"band":"high","decision":"review","rules":[{"id":"fast","score":60,"hits":3,"#
            + #""expires_at":"1970-01-01T00:05:00.000Z"}],"thresholds":{"medium":30,"high":60,"critical":90},"as_of":"1970-01-01T00:01:40.000Z","#
            + #""age_ms":12,"stale":false,"rule_set":"sha256:\#(someRuleSet.hexadecimal)","source":{"topic":"payments","partition":0,"offset":10,"lag":0}}"#
        #expect(try store.text("acc-1", now: 200_012) == expected)
    }

    @Test func `an account without a score is answered with 0, not known`() throws {
        let store = try ScoreStore()
        store.write([], marks: [mark(at: 200_000)])
        #expect(try store.text("nobody", now: 200_012).hasPrefix(#"{"account_id":"nobody","known":false,"score":0,"band":"low","decision":"allow","rules":[]"#))
    }

    @Test func `only a newer write wins, and writing again is harmless`() throws {
        let store = try ScoreStore()
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
        let store = try ScoreStore()
        store.write([change(score: 1, offset: 1), change(score: 3, offset: 3), change(score: 2, offset: 2)])
        #expect(try store.connection().call(RedisCommand("HGET", "tripline:g:{acc-1}:risk", "score")).decimal == 3)
    }

    @Test func `a contribution ends with stream time, or with the clock where nothing is left to read`() throws {
        let store = try ScoreStore()
        store.write([change(expires: 300_000)], marks: [mark(streamTime: 299_999, lag: 5, at: 900_000)])
        #expect(try store.text("acc-1", now: 900_000).contains(#""score":60"#))
        store.write([], marks: [mark(streamTime: 300_000, lag: 5, at: 900_000)])
        #expect(try store.text("acc-1", now: 900_000).contains(#""known":true,"score":0,"band":"low","decision":"allow","rules":[]"#))
        let idle = try ScoreStore()
        idle.write([change(expires: 300_000)], marks: [mark(streamTime: 100_000, lag: 0, at: 359_999)])
        #expect(try idle.text("acc-1", now: 359_999).contains(#""score":60"#))
        #expect(try idle.text("acc-1", now: 360_000).contains(#""score":0"#))
    }

    @Test func `a partition that nobody tells of for five seconds is stale`() throws {
        let store = try ScoreStore()
        store.write([], marks: [mark(at: 100_000)])
        #expect(try store.text("a", now: 105_000).contains(#""stale":false"#))
        #expect(try store.text("a", now: 105_001).contains(#""stale":true"#))
    }

    @Test func `the leaderboard keeps an account's peak in the hour`() throws {
        let store = try ScoreStore()
        store.write([change(score: 80, offset: 1)])
        store.write([change(score: 40, offset: 2)])
        #expect(try store.connection().call(RedisCommand("ZSCORE", "tripline:g:top:1970010100", "acc-1")).bytes == Array("80".utf8))
    }

    @Test func `a batch answers in the order of the question, also for what is unknown or asked twice`() throws {
        let store = try ScoreStore()
        store.write([change("a", score: 10), change("b", score: 20)], marks: [mark(at: 200_000)])
        guard case .found(let json) = store.reader(now: 200_000).risks(["b", "x", "a", "b"].map { Array($0.utf8) }) else {
            Issue.record("no answer")
            return
        }
        let singles = try ["b", "x", "a", "b"].map { try store.text($0, now: 200_000) }
        #expect(String(decoding: json, as: UTF8.self) == "{\"risks\":[\(singles.joined(separator: ","))]}")
        #expect(store.reader(now: 0).risks([]) == .found(json: Array("{\"risks\":[]}".utf8)))
    }

    @Test func `the leaderboard is of this hour and the one before by the newest stream time, with the scores of now`() throws {
        let store = try ScoreStore()
        let hour: Int64 = 3_600_000
        #expect(store.reader(now: 0).leaderboard(limit: 5) == .found(json: Array(#"{"as_of":null,"from":null,"accounts":[]}"#.utf8)))
        store.write([change("too-old", score: 99, expires: 10 * hour, streamTime: hour - 1)])
        store.write([
            change("before", score: 70, expires: 10 * hour, streamTime: hour), change("ended", score: 80, expires: 2 * hour + 1, streamTime: 2 * hour),
            change("both", score: 50, offset: 1, expires: 10 * hour, streamTime: hour),
        ])
        store.write([change("both", score: 60, offset: 2, expires: 10 * hour, streamTime: 2 * hour)])
        store.write([], marks: [mark(streamTime: 2 * hour + 5, offset: 20, lag: 1, at: 1)])
        let line = #"{"account_id":"\#("ended")","peak":80,"score":0,"band":"low","decision":"allow"}"#
        let others =
            #",{"account_id":"before","peak":70,"score":70,"band":"high","decision":"review"},"#
            + #"{"account_id":"both","peak":60,"score":60,"band":"high","decision":"review"}"#
        let head = #"{"as_of":"1970-01-01T02:00:00.005Z","from":"1970-01-01T01:00:00.000Z","accounts":["#
        #expect(store.reader(now: 2 * hour).leaderboard(limit: 5) == .found(json: Array("\(head)\(line)\(others)]}".utf8)))
        #expect(store.reader(now: 2 * hour).leaderboard(limit: 1) == .found(json: Array("\(head)\(line)]}".utf8)))
    }

    @Test func `scores are kept behind a Unix socket, a login and a database as well`() throws {
        let store = try ScoreStore(options: ["--unixsocket", "s", "--requirepass", "p@ss"], password: "p@ss")
        let url = try RedisURL("redis+unix://:p%40ss@\(store.folder)/s?db=3")
        let writer = ScoreWriter(url: url, group: "g", metrics: store.metrics, log: store.log)
        writer.offer([change("a")], epochs: [0: 1], inbox: WorkerInbox())
        writer.close()
        writer.run()
        let reader = ScoreReader(
            url: url, group: "g", topic: "t", partitionCount: 1, graceMilliseconds: 0, policy: { DecisionPolicy() }, now: { 0 })
        guard case .found(let json) = reader.risk([0x61]) else {
            Issue.record("no answer")
            return
        }
        #expect(String(decoding: json, as: UTF8.self).contains(#""known":true,"score":60"#))
        let other = try RedisConnection(
            RedisAddress(.socket(path: "\(store.folder)/s"), password: "p@ss"), timeouts: RedisTimeouts(connect: 2_000, command: 2_000))
        #expect(try other.call(RedisCommand("DBSIZE")).integer == 0)
        #expect(try other.call(RedisCommand("SELECT", "3")) == .status("OK"))
        #expect(try other.call(RedisCommand("EXISTS", "tripline:g:{a}:risk")).integer == 1)
    }

    @Test func `a store that answers nobody is unavailable, not unknown`() throws {
        let store = try ScoreStore()
        let redis = try store.connection()
        redis.send(RedisCommand("SHUTDOWN", "NOSAVE"))
        #expect(throws: RedisError.self) { try redis.receive() }
        #expect(store.reader(now: 0).risk([0x61]) == .unavailable(retryAfterSeconds: 1))
    }

    @Test func `scores that Redis lost are asked for again`() throws {
        let store = try ScoreStore()
        let writer = store.writer()
        let inbox = WorkerInbox()
        let thread = DedicatedThread.start("scores") { writer.run() }
        defer {
            writer.close()
            thread.join()
        }
        let redis = try store.connection()
        func marked() -> Bool {
            writer.mark([mark(at: 1, inbox: inbox)], inbox: inbox)
            do { return try redis.call(RedisCommand("EXISTS", "tripline:g:partition:0")).integer == 1 } catch { return false }
        }
        #expect(eventually(marked))
        #expect(inbox.take().isEmpty)
        _ = try redis.call(RedisCommand("FLUSHALL"))
        var asked: [Int32] = []
        #expect(
            eventually {
                writer.mark([mark(at: 2, inbox: inbox)], inbox: inbox)
                for case .scoresLost(let partition, _) in inbox.take() { asked.append(partition) }
                return !asked.isEmpty
            })
        #expect(asked == [0])
    }
}

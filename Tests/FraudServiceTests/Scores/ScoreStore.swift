import Glibc
import Redis
import Testing

@testable import FraudEngine
@testable import FraudService

extension Trait where Self == ConditionTrait {
    /// For tests whose threads wait for one `Mutex`. Its waiting is done by the Swift runtime's own code, which the thread sanitizer does not see into:
    /// it takes two holders, one after the other, for a race.
    static var contendsForMutex: Self { .enabled("a Mutex that is waited for is not for the thread sanitizer") { dlsym(nil, "__tsan_init") == nil } }
}

/// A redis-server for one test; the suites are skipped where there is none.
final class ScoreStore {
    private(set) var process: RedisProcess?
    let folder: String
    let url: RedisURL
    private let port: UInt16
    let metrics = Metrics(version: "test")
    let log = Log(level: .error, format: .text)

    init(options: [String] = [], password: String? = nil) throws {
        folder = try FileSystem.makeTemporaryFolder("tripline-scores")
        let process = try #require(RedisProcess(folder: folder, options: options))
        self.process = process
        port = process.port
        var url = RedisURL(host: "127.0.0.1", port: port)
        url.password = password
        self.url = url
        try waitUntilUp()
    }

    private func waitUntilUp() throws {
        let url = url
        try #require(eventually { ScoreReader.problem(connecting: url) == nil })
    }

    /// Ends the server at once, as a crash does.
    func kill() {
        if let process { Glibc.kill(process.process, SIGKILL) }
        process = nil
    }

    /// With what a `SAVE` left, if there was one.
    func restart() throws {
        process = RedisProcess(folder: folder, port: port)
        try waitUntilUp()
    }

    /// Stops the server without closing its connections, and lets it go on.
    func freeze(_ isFrozen: Bool) {
        if let process { Glibc.kill(process.process, isFrozen ? SIGSTOP : SIGCONT) }
    }

    func count(_ result: Metrics.ScoreWriteResult) -> UInt64 {
        metrics.redisWrites.series.first { $0.labels == [result.rawValue] }?.count ?? 0
    }

    func connection() throws -> RedisConnection { try RedisConnection(RedisAddress(url), timeouts: RedisTimeouts(connect: 2_000, command: 2_000)) }

    func writer() -> ScoreWriter { ScoreWriter(url: url, group: "g", metrics: metrics, log: log) }

    /// Writes and returns once it is written.
    func write(_ changes: [ScoreChange], epoch: Int64 = 1, marks: [PartitionMark] = []) {
        let writer = writer()
        writer.offer(changes, epochs: [0: epoch], inbox: WorkerInbox())
        writer.mark(marks, inbox: WorkerInbox())
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
func eventually(_ condition: () -> Bool) -> Bool {
    for _ in 0..<2_000 {
        if condition() { return true }
        Clock.pause(milliseconds: 5)
    }
    return false
}

let someRuleSet = RuleSetHash(hexadecimal: String(repeating: "a", count: 64))

func change(
    _ account: String = "acc-1", score: Int = 60, offset: Int64 = 10, expires: Int64 = 300_000, streamTime: Int64 = 100_000, partition: Int32 = 0,
    receivedAt: Int64? = 1, sequence: UInt64 = 1
) -> ScoreChange {
    let rules = "[{\"id\":\"fast\",\"score\":\(score),\"action\":\"review\",\"hits\":3,\"expires_at\":\"\(timeText(expires))\"}]"
    return ScoreChange(
        partition: partition, account: Array(account.utf8), score: score, band: .high, decision: .review, rules: Array(rules.utf8), eventTime: streamTime,
        streamTime: streamTime, expiry: expires, offset: offset, receivedAt: receivedAt, ruleSet: someRuleSet,
        sequence: sequence)
}

func mark(
    streamTime: Int64 = 100_000, offset: Int64 = 10, epoch: Int64 = 1, lag: Int64 = 0, at: Int64, inbox: WorkerInbox = WorkerInbox()
) -> PartitionMark {
    PartitionMark(partition: 0, streamTime: streamTime, offset: offset, epoch: epoch, lag: lag, at: at, ruleSet: someRuleSet, owner: ObjectIdentifier(inbox))
}

let redisIsInstalled = ["/usr/bin/redis-server", "/usr/local/bin/redis-server"].contains {
    do { return try !FileSystem.read($0).isEmpty } catch { return false }
}

/// The same numbers for the same seed.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }
}

import FraudEngine
import Redis

/// The score thread's connection, and what it knows of the data behind it. Confined to that thread.
struct ScoreSession {
    /// How a pipeline went.
    struct Outcome {
        var applied = 0
        /// Redis held a newer one.
        var stale = 0
        /// Refused for good, each for itself.
        var failed = 0
        /// Partitions of which Redis has lost something.
        var lost: [PartitionPlace] = []
        /// The first refusal for good on this connection.
        var refusal: String?
    }

    private static let timeouts = RedisTimeouts(connect: 1_000, command: 2_000)
    private static let leaderboardLength = 10_000

    private let address: RedisAddress
    private let keys: ScoreKeys
    private var connection: RedisConnection?
    private var ledger = MarkLedger()
    /// Leaderboards that have grown since they were trimmed.
    private var grown: Set<String> = []
    private var hasRefused = false

    init(_ address: RedisAddress, _ keys: ScoreKeys) {
        self.address = address
        self.keys = keys
    }

    var isConnected: Bool { connection != nil }

    mutating func connect() throws(RedisError) {
        connection = try RedisConnection(address, timeouts: Self.timeouts, scripts: ScoreScript.texts)
        hasRefused = false
    }

    mutating func disconnect() { connection = nil }

    /// Writes scores, then where their partitions and the reported ones stand, in one pipeline. Throws where nothing can be said of what was written.
    mutating func write(_ batch: [WaitingScore], _ marks: [PartitionMark], now: Int64) throws(RedisError) -> Outcome {
        let places = PartitionPlace.all(batch, marks)
        let keys = keys
        var outcome = Outcome()
        var before: [Int64?] = Array(repeating: nil, count: places.count)
        var passing: RedisError?
        try open().evaluate(
            count: batch.count + places.count, script: { ($0 < batch.count ? ScoreScript.score : .mark).rawValue },
            arguments: { run, command in
                if run < batch.count {
                    ScoreScript.append(batch[run], keys: keys, now: now, to: &command)
                } else {
                    ScoreScript.append(places[run - batch.count], keys: keys, to: &command)
                }
            },
            reply: { run, value in
                guard let number = value.integer else {
                    let error = Self.refusal(value)
                    if error.isAboutOneCommand { outcome.refusal = outcome.refusal ?? "\(error)" } else { passing = passing ?? error }
                    if run < batch.count { outcome.failed += 1 }
                    return
                }
                if run >= batch.count { before[run - batch.count] = number } else if number == 1 { outcome.applied += 1 } else { outcome.stale += 1 }
            })
        if let passing { throw passing }
        let isKnown = hasRefused
        hasRefused = hasRefused || outcome.refusal != nil
        if isKnown { outcome.refusal = nil }
        for waiting in batch { grown.insert(keys.top(waiting.change.eventTime == StreamTime.none ? 0 : waiting.change.eventTime)) }
        for (place, count) in zip(places, before) {
            if let count, ledger.isLost(place.partition, before: count) { outcome.lost.append(place) }
        }
        return outcome
    }

    /// Once a second: makes sure that Redis answers, and keeps the leaderboards short.
    mutating func tidy() throws(RedisError) {
        let redis = open()
        for key in grown.sorted() { redis.send(RedisCommand("ZREMRANGEBYRANK", key, "0", "-\(Self.leaderboardLength + 1)")) }
        redis.send(RedisCommand("PING"))
        for _ in 0...grown.count { _ = try redis.receive() }
        grown.removeAll()
    }

    private func open() -> RedisConnection {
        guard let connection else { preconditionFailure("only a connected session writes") }
        return connection
    }

    private static func refusal(_ value: RedisValue) -> RedisError {
        if case .error(let text) = value { RedisError.refused(text) } else { .server("a script gave no number") }
    }
}

import FraudEngine
import Kafka
import Redis
import Synchronization

/// Reads scores from Redis for the HTTP routes: contributions that have ended are dropped, and scores are computed anew. Its methods are called on the
/// server's pool threads, several at once; each returns within a second.
final class ScoreReader: Sendable {
    /// A connection of the pool.
    private final class Pooled: @unchecked Sendable {  // One thread has it at a time: it is out of the pool while it is used.
        let connection: RedisConnection

        init(_ connection: RedisConnection) { self.connection = connection }
    }

    private static let timeouts = RedisTimeouts(connect: 250, command: 250)
    private static let retryAfterSeconds = 1

    private let address: RedisAddress
    private let keys: ScoreKeys
    private let partitionCount: Int32
    private let terms: RiskTerms
    private let now: @Sendable () -> Int64
    private let pool = Mutex<[Pooled]>([])

    /// - Parameter now: Unix milliseconds.
    init(
        url: RedisURL, group: String, topic: String, partitionCount: Int, graceMilliseconds: Int64, policy: @escaping @Sendable () -> DecisionPolicy,
        now: @escaping @Sendable () -> Int64 = { Clock.wallMilliseconds() }
    ) {
        address = RedisAddress(url)
        keys = ScoreKeys(group: group)
        self.partitionCount = Int32(partitionCount)
        terms = RiskTerms(topic: topic, grace: graceMilliseconds, policy: policy)
        self.now = now
    }

    /// Why Redis does not answer there; nil where it does.
    static func problem(connecting url: RedisURL) -> String? {
        do throws(RedisError) {
            _ = try RedisConnection(RedisAddress(url), timeouts: RedisTimeouts(connect: 2_000, command: 2_000))
            return nil
        } catch {
            return "\(error)"
        }
    }

    // MARK: Answers

    /// The account's risk as JSON.
    func risk(_ account: [UInt8]) -> ScoreAnswer {
        answer { redis throws(RedisError) in
            let (risks, places) = try self.read([account], redis)
            var out = ByteWriter(capacity: 1_024)
            self.append(risks[0], account, places, to: &out)
            return out.array()
        }
    }

    /// The accounts' risks as JSON, in their order.
    func risks(_ accounts: [[UInt8]]) -> ScoreAnswer {
        answer { redis throws(RedisError) in
            let (risks, places) = try self.read(accounts, redis)
            var out = ByteWriter(capacity: 1_024)
            out.append("{\"risks\":[")
            for (index, account) in accounts.enumerated() {
                if index > 0 { out.append(UInt8(ascii: ",")) }
                self.append(risks[index], account, places, to: &out)
            }
            out.append("]}")
            return out.array()
        }
    }

    /// The accounts with the highest peaks in this hour and the one before, by the newest stream time of a partition, as JSON.
    func leaderboard(limit: Int) -> ScoreAnswer {
        answer { redis throws(RedisError) in
            guard let newest = try self.newestStreamTime(redis) else { return Array("{\"as_of\":null,\"from\":null,\"accounts\":[]}".utf8) }
            let peaks = try self.peaks(newest, limit: limit, redis)
            let (risks, places) = try self.read(peaks.map(\.account), redis)
            var out = ByteWriter(capacity: 4_096)
            out.append(utf8: "{\"as_of\":\(jsonTime(newest)),\"from\":\(jsonTime(ScoreKeys.hour(newest) - ScoreKeys.hourMilliseconds)),\"accounts\":[")
            for (index, peak) in peaks.enumerated() {
                if index > 0 { out.append(UInt8(ascii: ",")) }
                let place = places[self.partition(of: peak.account)]
                self.terms.append(peak: peak.score, peak.account, risks[index], place, now: self.now(), to: &out)
            }
            out.append("]}")
            return out.array()
        }
    }

    private func append(_ risk: StoredRisk?, _ account: [UInt8], _ places: [Int32: StoredPartition], to out: inout ByteWriter) {
        let partition = partition(of: account)
        terms.append(account, risk, partition, places[partition], now: now(), to: &out)
    }

    // MARK: Commands

    /// Scores by the accounts' order, nil where there is none, and where their partitions stand.
    private func read(_ accounts: [[UInt8]], _ redis: RedisConnection) throws(RedisError) -> ([StoredRisk?], [Int32: StoredPartition]) {
        let partitions = Set(accounts.map(partition(of:))).sorted()
        for account in accounts {
            var command = RedisCommand("HGETALL")
            command.append(keys.risk(account))
            redis.send(command)
        }
        for partition in partitions { redis.send(RedisCommand("HGETALL", keys.partition(partition))) }
        var values: [RedisValue] = []
        for _ in 0..<(accounts.count + partitions.count) { values.append(try redis.receive()) }
        var risks: [StoredRisk?] = []
        for value in values[..<accounts.count] {
            let fields = try Self.fields(value)
            let risk = StoredRisk(fields)
            if risk == nil, !fields.isEmpty { throw .server("a score in a form that this version does not know") }
            risks.append(risk)
        }
        var places: [Int32: StoredPartition] = [:]
        for (partition, value) in zip(partitions, values[accounts.count...]) { places[partition] = StoredPartition(try Self.fields(value)) }
        return (risks, places)
    }

    private func partition(of account: [UInt8]) -> Int32 {
        account.withUnsafeBytes { KeyPartitioner.partition(of: $0, partitionCount: partitionCount) }
    }

    /// Milliseconds; nil before the first payment.
    private func newestStreamTime(_ redis: RedisConnection) throws(RedisError) -> Int64? {
        for partition in 0..<partitionCount { redis.send(RedisCommand("HGET", keys.partition(partition), "stream_time")) }
        var newest: Int64?
        for _ in 0..<partitionCount {
            guard let time = StoredPartition.time(try redis.receive().bytes) else { continue }
            newest = max(newest ?? time, time)
        }
        return newest
    }

    /// Highest first; of equal ones the greater account.
    private func peaks(_ time: Int64, limit: Int, _ redis: RedisConnection) throws(RedisError) -> [(account: [UInt8], score: Int64)] {
        let hours = [time, time - ScoreKeys.hourMilliseconds]
        for hour in hours { redis.send(RedisCommand("ZREVRANGE", keys.top(hour), "0", "\(limit - 1)", "WITHSCORES")) }
        var peaks: [[UInt8]: Int64] = [:]
        for _ in hours {
            guard let elements = try redis.receive().elements, elements.count % 2 == 0 else { throw .server("ZREVRANGE gave no pairs") }
            for index in stride(from: 0, to: elements.count, by: 2) {
                guard let account = elements[index].bytes, let score = elements[index + 1].decimal else { throw .server("ZREVRANGE gave no pairs") }
                peaks[account] = max(peaks[account] ?? 0, score)
            }
        }
        let all = peaks.sorted { a, b in a.value != b.value ? a.value > b.value : b.key.lexicographicallyPrecedes(a.key) }
        return all.prefix(limit).map { (account: $0.key, score: $0.value) }
    }

    private static func fields(_ value: RedisValue) throws(RedisError) -> [String: [UInt8]] {
        guard let elements = value.elements, elements.count % 2 == 0 else { throw .server("HGETALL gave no pairs") }
        var fields: [String: [UInt8]] = [:]
        for index in stride(from: 0, to: elements.count, by: 2) {
            guard let name = elements[index].bytes, let value = elements[index + 1].bytes else { throw .server("HGETALL gave no pairs") }
            fields[String(decoding: name, as: UTF8.self)] = value
        }
        return fields
    }

    // MARK: Connections

    private typealias Question = (RedisConnection) throws(RedisError) -> [UInt8]

    /// Asks with a connection of the pool. It may have died while nobody used it: then once more with a new one.
    private func answer(_ question: Question) -> ScoreAnswer {
        if let pooled = pool.withLock({ $0.popLast() }) {
            do throws(RedisError) { return .found(json: try ask(pooled, question)) } catch {
                guard case .unreachable = error else { return .unavailable(retryAfterSeconds: Self.retryAfterSeconds) }
                pool.withLock { $0.removeAll() }
            }
        }
        do throws(RedisError) {
            return .found(json: try ask(Pooled(try RedisConnection(address, timeouts: Self.timeouts)), question))
        } catch {
            return .unavailable(retryAfterSeconds: Self.retryAfterSeconds)
        }
    }

    private func ask(_ pooled: Pooled, _ question: Question) throws(RedisError) -> [UInt8] {
        let json = try question(pooled.connection)
        pool.withLock { if $0.count < 16 { $0.append(pooled) } }
        return json
    }
}

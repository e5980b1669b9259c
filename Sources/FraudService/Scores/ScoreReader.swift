import FraudEngine
import Kafka
import Redis
import Synchronization

/// Answers for an account's risk from Redis: contributions that have ended are dropped, and the score is computed anew.
final class ScoreReader: Sendable {
    /// A connection of the pool.
    private final class Pooled: @unchecked Sendable {  // One thread has it at a time: it is out of the pool while it is used.
        let connection: RedisConnection

        init(_ connection: RedisConnection) { self.connection = connection }
    }

    private static let timeouts = RedisTimeouts(connect: 250, command: 250)
    private static let staleAfter: Int64 = 5_000

    private let address: RedisAddress
    private let keys: ScoreKeys
    private let topic: String
    private let partitionCount: Int32
    private let grace: Int64
    private let policy: @Sendable () -> DecisionPolicy
    private let now: @Sendable () -> Int64
    private let pool = Mutex<[Pooled]>([])

    /// - Parameter now: Unix milliseconds.
    init(
        url: RedisURL, group: String, topic: String, partitionCount: Int, graceMilliseconds: Int64, policy: @escaping @Sendable () -> DecisionPolicy,
        now: @escaping @Sendable () -> Int64 = { Clock.wallMilliseconds() }
    ) {
        address = RedisAddress(url)
        keys = ScoreKeys(group: group)
        self.topic = topic
        self.partitionCount = Int32(partitionCount)
        grace = graceMilliseconds
        self.policy = policy
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

    /// The account's risk as JSON. Called on the server's pool threads, several at once; within about half a second.
    func risk(_ account: [UInt8]) -> RiskAnswer {
        let partition = account.withUnsafeBytes { KeyPartitioner.partition(of: $0, partitionCount: partitionCount) }
        let pooled = pool.withLock { $0.popLast() }
        if let pooled, let answer = answer(account, partition, pooled) { return answer }
        // The pooled connection may have died while nobody used it: once more with a new one.
        do throws(RedisError) {
            let new = Pooled(try RedisConnection(address, timeouts: Self.timeouts))
            return answer(account, partition, new) ?? .unavailable(retryAfterSeconds: 1)
        } catch {
            return .unavailable(retryAfterSeconds: 1)
        }
    }

    /// nil: Redis did not answer on this connection, which is dropped.
    private func answer(_ account: [UInt8], _ partition: Int32, _ pooled: Pooled) -> RiskAnswer? {
        do throws(RedisError) {
            var command = RedisCommand("HGETALL")
            command.append(keys.risk(account))
            pooled.connection.send(command)
            pooled.connection.send(RedisCommand("HGETALL", keys.partition(partition)))
            let risk = try Self.fields(try pooled.connection.receive())
            let place = try Self.fields(try pooled.connection.receive())
            pool.withLock { if $0.count < 16 { $0.append(pooled) } }
            if risk.isEmpty { return .found(json: json(account, nil, StoredPartition(place), partition)) }
            guard let stored = StoredRisk(risk) else { return .unavailable(retryAfterSeconds: 1) }
            return .found(json: json(account, stored, StoredPartition(place), partition))
        } catch {
            return nil
        }
    }

    private static func fields(_ value: RedisValue) throws(RedisError) -> [String: [UInt8]] {
        guard let elements = value.elements, elements.count % 2 == 0 else { throw .protocolViolation("HGETALL gave no pairs") }
        var fields: [String: [UInt8]] = [:]
        for index in stride(from: 0, to: elements.count, by: 2) {
            guard let name = elements[index].bytes, let value = elements[index + 1].bytes else { throw .protocolViolation("HGETALL gave no pairs") }
            fields[String(decoding: name, as: UTF8.self)] = value
        }
        return fields
    }

    // MARK: The document

    private func json(_ account: [UInt8], _ stored: StoredRisk?, _ place: StoredPartition?, _ partition: Int32) -> [UInt8] {
        let now = now()
        let policy = policy()
        let live = stored?.contributions.filter { !isOver($0, place, now: now) } ?? []
        var verdict = Verdict()
        for contribution in live { verdict.add(score: contribution.score, action: contribution.action) }
        var out = ByteWriter(capacity: 1_024)
        out.append("{\"account_id\":")
        out.append(jsonString: String(decoding: account, as: UTF8.self))
        out.append(stored == nil ? ",\"known\":false,\"score\":" : ",\"known\":true,\"score\":")
        out.append(decimal: Int64(verdict.score))
        out.append(",\"band\":\"")
        out.append(policy.band(of: verdict.score).name)
        out.append("\",\"decision\":\"")
        out.append(verdict.decision(policy).name)
        out.append("\",\"rules\":[")
        for (index, contribution) in live.enumerated() { append(contribution, isFirst: index == 0, to: &out) }
        out.append("],\"thresholds\":{\"medium\":")
        out.append(decimal: Int64(policy.medium))
        out.append(",\"high\":")
        out.append(decimal: Int64(policy.high))
        out.append(",\"critical\":")
        out.append(decimal: Int64(policy.critical))
        appendPlace(place, partition, ruleSet: stored?.ruleSet ?? place?.ruleSet, now: now, to: &out)
        return out.array()
    }

    /// Its period has ended: by the partition's stream time, or by the clock where the partition has nothing left to read.
    private func isOver(_ contribution: StoredRisk.Contribution, _ place: StoredPartition?, now: Int64) -> Bool {
        guard let place else { return false }
        if let streamTime = place.streamTime, contribution.expiresAt <= streamTime { return true }
        return place.lag == 0 && now - place.at <= Self.staleAfter && contribution.expiresAt <= now - grace
    }

    private func append(_ contribution: StoredRisk.Contribution, isFirst: Bool, to out: inout ByteWriter) {
        out.append(isFirst ? "{\"id\":\"" : ",{\"id\":\"")
        out.append(Array(contribution.id))
        out.append("\",\"score\":")
        out.append(decimal: Int64(contribution.score))
        out.append(",\"hits\":")
        out.append(decimal: contribution.hits)
        out.append(",\"expires_at\":\"")
        out.append(Array(contribution.expiresText))
        out.append("\"}")
    }

    private func appendPlace(_ place: StoredPartition?, _ partition: Int32, ruleSet: [UInt8]?, now: Int64, to out: inout ByteWriter) {
        out.append("},\"as_of\":")
        out.append(utf8: place?.streamTime.map(jsonTime) ?? "null")
        let age = place.map { max(0, now - $0.at) }
        out.append(utf8: ",\"age_ms\":\(age.map(String.init) ?? "null"),\"stale\":\(age.map { $0 > Self.staleAfter } ?? true),\"rule_set\":")
        out.append(utf8: ruleSet.map { jsonQuoted(String(decoding: $0, as: UTF8.self)) } ?? "null")
        out.append(",\"source\":{\"topic\":")
        out.append(jsonString: topic)
        out.append(
            utf8: ",\"partition\":\(partition),\"offset\":\(place.map { String($0.offset) } ?? "null"),\"lag\":\(place.map { String($0.lag) } ?? "null")}}")
    }
}

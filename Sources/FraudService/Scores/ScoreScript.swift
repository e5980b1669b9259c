import FraudEngine
import Redis

/// The Lua scripts of a pipeline, by their index in `texts`.
enum ScoreScript: Int, CaseIterable {
    case score
    case mark

    static var texts: [String] { allCases.map(\.text) }

    private var text: String {
        switch self {
        case .score: Self.scoreText
        case .mark: Self.markText
        }
    }

    /// KEYS: the account's hash, the hour's leaderboard. Returns 1 if it wrote, 0 if a newer score is there.
    private static let scoreText = """
        local current = redis.call('HMGET', KEYS[1], 'epoch', 'offset', 'sequence')
        local epoch, offset, sequence = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[13])
        if current[1] and current[2] then
          local e, o, s = tonumber(current[1]), tonumber(current[2]), tonumber(current[3] or '0')
          if e > epoch or (e == epoch and (o > offset or (o == offset and s > sequence))) then return 0 end
        end
        redis.call('HSET', KEYS[1], 'score', ARGV[3], 'band', ARGV[4], 'decision', ARGV[5], 'rules', ARGV[6], 'event_time', ARGV[7],
          'updated_at', ARGV[8], 'rule_set', ARGV[9], 'partition', ARGV[10], 'offset', ARGV[2], 'epoch', ARGV[1],
          'sequence', ARGV[13])
        redis.call('PEXPIRE', KEYS[1], ARGV[11])
        if tonumber(ARGV[3]) > 0 then
          redis.call('ZADD', KEYS[2], 'GT', ARGV[3], ARGV[12])
          redis.call('EXPIRE', KEYS[2], 172800)
        end
        return 1
        """

    /// KEYS: the partition's hash. ARGV: epoch, offset, stream time or nothing; from the owner's report also lag, at, rule set. Where a newer mark is there
    /// it stays. Counts its runs and returns how many there were before: a number that goes down tells of lost data.
    private static let markText = """
        local held = redis.call('HMGET', KEYS[1], 'epoch', 'offset', 'stream_time', 'writes')
        local epoch, offset = tonumber(ARGV[1]), tonumber(ARGV[2])
        local e, o = tonumber(held[1] or ''), tonumber(held[2] or '')
        if not (e and o) or e < epoch or (e == epoch and o <= offset) then
          redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'offset', ARGV[2])
          if e ~= epoch or not held[3] or held[3] < ARGV[3] then redis.call('HSET', KEYS[1], 'stream_time', ARGV[3]) end
          if ARGV[4] then redis.call('HSET', KEYS[1], 'lag', ARGV[4], 'at', ARGV[5], 'rule_set', ARGV[6]) end
        end
        return redis.call('HINCRBY', KEYS[1], 'writes', 1) - 1
        """

    /// A day behind the last contribution's end, as garbage collection.
    private static let afterlifeMilliseconds: Int64 = 86_400_000

    /// Keys and arguments of `score`.
    static func append(_ waiting: WaitingScore, keys: ScoreKeys, now: Int64, to command: inout RedisCommand) {
        let change = waiting.change
        command.append("2")
        command.append(keys.risk(change.account))
        command.append(keys.top(change.eventTime == StreamTime.none ? 0 : change.eventTime))
        command.append(waiting.epoch)
        command.append(change.offset)
        command.append(Int64(change.score))
        command.append(change.band.name)
        command.append(change.decision.name)
        command.append(change.rules)
        command.append(change.eventTime == StreamTime.none ? "" : timeText(change.eventTime))
        command.append(timeText(now))
        command.append("sha256:\(change.ruleSet.hexadecimal)")
        command.append(Int64(change.partition))
        command.append(max(0, change.expiry - change.streamTime) + afterlifeMilliseconds)
        command.append(change.account)
        command.append(Int64(clamping: change.sequence))
    }

    /// Keys and arguments of `mark`.
    static func append(_ place: PartitionPlace, keys: ScoreKeys, to command: inout RedisCommand) {
        command.append("1")
        command.append(keys.partition(place.partition))
        command.append(place.epoch)
        command.append(place.offset)
        command.append(place.streamTime == StreamTime.none ? "" : timeText(place.streamTime))
        guard let mark = place.report else { return }
        command.append(mark.lag)
        command.append(timeText(mark.at))
        command.append("sha256:\(mark.ruleSet.hexadecimal)")
    }
}

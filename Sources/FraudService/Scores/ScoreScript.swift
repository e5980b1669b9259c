import FraudEngine
import Redis

/// The Lua script that writes one score if it is not older than the one that is there.
enum ScoreScript {
    /// KEYS: the account's hash, the hour's leaderboard. Returns 1 if it wrote.
    static let text = """
        local current = redis.call('HMGET', KEYS[1], 'epoch', 'offset')
        local epoch, offset = tonumber(ARGV[1]), tonumber(ARGV[2])
        if current[1] and current[2] then
          local e, o = tonumber(current[1]), tonumber(current[2])
          if e > epoch or (e == epoch and o > offset) then return 0 end
        end
        redis.call('HSET', KEYS[1], 'score', ARGV[3], 'band', ARGV[4], 'decision', ARGV[5], 'rules', ARGV[6], 'event_time', ARGV[7],
          'updated_at', ARGV[8], 'rule_set', ARGV[9], 'partition', ARGV[10], 'offset', ARGV[2], 'epoch', ARGV[1])
        redis.call('PEXPIRE', KEYS[1], ARGV[11])
        if tonumber(ARGV[3]) > 0 then
          redis.call('ZADD', KEYS[2], 'GT', ARGV[3], ARGV[12])
          redis.call('EXPIRE', KEYS[2], 172800)
        end
        return 1
        """

    /// A day behind the last contribution's end, as garbage collection.
    private static let afterlifeMilliseconds: Int64 = 86_400_000

    static func append(_ change: ScoreChange, epoch: Int64, keys: ScoreKeys, now: Int64, to command: inout RedisCommand) {
        command.append("2")
        command.append(keys.risk(change.account))
        command.append(keys.top(change.eventTime == StreamTime.none ? 0 : change.eventTime))
        command.append(epoch)
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
    }
}

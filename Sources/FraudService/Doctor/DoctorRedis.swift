import Redis

/// Redis as the score writer needs it.
enum DoctorRedis {
    private static let skewLimit: Int64 = 1_000

    static func look(_ settings: Settings, _ report: inout DoctorReport) {
        guard let url = settings.redis else { return }
        do throws(RedisError) {
            let connection = try RedisConnection(RedisAddress(url), timeouts: RedisTimeouts(connect: 2_000, command: 2_000))
            let answer = try connection.call(RedisCommand("INFO")).bytes ?? []
            look(info: fields(String(decoding: answer, as: UTF8.self)), "\(RedisAddress(url))", &report)
            try lookAtClock(connection, &report)
        } catch {
            report.add(.fail("redis", .unreachable, "\(error)", "check redis.url and whether Redis is up; alerts go on without it, scores do not"))
        }
    }

    /// `name:value` lines of INFO.
    static func fields(_ info: String) -> [String: String] {
        var fields: [String: String] = [:]
        for line in info.split(whereSeparator: \.isNewline) {
            guard let colon = line.firstIndex(of: ":") else { continue }
            fields[String(line[..<colon])] = String(line[line.index(after: colon)...])
        }
        return fields
    }

    static func look(info: [String: String], _ place: String, _ report: inout DoctorReport) {
        let version = info["redis_version"] ?? "unknown"
        let numbers = version.split(separator: ".").prefix(2).compactMap { Int($0) }
        if numbers.count == 2, (numbers[0], numbers[1]) < (6, 2) {
            report.add(.fail("redis", .refused, "version \(version) at \(place) is too old", "install Redis 6.2 or newer, or Valkey"))
        } else if info["cluster_enabled"] == "1" {
            report.add(
                .fail("redis", .refused, "\(place) is a cluster", "use a single server, with replicas if you like: keys of one script lie in several slots"))
        } else {
            report.add(.ok("redis", "version \(version) at \(place)"))
        }
        let policy = info["maxmemory_policy"] ?? "noeviction"
        let most = info["maxmemory"].flatMap { Int64($0) } ?? 0
        if most > 0, policy != "noeviction" {
            report.add(
                .warn(
                    "redis memory", "full at \(most >> 20) MiB, then scores are evicted (\(policy))", "set maxmemory-policy noeviction, and watch used_memory"))
        } else if most > 0, let used = info["used_memory"].flatMap({ Int64($0) }), used > most / 10 * 9 {
            report.add(.warn("redis memory", "\(used >> 20) of \(most >> 20) MiB are used; writes fail when it is full", "raise maxmemory"))
        } else {
            report.add(.ok("redis memory", most > 0 ? "at most \(most >> 20) MiB, nothing is evicted" : "no limit of its own"))
        }
    }

    /// Redis' clock stands in for the world's: the brokers do not tell theirs.
    private static func lookAtClock(_ connection: RedisConnection, _ report: inout DoctorReport) throws(RedisError) {
        let before = Clock.wallMilliseconds()
        let answer = try connection.call(RedisCommand("TIME")).elements ?? []
        let now = (before + Clock.wallMilliseconds()) / 2
        guard answer.count == 2, let seconds = answer[0].decimal, let micros = answer[1].decimal else { return }
        let skew = seconds * 1_000 + micros / 1_000 - now
        let detail = "Redis' clock is \(abs(skew)) ms \(skew < 0 ? "behind" : "ahead of") this machine's"
        report.add(
            abs(skew) <= skewLimit
                ? .ok("clock", detail) : .warn("clock", detail, "run NTP on both: ages and latencies shown are wrong by that; alerts are not"))
    }
}

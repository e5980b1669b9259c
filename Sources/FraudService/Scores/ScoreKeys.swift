import FraudEngine
import Redis

/// The names of a group's keys in Redis.
struct ScoreKeys: Sendable {
    static let hourMilliseconds: Int64 = 3_600_000

    let group: String

    /// Hash: an account's score.
    func risk(_ account: [UInt8]) -> [UInt8] { Array("tripline:\(group):{".utf8) + account + Array("}:risk".utf8) }

    /// Hash: how far a partition is.
    func partition(_ partition: Int32) -> String { "tripline:\(group):partition:\(partition)" }

    /// Sorted set: the peak scores of accounts in the UTC hour of an event time.
    func top(_ eventTime: Int64) -> String {
        var text = ByteWriter(capacity: 64)
        text.append(timestamp: eventTime)
        let digits = String(decoding: text.array().filter { $0 >= 0x30 && $0 <= 0x39 }.prefix(10), as: UTF8.self)
        return "tripline:\(group):top:\(digits)"
    }

    /// The start of a time's hour, milliseconds.
    static func hour(_ time: Int64) -> Int64 { time - ((time % hourMilliseconds) + hourMilliseconds) % hourMilliseconds }
}

extension RedisAddress {
    init(_ url: RedisURL) {
        let place: Place =
            switch url.place {
            case .network(let address): .network(host: address.host, port: address.port)
            case .socket(let path): .socket(path: path)
            }
        self.init(place, user: url.user, password: url.password, database: Int32(url.database))
    }
}

/// RFC 3339 with milliseconds.
func timeText(_ milliseconds: Int64) -> String {
    var out = ByteWriter(capacity: 64)
    out.append(timestamp: milliseconds)
    return String(decoding: out.array(), as: UTF8.self)
}

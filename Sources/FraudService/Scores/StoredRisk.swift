import FraudEngine
import Redis

/// A score as it stands in Redis.
struct StoredRisk {
    /// One rule that contributes.
    struct Contribution {
        /// The characters between the quotes, escaped as they stand.
        var id: ArraySlice<UInt8>
        var score: Int
        var action: Action
        var hits: Int64
        /// Milliseconds.
        var expiresAt: Int64
        var expiresText: ArraySlice<UInt8>
    }

    var contributions: [Contribution]
    var ruleSet: [UInt8]

    /// nil where the hash is not one of ours.
    init?(_ fields: [String: [UInt8]]) {
        guard let rules = fields["rules"], let ruleSet = fields["rule_set"], let contributions = Self.contributions(rules) else { return nil }
        self.contributions = contributions
        self.ruleSet = ruleSet
    }

    /// Reads what `AccountScore` wrote and accepts nothing else.
    static func contributions(_ json: [UInt8]) -> [Contribution]? {
        var reader = Reader(rest: json[...])
        guard reader.skip("[") else { return nil }
        if reader.skip("]") { return reader.rest.isEmpty ? [] : nil }
        var found: [Contribution] = []
        repeat {
            guard reader.skip("{\"id\":\""), let id = reader.string(), reader.skip(",\"score\":"), let score = reader.integer(),
                reader.skip(",\"action\":\""), let actionText = reader.string(),
                let action = Action.allCases.first(where: { "\($0.name)" == String(decoding: actionText, as: UTF8.self) }), reader.skip(",\"hits\":"),
                let hits = reader.integer(), reader.skip(",\"expires_at\":\""), let expires = reader.string(), reader.skip("}"),
                let expiresAt = Array(expires).withUnsafeBytes({ Timestamp.parse(ByteSlice($0)) })
            else { return nil }
            found.append(
                Contribution(id: id, score: Int(score), action: action, hits: hits, expiresAt: expiresAt, expiresText: expires))
        } while reader.skip(",")
        return reader.skip("]") && reader.rest.isEmpty ? found : nil
    }

    private struct Reader {
        var rest: ArraySlice<UInt8>

        mutating func skip(_ text: String) -> Bool {
            guard rest.starts(with: text.utf8) else { return false }
            rest = rest.dropFirst(text.utf8.count)
            return true
        }

        /// Up to the closing quote, which is skipped.
        mutating func string() -> ArraySlice<UInt8>? {
            var at = rest.startIndex
            while at < rest.endIndex, rest[at] != UInt8(ascii: "\"") { at += rest[at] == UInt8(ascii: "\\") ? 2 : 1 }
            guard at < rest.endIndex else { return nil }
            defer { rest = rest[(at + 1)...] }
            return rest[..<at]
        }

        mutating func integer() -> Int64? {
            let digits = rest.prefix { $0 >= 0x30 && $0 <= 0x39 }
            rest = rest[digits.endIndex...]
            return Int64(String(decoding: digits, as: UTF8.self))
        }
    }
}

/// Where a partition stands, as its owner last told.
struct StoredPartition {
    /// Milliseconds; nil before the first payment.
    var streamTime: Int64?
    var offset: Int64
    var lag: Int64
    /// Unix milliseconds.
    var at: Int64
    var ruleSet: [UInt8]

    /// nil where nobody has written it yet.
    init?(_ fields: [String: [UInt8]]) {
        func number(_ name: String) -> Int64? { fields[name].flatMap { Int64(String(decoding: $0, as: UTF8.self)) } }
        guard let offset = number("offset"), let lag = number("lag"), let at = Self.time(fields["at"]), let ruleSet = fields["rule_set"] else { return nil }
        streamTime = Self.time(fields["stream_time"])
        self.offset = offset
        self.lag = lag
        self.at = at
        self.ruleSet = ruleSet
    }

    /// Milliseconds; nil for no text, or one that is none of ours.
    static func time(_ text: [UInt8]?) -> Int64? {
        guard let text, !text.isEmpty else { return nil }
        return text.withUnsafeBytes { Timestamp.parse(ByteSlice($0)) }
    }
}

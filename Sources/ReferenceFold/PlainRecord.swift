package typealias Bytes = [UInt8]

/// A record's header; the value may be null.
package struct PlainHeader: Equatable, Sendable {
    package var name: Bytes
    package var value: Bytes?

    package init(name: Bytes, value: Bytes?) {
        self.name = name
        self.value = value
    }

    init(_ name: String, _ value: String) { self.init(name: Bytes(name.utf8), value: Bytes(value.utf8)) }

    init(_ name: String, _ value: Bytes) { self.init(name: Bytes(name.utf8), value: value) }

    /// What it counts for where a record must fit its topic: a length of 4 bytes stands before the name and before the value.
    var size: Int { name.count + (value?.count ?? 0) + 8 }
}

/// One record of the payments topic.
package struct PlainRecord: Sendable {
    package var offset: Int64
    /// Kafka timestamp, milliseconds; nil: none.
    package var timestamp: Int64?
    package var key: Bytes?
    /// nil: a tombstone.
    package var value: Bytes?
    package var headers: [PlainHeader]

    package init(offset: Int64, timestamp: Int64?, key: Bytes?, value: Bytes?, headers: [PlainHeader] = []) {
        self.offset = offset
        self.timestamp = timestamp
        self.key = key
        self.value = value
        self.headers = headers
    }
}

/// What becomes of a record.
package enum PlainOutcome: Int, CaseIterable, Sendable {
    case folded, late, duplicate, invalid, ignored

    package var name: String { "\(self)" }
}

/// Section 1.6: read = folded + late + duplicate + invalid + ignored.
package struct PlainTotals: Equatable, Sendable {
    package private(set) var records: [PlainOutcome: UInt64] = [:]
    /// Of readable amounts, minor units modulo 2^64.
    package private(set) var amounts: [PlainOutcome: UInt64] = [:]

    package init() {}

    mutating func add(_ outcome: PlainOutcome, amount: Int64?) {
        records[outcome, default: 0] += 1
        amounts[outcome, default: 0] &+= UInt64(bitPattern: amount ?? 0)
    }

    package func count(_ outcome: PlainOutcome) -> UInt64 { records[outcome] ?? 0 }

    package func amount(_ outcome: PlainOutcome) -> UInt64 { amounts[outcome] ?? 0 }
}

/// A record that must stand in an output topic.
package struct PlainOutput: Equatable, Sendable {
    package enum Kind: Sendable, CaseIterable { case alert, shadowAlert, late, deadLetter }

    package var kind: Kind
    /// Of alerts: the id of 36 characters.
    package var alertID: String?
    package var key: Bytes?
    package var value: Bytes?
    /// Without those that differ from run to run.
    package var headers: [PlainHeader]
    /// false: what the fold has not seen may have led to another output here, or to none.
    package var isCertain: Bool
}

/// What folding one record came to.
package struct PlainResult: Sendable {
    package var outcome: PlainOutcome
    /// In order. Where the fold began in the middle also alerts that an earlier hit, not seen, may have forestalled: they are not certain.
    package var outputs: [PlainOutput] = []
    /// The account's score, if the payment changed it.
    package var score: PlainScore?
    /// false: the payment's window began before what the fold has seen.
    package var isCertain = true
}

/// An account's score as it goes to Redis.
package struct PlainScore: Equatable, Sendable {
    package var account: Bytes
    /// 0 to 100.
    package var score: Int
    package var band: PlainBand
    package var decision: PlainAction
    /// JSON array of the contributing rules.
    package var rules: Bytes
    /// Milliseconds, all three; `expiry` is the end of the last contribution.
    package var eventTime: Int64
    package var streamTime: Int64
    package var expiry: Int64
    package var offset: Int64
    /// Of the rule set, 64 hexadecimal digits.
    package var ruleSet: String
}

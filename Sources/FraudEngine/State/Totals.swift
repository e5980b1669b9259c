/// What became of a record; the order is part of stored state.
package enum Outcome: UInt8, CaseIterable, Sendable {
    case folded, late, duplicate, invalid, ignored

    package var name: StaticString {
        switch self {
        case .folded: "folded"
        case .late: "late"
        case .duplicate: "duplicate"
        case .invalid: "invalid"
        case .ignored: "ignored"
        }
    }
}

/// Conservation: read = folded + late + duplicate + invalid + ignored, in records and in readable amounts (minor units modulo 2^64).
package struct Totals: Equatable, Sendable {
    package private(set) var records = [UInt64](repeating: 0, count: Outcome.allCases.count)
    package private(set) var amounts = [UInt64](repeating: 0, count: Outcome.allCases.count)

    package init() {}

    package init(records: [UInt64], amounts: [UInt64]) {
        precondition(records.count == Outcome.allCases.count && amounts.count == records.count)
        self.records = records
        self.amounts = amounts
    }

    package subscript(outcome: Outcome) -> UInt64 { records[Int(outcome.rawValue)] }

    package var read: UInt64 { records.reduce(0, &+) }

    mutating func add(_ outcome: Outcome, amount: Int64?) {
        records[Int(outcome.rawValue)] &+= 1
        amounts[Int(outcome.rawValue)] &+= UInt64(bitPattern: amount ?? 0)
    }

    var digest: UInt64 {
        var sum: UInt64 = 0
        for index in records.indices { sum &+= Hashing.entry(UInt64(index), records[index], amounts[index], Hashing.k1) }
        return sum
    }
}

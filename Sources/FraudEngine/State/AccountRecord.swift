/// Count and sum of one account in one base window and one currency; 32 bytes.
struct Cell {
    var window: Int64
    /// Minor units; 0 once it overflowed.
    var sum: Int64
    var count: Int64
    /// The currency's code in the low 24 bits, `overflowed` above; 0: the cell is empty.
    var tag: UInt32
    /// The next overflow cell (used in the third inline cell and in overflow cells).
    var next: UInt32

    static let overflowed: UInt32 = 1 << 31
    static let stride = 32

    var currency: UInt32 { tag & 0xff_ffff }
    var isOverflowed: Bool { tag & Self.overflowed != 0 }

    /// The cell's entry in the digest of its window.
    @inline(__always)
    func digest(account: UInt64) -> UInt64 {
        Hashing.entry(account, UInt64(bitPattern: window), UInt64(bitPattern: count) &+ UInt64(tag) << 32, UInt64(bitPattern: sum))
    }
}

/// An account's head; three cells follow it, 128 bytes in all.
struct AccountRecord {
    /// Fixed hash of the account's bytes.
    var hash: UInt64
    /// The key itself up to 16 bytes, else its number in the key pool of its size.
    var key: (UInt64, UInt64)
    /// 0: the record is free.
    var keyCount: UInt32
    /// First entry in the pool of hits; 0: none.
    var hits: UInt32

    static let inlineKeyCount = 16
    static let cellsOffset = 32
    static let inlineCells = 3
    static let stride = 128
}

/// A rule's mark on an account for one period: it alerts once; and while the period lasts, the rule contributes to the account's score.
struct HitEntry {
    var next: UInt32
    /// Number of the rule in the partition's `RuleNames`.
    var rule: UInt32
    /// Milliseconds; the period is half-open.
    var periodStart: Int64
    var periodEnd: Int64
    var hits: Int64
    /// Score and action that the rule had at its last hit.
    var score: UInt8
    var action: UInt8
    /// 1: a mark of the rule as shadow.
    var isShadow: UInt8
    /// 1: `once_per: payment`; the period is the base window.
    var isPerPayment: UInt8
    var reserved: UInt32

    static let stride = 40

    /// Of the same rule, period and kind: the account is known.
    @inline(__always)
    func isSameMark(as other: HitEntry) -> Bool {
        rule == other.rule && periodStart == other.periodStart && periodEnd == other.periodEnd && isShadow == other.isShadow
            && isPerPayment == other.isPerPayment
    }

    func digest(account: UInt64, ruleHash: UInt64) -> UInt64 {
        let flags = UInt64(score) | UInt64(action) << 8 | UInt64(isShadow) << 16 | UInt64(isPerPayment) << 24
        return Hashing.entry(account ^ ruleHash, UInt64(bitPattern: periodStart), UInt64(bitPattern: periodEnd), UInt64(bitPattern: hits) &+ flags << 32)
    }
}

/// A partition's state at one moment, read by the checkpoint thread while the worker goes on.
package final class PartitionSnapshot {
    /// Keeps the pages alive.
    private let arena: PageArena
    let accounts: AccountTableSnapshot
    let buckets: [(number: Int64, digest: UInt64, ids: [FingerprintSet.Part])]
    let ruleIDs: [[UInt8]]
    let ruleHashes: [UInt64]
    let streamTime: Int64
    let closedThrough: Int64
    let totals: Totals
    package let digest: UInt64
    let windowSize: Int64

    init(
        arena: PageArena, accounts: AccountTableSnapshot, buckets: [(number: Int64, digest: UInt64, ids: [FingerprintSet.Part])], ruleIDs: [[UInt8]],
        ruleHashes: [UInt64], streamTime: Int64, closedThrough: Int64, totals: Totals, digest: UInt64, windowSize: Int64
    ) {
        self.arena = arena
        self.accounts = accounts
        self.buckets = buckets
        self.ruleIDs = ruleIDs
        self.ruleHashes = ruleHashes
        self.streamTime = streamTime
        self.closedThrough = closedThrough
        self.totals = totals
        self.digest = digest
        self.windowSize = windowSize
    }
}

// Reads only pages that the worker no longer changes (it copies a shared page before the first change), and holds the arena that owns them.
extension PartitionSnapshot: @unchecked Sendable {}

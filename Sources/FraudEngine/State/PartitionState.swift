/// Everything a partition remembers: a deterministic function of its input and its rule-set history.
///
/// One owner, one thread. Its logical content is what the digest covers; table order, free memory and sweeping are not part of it.
package struct PartitionState: ~Copyable {
    let windows: TumblingWindows
    let arena: PageArena
    var accounts: AccountTable
    var buckets: WindowBuckets
    var ruleNames = RuleNames()
    /// Milliseconds; `StreamTime.none` before the first folded payment.
    package internal(set) var streamTime = StreamTime.none
    package internal(set) var totals = Totals()
    /// Every window up to this number is closed.
    private(set) var closedThrough = Int64.min
    private var needsSweep = false

    package init(windows: TumblingWindows, seed: UInt64) {
        self.windows = windows
        arena = PageArena()
        accounts = AccountTable(arena: arena, seed: seed)
        buckets = WindowBuckets(arena: arena)
    }

    package var accountCount: Int { accounts.count }
    package var byteCount: Int { accounts.byteCount }

    /// Additive over entries, per window bucket: independent of table order and of how the state is stored.
    package var digest: UInt64 {
        buckets.digest &+ totals.digest &+ Hashing.entry(UInt64(bitPattern: streamTime), Hashing.k2, Hashing.k3, Hashing.k0)
    }

    /// Moves stream time forward (never back) and drops the windows that closes.
    @inline(__always)
    mutating func advance(to time: Int64) {
        guard time > streamTime else { return }
        streamTime = time
        let through = windows.closedThrough(streamTime: time)
        if through > closedThrough { close(through: through) }
    }

    @inline(never)
    private mutating func close(through number: Int64) {
        closedThrough = number
        guard let lowest = buckets.lowest, lowest <= number else { return }
        buckets.close(through: number)
        needsSweep = true
    }

    /// Stream time of a restored state.
    mutating func restore(streamTime: Int64) {
        self.streamTime = streamTime
        closedThrough = windows.closedThrough(streamTime: streamTime)
    }

    /// Drops the windows of a restored state that a shorter grace than it was stored under has closed.
    package mutating func closeElapsed() { close(through: closedThrough) }

    /// The base window that keeps a period's mark: the one that holds the period's last millisecond. A mark must outlive every payment that
    /// could still hit its period, and payments are accepted until their base window closes.
    @inline(__always)
    func retention(ofPeriodEnding end: Int64) -> Int64 { windows.number(of: end - 1) }

    /// Frees memory of accounts with nothing live, a few at a time.
    mutating func sweep(budget: Int) {
        guard needsSweep else { return }
        let windows = windows
        let closedThrough = closedThrough
        if accounts.sweep(budget: budget, closedThrough: closedThrough, isDead: { windows.number(of: $0.periodEnd - 1) <= closedThrough }) {
            needsSweep = false
        }
    }

    func ruleHash(_ entry: HitEntry) -> UInt64 { ruleNames.hashes[Int(entry.rule)] }

    /// Adds a mark, with its entry in the digest.
    mutating func addHit(_ entry: HitEntry, to record: UInt32) {
        let account = accounts.head(record).pointee.hash
        accounts.addHit(entry, to: record)
        buckets.add(entry.digest(account: account, ruleHash: ruleHash(entry)), to: retention(ofPeriodEnding: entry.periodEnd))
    }

    /// Replaces a mark, with its entry in the digest.
    mutating func update(hit number: UInt32, of record: UInt32, from old: HitEntry, to new: HitEntry) {
        let account = accounts.head(record).pointee.hash
        let hash = ruleHash(old)
        accounts.update(hit: number, new)
        buckets.add(new.digest(account: account, ruleHash: hash) &- old.digest(account: account, ruleHash: hash), to: retention(ofPeriodEnding: old.periodEnd))
    }

    // MARK: Snapshots

    /// A read-only view of the state as it is now, for another thread; the state stays usable. One at a time: `snapshotEnded` ends it.
    package mutating func snapshot() -> PartitionSnapshot {
        arena.beginSnapshot()
        return PartitionSnapshot(
            arena: arena, accounts: accounts.share(), buckets: buckets.share(), ruleIDs: ruleNames.ids, ruleHashes: ruleNames.hashes,
            streamTime: streamTime, closedThrough: closedThrough, totals: totals, digest: digest, windowSize: windows.size)
    }

    /// The reader of the last snapshot is done.
    package mutating func snapshotEnded() {
        accounts.snapshotEnded()
        buckets.snapshotEnded()
        arena.endSnapshot()
    }

    package var isSnapshotActive: Bool { arena.isSnapshotActive }
}

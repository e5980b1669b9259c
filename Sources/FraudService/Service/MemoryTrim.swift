import CLinux

/// Gives back the memory that a backlog needed and the live stream does not: the allocator would keep the room of full queues for ever.
///
/// Looked after a few times per second, by one thread that may wait.
struct MemoryTrim {
    /// Records between the positions and the ends of the partitions: more is a backlog, far fewer is none.
    private static let backlog: Int64 = 50_000
    private static let live: Int64 = 5_000
    /// Looks in a row that must find it over.
    private static let patience = 5

    private var isBehind = true
    private var liveCount = 0

    /// Whether a backlog has been over for a while; true once per backlog. The start counts as one: it may have replayed.
    mutating func isDue(lag: Int64) -> Bool {
        if lag >= Self.backlog { isBehind = true }
        liveCount = lag < Self.live ? liveCount + 1 : 0
        guard isBehind, liveCount == Self.patience else { return false }
        isBehind = false
        return true
    }

    static func trim() { tripline_trim_memory() }
}

/// How far a drain is, as the workers' boards tell it.
struct DrainProgress: Equatable {
    struct Part: Equatable {
        /// The next record to read.
        var next: Int64
        /// Offsets before the end that are not read and committed; nil: it is not known yet where the end is.
        var remaining: Int64?
    }

    /// Every worker has its partitions, and all of them are live or refused.
    var isSettled: Bool
    /// These are all partitions of the input: no other instance has any, nor had when it died.
    var isWhole = true
    /// Partitions whose state is being loaded.
    var loadingCount = 0
    /// By partition, of those that are not refused.
    var partitions: [Int32: Part]

    var isDone: Bool { isSettled && partitions.values.allSatisfy { $0.remaining == 0 } }

    /// The same without what is read: payments that come behind the ends are no progress.
    fileprivate var left: DrainProgress {
        var left = self
        left.partitions = partitions.filter { $0.value.remaining != 0 }
        return left
    }

    /// What is not done, for people.
    var leftText: String {
        let unread = left.partitions.sorted { $0.key < $1.key }.map { number, part in
            "partition \(number) " + (part.remaining.map { "is \($0) offsets before its end" } ?? "does not tell where it ends")
        }
        return (unread + (isSettled ? [] : ["not every partition is there and live"])).joined(separator: ", ")
    }
}

/// Tells when a drain has come to its end, or will not.
struct DrainWatch {
    enum Verdict: Equatable {
        case goesOn, isOver
        /// Nothing has changed for `patience`.
        case isStuck
    }

    /// Milliseconds; longer than a transaction of a producer that went away stays open (`transaction.timeout.ms`, 60 s).
    static let patience: Int64 = 120_000

    /// Milliseconds until the partitions of an instance that died are given to others.
    let takeover: Int64
    private var last: DrainProgress?
    private var changedAt: Int64 = 0
    private var doneSince: Int64?

    init(takeover: Int64) { self.takeover = takeover }

    /// - Parameter now: monotonic milliseconds.
    mutating func look(_ progress: DrainProgress, now: Int64) -> Verdict {
        guard progress.isDone else {
            doneSince = nil
            return judge(progress.left, now)
        }
        let since = doneSince ?? now
        doneSince = since
        last = nil
        return progress.isWhole || now - since >= takeover ? .isOver : .goesOn
    }

    private mutating func judge(_ progress: DrainProgress, _ now: Int64) -> Verdict {
        if progress != last {
            last = progress
            changedAt = now
        }
        return now - changedAt < Self.patience ? .goesOn : .isStuck
    }
}

/// Where a worker's partitions end, for a drain, and how far they are read.
struct DrainEnds {
    /// As they were when the partitions were live.
    private var ends: [Int32: Int64] = [:]
    /// Up to where the consumer says that it has read, also behind records that are none: markers of transactions, and what those took back.
    private var read: [Int32: Int64] = [:]

    func isKnown(_ partition: Int32) -> Bool { ends[partition] != nil }

    mutating func note(end: Int64, of partition: Int32) { ends[partition] = end }

    mutating func note(read offset: Int64, of partition: Int32) { read[partition] = offset }

    /// From now on records come from other positions.
    mutating func forgetRead() { read = [:] }

    /// Offsets before the end that are not read and committed; nil: its end is not known yet.
    func remaining(_ partition: Int32, next: Int64, committed: Int64?) -> Int64? {
        guard let end = ends[partition], let committed else { return nil }
        if committed >= end { return 0 }
        return max(next, read[partition] ?? next) >= end ? next - committed : end - committed
    }
}

/// What belongs to one base window and goes with it: the ids seen in it, and the digest of its cells, ids and marks.
struct WindowBucket {
    var number: Int64
    var digest: UInt64 = 0
    /// nil until the window's first payment (a bucket may hold marks only).
    var ids: FingerprintSet?
}

/// The live windows of a partition in ascending order: a few, rarely hundreds.
struct WindowBuckets: ~Copyable {
    private let arena: PageArena
    private(set) var buckets: [WindowBucket] = []
    private var lastIndex = 0

    init(arena: PageArena) { self.arena = arena }

    /// The index of the window's bucket, made if there is none; stays valid until the next call that makes or closes one.
    @inline(__always)
    mutating func index(of number: Int64) -> Int {
        if lastIndex < buckets.count, buckets[lastIndex].number == number { return lastIndex }
        return findOrInsert(number)
    }

    @inline(never)
    private mutating func findOrInsert(_ number: Int64) -> Int {
        var at = buckets.count
        while at > 0, buckets[at - 1].number >= number { at -= 1 }
        if at == buckets.count || buckets[at].number != number { buckets.insert(WindowBucket(number: number), at: at) }
        lastIndex = at
        return at
    }

    @inline(__always)
    mutating func add(_ delta: UInt64, to number: Int64) {
        let at = index(of: number)
        buckets[at].digest &+= delta
    }

    /// Records the id's fingerprint in the window; false: it was there already.
    @inline(__always)
    mutating func insert(_ fingerprint: UInt64, into number: Int64) -> Bool {
        let at = index(of: number)
        if buckets[at].ids == nil { buckets[at].ids = FingerprintSet(arena: arena) }
        guard buckets[at].ids!.insert(fingerprint, arena: arena) else { return false }
        buckets[at].digest &+= Self.entry(ofFingerprint: fingerprint, window: number)
        return true
    }

    @inline(__always)
    static func entry(ofFingerprint fingerprint: UInt64, window: Int64) -> UInt64 {
        Hashing.mix(fingerprint ^ Hashing.k2, UInt64(bitPattern: window) ^ Hashing.k3)
    }

    @inline(__always)
    mutating func prefetch(_ fingerprint: UInt64, in number: Int64) {
        if lastIndex < buckets.count, buckets[lastIndex].number == number { buckets[lastIndex].ids?.prefetch(fingerprint) }
    }

    /// Drops every window up to and including `number`, whole.
    @inline(never)
    mutating func close(through number: Int64) {
        var closed = 0
        while closed < buckets.count, buckets[closed].number <= number {
            buckets[closed].ids?.release(to: arena)
            closed += 1
        }
        if closed > 0 { buckets.removeFirst(closed) }
        lastIndex = max(0, min(lastIndex - closed, buckets.count - 1))
    }

    var lowest: Int64? { buckets.first?.number }

    var digest: UInt64 { buckets.reduce(0) { $0 &+ $1.digest } }

    func share() -> [(number: Int64, digest: UInt64, ids: [FingerprintSet.Part])] {
        buckets.map { ($0.number, $0.digest, $0.ids?.share() ?? []) }
    }

    func snapshotEnded() {
        for bucket in buckets { bucket.ids?.snapshotEnded() }
    }
}

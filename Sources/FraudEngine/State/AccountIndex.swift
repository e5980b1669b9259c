import CLinux

/// From an account's hash to its record: open addressing in 256 parts that grow one by one (one doubling of a single table of 5 million
/// accounts would stop the worker for half a second). Entries keep 32 bits of the hash, so that growing never reads a record.
struct AccountIndex: ~Copyable {
    private struct Part {
        var entries: UnsafeMutablePointer<UInt64>
        var mask: UInt32
        var count: UInt32
    }

    private static let partCount = 256
    private let parts: UnsafeMutablePointer<Part>
    private(set) var byteCount = 0

    init() {
        parts = .allocate(capacity: Self.partCount)
        for index in 0..<Self.partCount {
            let entries = UnsafeMutablePointer<UInt64>.allocate(capacity: 16)
            entries.initialize(repeating: 0, count: 16)
            parts[index] = Part(entries: entries, mask: 15, count: 0)
        }
        byteCount = Self.partCount * 16 * 8
    }

    deinit {
        for index in 0..<Self.partCount { parts[index].entries.deallocate() }
        parts.deallocate()
    }

    @inline(__always)
    private static func tag(_ hash: UInt64) -> UInt64 { UInt64(UInt32(truncatingIfNeeded: hash)) }

    @inline(__always)
    func prefetch(_ hash: UInt64) {
        let part = parts + Int(hash >> 56)
        tripline_prefetch(part.pointee.entries + Int(UInt32(truncatingIfNeeded: hash) & part.pointee.mask))
    }

    /// The first record whose 32 bits match, or 0; the caller compares the key and goes on with `next`.
    @inline(__always)
    func first(_ hash: UInt64) -> UInt32 {
        let part = parts + Int(hash >> 56)
        var at = UInt32(truncatingIfNeeded: hash) & part.pointee.mask
        let tag = Self.tag(hash)
        while true {
            let entry = part.pointee.entries[Int(at)]
            if entry == 0 { return 0 }
            if entry & 0xffff_ffff == tag { return UInt32(truncatingIfNeeded: entry >> 32) }
            at = (at &+ 1) & part.pointee.mask
        }
    }

    /// The record for which `isMatch` holds among those with the same 32 bits, or 0.
    @inline(__always)
    func find(_ hash: UInt64, where isMatch: (UInt32) -> Bool) -> UInt32 {
        let part = parts + Int(hash >> 56)
        var at = UInt32(truncatingIfNeeded: hash) & part.pointee.mask
        let tag = Self.tag(hash)
        while true {
            let entry = part.pointee.entries[Int(at)]
            if entry == 0 { return 0 }
            if entry & 0xffff_ffff == tag {
                let record = UInt32(truncatingIfNeeded: entry >> 32)
                if isMatch(record) { return record }
            }
            at = (at &+ 1) & part.pointee.mask
        }
    }

    mutating func insert(_ hash: UInt64, record: UInt32) {
        let part = parts + Int(hash >> 56)
        if part.pointee.count &* 10 >= part.pointee.mask &* 7 { grow(part) }
        Self.place(Self.tag(hash) | UInt64(record) << 32, in: part.pointee.entries, mask: part.pointee.mask)
        part.pointee.count += 1
    }

    @inline(__always)
    private static func place(_ entry: UInt64, in entries: UnsafeMutablePointer<UInt64>, mask: UInt32) {
        var at = UInt32(truncatingIfNeeded: entry) & mask
        while entries[Int(at)] != 0 { at = (at &+ 1) & mask }
        entries[Int(at)] = entry
    }

    @inline(never)
    private mutating func grow(_ part: UnsafeMutablePointer<Part>) {
        let old = part.pointee
        let capacity = Int(old.mask + 1) * 2
        let entries = UnsafeMutablePointer<UInt64>.allocate(capacity: capacity)
        entries.initialize(repeating: 0, count: capacity)
        for index in 0...Int(old.mask) where old.entries[index] != 0 {
            Self.place(old.entries[index], in: entries, mask: UInt32(capacity - 1))
        }
        old.entries.deallocate()
        part.pointee = Part(entries: entries, mask: UInt32(capacity - 1), count: old.count)
        byteCount += capacity / 2 * 8
    }

    /// Takes the record out, closing the gap behind it (no tombstones).
    mutating func remove(_ hash: UInt64, record: UInt32) {
        let part = parts + Int(hash >> 56)
        let mask = part.pointee.mask
        let entries = part.pointee.entries
        let wanted = Self.tag(hash) | UInt64(record) << 32
        var at = UInt32(truncatingIfNeeded: hash) & mask
        while entries[Int(at)] != wanted {
            precondition(entries[Int(at)] != 0, "the record is in the index")
            at = (at &+ 1) & mask
        }
        var gap = at
        var next = (at &+ 1) & mask
        while entries[Int(next)] != 0 {
            let home = UInt32(truncatingIfNeeded: entries[Int(next)]) & mask
            if ((next &- home) & mask) >= ((next &- gap) & mask) {
                entries[Int(gap)] = entries[Int(next)]
                gap = next
            }
            next = (next &+ 1) & mask
        }
        entries[Int(gap)] = 0
        part.pointee.count -= 1
    }
}

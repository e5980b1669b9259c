/// A set of byte strings, built once: open addressing, linear probing, load of at most a half.
///
/// Strings of up to seven bytes are kept as their packed number, longer ones by hash and bytes. Immutable after `init`.
final class ByteSet {
    private struct Long {
        var hash: UInt64
        var offset: Int
        var count: Int
    }

    private let shorts: UnsafeMutablePointer<UInt64>
    private let shortMask: Int
    private let longs: UnsafeMutablePointer<Long>
    private let longMask: Int
    private let bytes: UnsafeMutableRawPointer

    /// No packed string has this value: its length byte is out of use.
    private static let emptyShort: UInt64 = 8

    init(_ entries: [String]) {
        let longEntries = entries.filter { $0.utf8.count > PackedString.shortLimit }
        let shortCapacity = Self.capacity(for: entries.count - longEntries.count)
        let longCapacity = Self.capacity(for: longEntries.count)
        shortMask = shortCapacity - 1
        longMask = longCapacity - 1
        shorts = .allocate(capacity: shortCapacity)
        shorts.initialize(repeating: Self.emptyShort, count: shortCapacity)
        longs = .allocate(capacity: longCapacity)
        longs.initialize(repeating: Long(hash: 0, offset: -1, count: 0), count: longCapacity)
        bytes = .allocate(byteCount: max(1, longEntries.reduce(0) { $0 + $1.utf8.count }), alignment: 1)
        var used = 0
        for var entry in entries {
            entry.withUTF8 { insert(ByteSlice(UnsafeRawBufferPointer($0)), used: &used) }
        }
    }

    deinit {
        shorts.deallocate()
        longs.deallocate()
        bytes.deallocate()
    }

    /// A power of two of at least twice `count`.
    private static func capacity(for count: Int) -> Int {
        var capacity = 4
        while capacity < count * 2 { capacity *= 2 }
        return capacity
    }

    private func insert(_ entry: ByteSlice, used: inout Int) {
        guard !contains(entry, packed: PackedString.pack(entry)) else { return }
        if entry.count <= PackedString.shortLimit {
            let packed = PackedString.pack(entry)
            var at = Self.place(packed) & shortMask
            while shorts[at] != Self.emptyShort { at = (at + 1) & shortMask }
            shorts[at] = packed
        } else {
            let hash = Hashing.hash(entry)
            var at = Int(truncatingIfNeeded: hash) & longMask
            while longs[at].offset >= 0 { at = (at + 1) & longMask }
            (bytes + used).copyMemory(from: entry.start, byteCount: entry.count)
            longs[at] = Long(hash: hash, offset: used, count: entry.count)
            used += entry.count
        }
    }

    @inline(__always)
    private static func place(_ packed: UInt64) -> Int { Int(truncatingIfNeeded: (packed &* 0x9E37_79B9_7F4A_7C15) >> 32) }

    /// `packed` is what `PackedString.pack` makes of `slice`; the bytes are read only if it is long.
    @inline(__always)
    func contains(_ slice: ByteSlice, packed: UInt64) -> Bool {
        if PackedString.isLong(packed) { return containsLong(slice) }
        var at = Self.place(packed) & shortMask
        while shorts[at] != Self.emptyShort {
            if shorts[at] == packed { return true }
            at = (at + 1) & shortMask
        }
        return false
    }

    private func containsLong(_ slice: ByteSlice) -> Bool {
        let hash = Hashing.hash(slice)
        var at = Int(truncatingIfNeeded: hash) & longMask
        while longs[at].offset >= 0 {
            if longs[at].hash == hash, ByteSlice(start: bytes + longs[at].offset, count: longs[at].count).isEqual(to: slice) { return true }
            at = (at + 1) & longMask
        }
        return false
    }
}

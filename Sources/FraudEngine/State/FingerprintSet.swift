import CLinux

/// The 64-bit fingerprints of one window's payments: open addressing in 256 parts that grow one by one, so that no growth stops the worker for long.
///
/// A handle: its owner (`WindowBuckets`) releases the memory. Copies made for a snapshot share the parts until they change.
struct FingerprintSet {
    struct Part {
        var slots: UnsafeMutablePointer<UInt64>
        var capacity: UInt32
        var count: UInt32
        var isShared: Bool
    }

    static let partCount = 256
    /// The parts, in one block of the arena.
    private(set) var parts: UnsafeMutablePointer<Part>

    init(arena: PageArena) {
        let block = arena.allocate(byteCount: Self.partCount * MemoryLayout<Part>.stride)
        parts = block.bindMemory(to: Part.self, capacity: Self.partCount)
    }

    @inline(__always)
    func prefetch(_ fingerprint: UInt64) {
        let part = parts + Int(fingerprint >> 56)
        if part.pointee.capacity > 0 {
            tripline_prefetch(part.pointee.slots + Int(UInt32(truncatingIfNeeded: fingerprint) & (part.pointee.capacity - 1)))
        }
    }

    /// Adds the fingerprint (never 0); false: it was there already.
    @inline(__always)
    mutating func insert(_ fingerprint: UInt64, arena: PageArena) -> Bool {
        let part = parts + Int(fingerprint >> 56)
        if part.pointee.count &* 4 >= part.pointee.capacity &* 3 { Self.grow(part, arena: arena) }
        let mask = part.pointee.capacity - 1
        var at = UInt32(truncatingIfNeeded: fingerprint) & mask
        while true {
            let slot = part.pointee.slots[Int(at)]
            if slot == fingerprint { return false }
            if slot == 0 { break }
            at = (at &+ 1) & mask
        }
        if part.pointee.isShared { Self.detach(part, arena: arena) }
        part.pointee.slots[Int(at)] = fingerprint
        part.pointee.count += 1
        return true
    }

    @inline(never)
    private static func grow(_ part: UnsafeMutablePointer<Part>, arena: PageArena) {
        let old = part.pointee
        let capacity = max(16, old.capacity * 2)
        let block = arena.allocate(byteCount: Int(capacity) * 8)
        let slots = block.bindMemory(to: UInt64.self, capacity: Int(capacity))
        let mask = capacity - 1
        for index in 0..<Int(old.capacity) {
            let fingerprint = old.slots[index]
            if fingerprint == 0 { continue }
            var at = UInt32(truncatingIfNeeded: fingerprint) & mask
            while slots[Int(at)] != 0 { at = (at &+ 1) & mask }
            slots[Int(at)] = fingerprint
        }
        if old.capacity > 0 { arena.release(UnsafeMutableRawPointer(old.slots)) }
        part.pointee = Part(slots: slots, capacity: capacity, count: old.count, isShared: false)
    }

    @inline(never)
    private static func detach(_ part: UnsafeMutablePointer<Part>, arena: PageArena) {
        let byteCount = Int(part.pointee.capacity) * 8
        let copy = arena.allocate(byteCount: byteCount, isZeroed: false)
        copy.copyMemory(from: part.pointee.slots, byteCount: byteCount)
        arena.release(UnsafeMutableRawPointer(part.pointee.slots))
        part.pointee.slots = copy.bindMemory(to: UInt64.self, capacity: Int(part.pointee.capacity))
        part.pointee.isShared = false
    }

    func release(to arena: PageArena) {
        for index in 0..<Self.partCount where parts[index].capacity > 0 {
            arena.release(UnsafeMutableRawPointer(parts[index].slots))
        }
        arena.release(UnsafeMutableRawPointer(parts))
    }

    /// The parts as they are now, for a snapshot.
    func share() -> [Part] {
        for index in 0..<Self.partCount { parts[index].isShared = parts[index].capacity > 0 }
        return Array(UnsafeBufferPointer(start: parts, count: Self.partCount))
    }

    func snapshotEnded() {
        for index in 0..<Self.partCount { parts[index].isShared = false }
    }
}

/// Owns the memory of one partition's state: a snapshot keeps it alive after the worker has dropped the state itself.
///
/// Blocks released while a snapshot reads them are kept until the snapshot ends. Mutated by the worker's thread only. All blocks hang in a list
/// through a header of their own, so that neither taking nor giving one back depends on how many there are.
final class PageArena {
    /// Stands before each block.
    private struct Header {
        var previous: UnsafeMutableRawPointer?
        var next: UnsafeMutableRawPointer?
        var byteCount: Int
    }

    /// A cache line: blocks are aligned to it.
    private static let headerBytes = 64

    private var first: UnsafeMutableRawPointer?
    private var deferred: [UnsafeMutableRawPointer] = []
    /// Of all blocks in use, their headers not counted.
    private(set) var byteCount = 0
    private(set) var isSnapshotActive = false

    deinit {
        for block in deferred { Self.base(block).deallocate() }
        var block = first
        while let this = block {
            block = Self.header(this).pointee.next
            Self.base(this).deallocate()
        }
    }

    private static func base(_ block: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer { block - headerBytes }

    private static func header(_ block: UnsafeMutableRawPointer) -> UnsafeMutablePointer<Header> {
        base(block).assumingMemoryBound(to: Header.self)
    }

    /// A block aligned to 64 bytes.
    ///
    /// - Parameter isZeroed: false where the caller writes all of it at once.
    func allocate(byteCount: Int, isZeroed: Bool = true) -> UnsafeMutableRawPointer {
        let base = UnsafeMutableRawPointer.allocate(byteCount: Self.headerBytes + byteCount, alignment: Self.headerBytes)
        let block = base + Self.headerBytes
        base.initializeMemory(as: Header.self, to: Header(previous: nil, next: first, byteCount: byteCount))
        if let first { Self.header(first).pointee.previous = block }
        first = block
        if isZeroed { block.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount) }
        self.byteCount += byteCount
        return block
    }

    /// Gives back a block of this arena; once.
    func release(_ block: UnsafeMutableRawPointer) {
        let header = Self.header(block).pointee
        if let previous = header.previous { Self.header(previous).pointee.next = header.next } else { first = header.next }
        if let next = header.next { Self.header(next).pointee.previous = header.previous }
        byteCount -= header.byteCount
        if isSnapshotActive { deferred.append(block) } else { Self.base(block).deallocate() }
    }

    func beginSnapshot() {
        precondition(!isSnapshotActive, "one snapshot at a time")
        isSnapshotActive = true
    }

    func endSnapshot() {
        isSnapshotActive = false
        for block in deferred { Self.base(block).deallocate() }
        deferred.removeAll()
    }
}

/// Owns the memory of one partition's state: a snapshot keeps it alive after the worker has dropped the state itself.
///
/// Blocks released while a snapshot reads them are kept until the snapshot ends. Mutated by the worker's thread only.
final class PageArena {
    private var blocks: Set<UnsafeMutableRawPointer> = []
    private var deferred: [UnsafeMutableRawPointer] = []
    private(set) var byteCount = 0
    private var sizes: [UnsafeMutableRawPointer: Int] = [:]
    private(set) var isSnapshotActive = false

    deinit {
        for block in blocks { block.deallocate() }
        for block in deferred { block.deallocate() }
    }

    /// A zeroed block, aligned to 64 bytes.
    func allocate(byteCount: Int) -> UnsafeMutableRawPointer {
        let block = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: 64)
        block.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
        blocks.insert(block)
        sizes[block] = byteCount
        self.byteCount += byteCount
        return block
    }

    func release(_ block: UnsafeMutableRawPointer) {
        precondition(blocks.remove(block) != nil, "a block is released once, by its owner")
        byteCount -= sizes.removeValue(forKey: block) ?? 0
        if isSnapshotActive { deferred.append(block) } else { block.deallocate() }
    }

    func beginSnapshot() {
        precondition(!isSnapshotActive, "one snapshot at a time")
        isSnapshotActive = true
    }

    func endSnapshot() {
        isSnapshotActive = false
        for block in deferred { block.deallocate() }
        deferred.removeAll()
    }
}

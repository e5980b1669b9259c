/// Room for unescaped strings that stays where it is: chunks are kept and used again, never moved. Owned by one decoder.
struct PaymentScratch: ~Copyable {
    private static let chunkSize = 65_536

    private struct Chunk {
        var start: UnsafeMutableRawPointer
        var size: Int
    }

    private var chunks: [Chunk] = []
    private var current = 0
    private var used = 0

    init() { chunks.reserveCapacity(64) }

    deinit {
        for chunk in chunks { chunk.start.deallocate() }
    }

    /// Everything handed out may be overwritten from here on.
    mutating func removeAll() {
        current = 0
        used = 0
    }

    /// Room for `count` bytes, valid until `removeAll`. Allocates only what no earlier run has needed.
    mutating func allocate(_ count: Int) -> UnsafeMutableRawPointer {
        while current < chunks.count {
            let chunk = chunks[current]
            if chunk.size - used >= count {
                defer { used += count }
                return chunk.start + used
            }
            current += 1
            used = 0
        }
        let size = max(Self.chunkSize, count)
        chunks.append(Chunk(start: .allocate(byteCount: size, alignment: 16), size: size))
        used = count
        return chunks[current].start
    }

    /// Takes back the end of the last allocation.
    mutating func giveBack(_ count: Int) { used -= count }
}

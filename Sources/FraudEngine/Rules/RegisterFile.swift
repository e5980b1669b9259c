/// The registers of a rule program: columns of 64 rows, each with a mask of the rows in error. Allocated once; one owner, one thread.
struct RegisterFile: ~Copyable {
    static let rows = PaymentBatch.capacity

    /// By `register * 64 + row`.
    let integers: UnsafeMutablePointer<Int64>
    let doubles: UnsafeMutablePointer<Double>
    let packed: UnsafeMutablePointer<UInt64>
    let slices: UnsafeMutablePointer<ByteSlice>
    /// By register: bit r is set if row r is in error.
    let integerErrors: UnsafeMutablePointer<UInt64>
    let doubleErrors: UnsafeMutablePointer<UInt64>
    let stringErrors: UnsafeMutablePointer<UInt64>
    /// By mask register; a row is never in both.
    let truths: UnsafeMutablePointer<UInt64>
    let errors: UnsafeMutablePointer<UInt64>
    let lives: UnsafeMutablePointer<UInt64>
    /// What concatenations made in this run.
    var arena = ByteArena()

    init(_ counts: RegisterCounts) {
        integers = Self.allocate(counts.integers * Self.rows, 0)
        doubles = Self.allocate(counts.doubles * Self.rows, 0)
        packed = Self.allocate(counts.strings * Self.rows, 0)
        slices = Self.allocate(counts.strings * Self.rows, .empty)
        integerErrors = Self.allocate(counts.integers, 0)
        doubleErrors = Self.allocate(counts.doubles, 0)
        stringErrors = Self.allocate(counts.strings, 0)
        truths = Self.allocate(counts.masks, 0)
        errors = Self.allocate(counts.masks, 0)
        lives = Self.allocate(counts.lives, 0)
    }

    deinit {
        integers.deallocate()
        doubles.deallocate()
        packed.deallocate()
        slices.deallocate()
        integerErrors.deallocate()
        doubleErrors.deallocate()
        stringErrors.deallocate()
        truths.deallocate()
        errors.deallocate()
        lives.deallocate()
    }

    private static func allocate<T>(_ count: Int, _ value: T) -> UnsafeMutablePointer<T> {
        let start = UnsafeMutablePointer<T>.allocate(capacity: max(1, count))
        start.initialize(repeating: value, count: max(1, count))
        return start
    }

    @inline(__always)
    func integers(_ register: Int) -> UnsafeMutablePointer<Int64> { integers + register * Self.rows }

    @inline(__always)
    func doubles(_ register: Int) -> UnsafeMutablePointer<Double> { doubles + register * Self.rows }

    @inline(__always)
    func packed(_ register: Int) -> UnsafeMutablePointer<UInt64> { packed + register * Self.rows }

    @inline(__always)
    func slices(_ register: Int) -> UnsafeMutablePointer<ByteSlice> { slices + register * Self.rows }

    /// Sets a mask register; a row in error is not true.
    @inline(__always)
    func set(_ register: Int, truth: UInt64, error: UInt64) {
        truths[register] = truth & ~error
        errors[register] = error
    }
}

/// Memory for strings that live until the end of a run; keeps its chunks, so that nothing is allocated at the working size.
struct ByteArena: ~Copyable {
    private static let chunkSize = 64 * 1024
    private var chunks: [UnsafeMutableRawPointer] = []
    private var sizes: [Int] = []
    private var chunk = 0
    private var used = 0

    init() {}

    deinit {
        for chunk in chunks { chunk.deallocate() }
    }

    /// Forgets everything handed out.
    mutating func removeAll() {
        chunk = 0
        used = 0
    }

    /// Uninitialised memory, valid until `removeAll`.
    mutating func take(_ count: Int) -> UnsafeMutableRawPointer {
        while chunk < chunks.count {
            if used + count <= sizes[chunk] {
                used += count
                return chunks[chunk] + (used - count)
            }
            chunk += 1
            used = 0
        }
        let size = max(Self.chunkSize, count)
        chunks.append(.allocate(byteCount: size, alignment: 16))
        sizes.append(size)
        used = count
        return chunks[chunk]
    }
}

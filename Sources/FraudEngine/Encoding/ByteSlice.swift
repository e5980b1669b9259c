#if canImport(Glibc)
import Glibc
#endif

/// Bytes that somebody else owns: valid only as long as their owner says (mostly: until the run of records is finished).
package struct ByteSlice {
    package var start: UnsafeRawPointer
    package var count: Int

    package init(start: UnsafeRawPointer, count: Int) {
        self.start = start
        self.count = count
    }

    package init(_ buffer: UnsafeRawBufferPointer) {
        self.init(start: buffer.baseAddress ?? ByteSlice.empty.start, count: buffer.count)
    }

    /// No bytes, at an address that may be read from never.
    package static let empty = ByteSlice(start: UnsafeRawPointer(bitPattern: 8)!, count: 0)

    package var buffer: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: count) }

    package func isEqual(to other: ByteSlice) -> Bool {
        count == other.count && memcmp(start, other.start, count) == 0
    }

    package var array: [UInt8] { Array(buffer) }
}

extension ByteSlice: @unchecked Sendable {}  // A pair of plain numbers; whoever dereferences it must hold the owner.

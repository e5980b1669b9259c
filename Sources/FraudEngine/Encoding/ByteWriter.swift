/// A growable buffer of raw bytes that keeps its storage between uses.
///
/// Appending is amortised O(1); nothing is allocated once the buffer has reached its working size. Not thread-safe: one owner.
package struct ByteWriter: ~Copyable {
    package private(set) var bytes: UnsafeMutablePointer<UInt8>
    package private(set) var count = 0
    private var capacity: Int

    package init(capacity: Int = 4096) {
        self.capacity = max(capacity, 64)
        bytes = .allocate(capacity: self.capacity)
    }

    deinit { bytes.deallocate() }

    package mutating func removeAll() { count = 0 }

    /// Cuts the buffer back to `count` bytes; traps if it is shorter.
    package mutating func truncate(to count: Int) {
        precondition(count <= self.count)
        self.count = count
    }

    /// Makes room for `more` bytes behind the end.
    package mutating func reserve(_ more: Int) {
        guard count + more > capacity else { return }
        capacity = max(capacity * 2, count + more)
        let grown = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
        grown.update(from: bytes, count: count)
        bytes.deallocate()
        bytes = grown
    }

    package mutating func append(_ byte: UInt8) {
        reserve(1)
        bytes[count] = byte
        count += 1
    }

    package mutating func append(_ start: UnsafeRawPointer, count added: Int) {
        guard added > 0 else { return }
        reserve(added)
        UnsafeMutableRawPointer(bytes + count).copyMemory(from: start, byteCount: added)
        count += added
    }

    /// Hands out room behind the end; the body says how many of its bytes it has filled.
    mutating func append<R>(atMost more: Int, _ body: (UnsafeMutableRawBufferPointer) -> (filled: Int, result: R)) -> R {
        reserve(more)
        let (filled, result) = body(UnsafeMutableRawBufferPointer(start: bytes + count, count: more))
        count += filled
        return result
    }

    package mutating func append(_ slice: ByteSlice) { append(slice.start, count: slice.count) }

    package mutating func append(_ buffer: UnsafeRawBufferPointer) {
        if let start = buffer.baseAddress { append(start, count: buffer.count) }
    }

    package mutating func append(_ array: [UInt8]) {
        array.withUnsafeBytes { append($0) }
    }

    package mutating func append(_ text: StaticString) { append(text.utf8Start, count: text.utf8CodeUnitCount) }

    package mutating func append(utf8 text: String) {
        var text = text
        text.withUTF8 { append(UnsafeRawBufferPointer($0)) }
    }

    /// The integer in decimal.
    package mutating func append(decimal value: Int64) {
        if value < 0 { append(UInt8(ascii: "-")) }
        append(decimal: value.magnitude)
    }

    package mutating func append(decimal value: UInt64) {
        reserve(20)
        var rest = value
        var digits = 1
        var bound: UInt64 = 10
        while digits < 20, rest >= bound {
            digits += 1
            bound = bound.multipliedReportingOverflow(by: 10).partialValue
            if digits == 20 { break }
        }
        var at = count + digits - 1
        for _ in 0..<digits {
            bytes[at] = UInt8(ascii: "0") + UInt8(rest % 10)
            rest /= 10
            at -= 1
        }
        count += digits
    }

    /// The integer in decimal, with zeros in front up to `width` digits.
    package mutating func append(decimal value: Int64, width: Int) {
        var bound: Int64 = 1
        for _ in 1..<width { bound *= 10 }
        while bound > 1, value < bound {
            append(UInt8(ascii: "0"))
            bound /= 10
        }
        append(decimal: value)
    }

    /// 16 lower-case hexadecimal digits.
    package mutating func append(hexadecimal value: UInt64) {
        for shift in stride(from: 60, through: 0, by: -4) {
            let digit = UInt8(truncatingIfNeeded: (value >> UInt64(shift)) & 15)
            append(digit < 10 ? digit + 48 : digit + 87)
        }
    }

    /// The bytes so far, valid until the next mutation.
    package func withBytes<R: ~Copyable>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
        body(UnsafeRawBufferPointer(start: bytes, count: count))
    }

    package func array() -> [UInt8] { Array(UnsafeBufferPointer(start: bytes, count: count)) }
}

#if canImport(Glibc)
import Glibc
#endif

/// Numbers from their text, exactly: no double stands between the digits and an amount.
enum DecimalText {
    enum Outcome: Equatable {
        case value(Int64)
        /// The number of digits behind the point, trailing zeros not counted, which is more than allowed.
        case tooManyDigits(Int)
        /// Beyond Int64.
        case outOfRange
        case notANumber
    }

    /// The number times 10 to the power of `places`: sign, digits, an optional fraction and exponent; a plus sign and leading zeros are allowed.
    ///
    /// The work is linear in the text, whatever the exponent.
    @inline(__always)
    static func read(_ text: ByteSlice, places: Int) -> Outcome {
        if places == 0, let value = shortInteger(text) { return .value(value) }
        return readParts(text, places: places)
    }

    /// An integer of up to 18 digits; nil for whatever else there is.
    @inline(__always)
    private static func shortInteger(_ text: ByteSlice) -> Int64? {
        var at = text.start
        let end = at + text.count
        guard at < end else { return nil }
        let negative = at.load(as: UInt8.self) == UInt8(ascii: "-")
        if negative { at += 1 }
        guard at < end, end - at <= 18 else { return nil }
        var value: Int64 = 0
        while at < end {
            let digit = at.load(as: UInt8.self) &- 48
            guard digit < 10 else { return nil }
            value = value &* 10 &+ Int64(digit)
            at += 1
        }
        return negative ? -value : value
    }

    /// A number's text taken apart.
    struct Parts {
        var negative = false
        /// Whole and fraction digits with the point, if any, between them.
        var digits = ByteSlice.empty
        var wholeCount = 0
        /// Cut off at ±10^12, which no text is long enough to make up for.
        var exponent = 0
    }

    static func parts(_ text: ByteSlice) -> Parts? {
        let bytes = text.buffer
        var parts = Parts()
        var at = 0
        if let sign = bytes.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") {
            parts.negative = sign == UInt8(ascii: "-")
            at = 1
        }
        let start = at
        while at < bytes.count, bytes[at] &- 48 < 10 { at += 1 }
        parts.wholeCount = at - start
        guard parts.wholeCount > 0 else { return nil }
        if at < bytes.count, bytes[at] == UInt8(ascii: ".") {
            at += 1
            let fraction = at
            while at < bytes.count, bytes[at] &- 48 < 10 { at += 1 }
            guard at > fraction else { return nil }
        }
        parts.digits = ByteSlice(start: text.start + start, count: at - start)
        guard at < bytes.count else { return parts }
        guard bytes[at] | 0x20 == UInt8(ascii: "e") else { return nil }
        at += 1
        let sign = at < bytes.count ? bytes[at] : 0
        if sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") { at += 1 }
        guard at < bytes.count else { return nil }
        for byte in bytes[at...] {
            guard byte &- 48 < 10 else { return nil }
            if parts.exponent < 1_000_000_000_000 { parts.exponent = parts.exponent * 10 + Int(byte - 48) }
        }
        if sign == UInt8(ascii: "-") { parts.exponent = -parts.exponent }
        return parts
    }

    @inline(never)
    private static func readParts(_ text: ByteSlice, places: Int) -> Outcome {
        guard let parts = parts(text) else { return .notANumber }
        let bytes = parts.digits.buffer
        guard let first = bytes.firstIndex(where: { $0 > 48 }), let last = bytes.lastIndex(where: { $0 > 48 }) else { return .value(0) }
        // Powers of ten of the first and the last digit that is not zero; the point takes one place.
        let point = parts.wholeCount
        let high = point - 1 - (first > point ? first - 1 : first) + parts.exponent
        let low = point - 1 - (last > point ? last - 1 : last) + parts.exponent
        let wholeDigits = high + places + 1
        guard wholeDigits <= 19 else { return .outOfRange }
        var magnitude: UInt64 = 0
        var taken = 0
        var at = first
        while taken < wholeDigits {
            var digit: UInt64 = 0
            if at <= last {
                if at == point { at += 1 }
                digit = UInt64(bytes[at] - 48)
                at += 1
            }
            magnitude = magnitude * 10 + digit
            taken += 1
        }
        guard magnitude <= (parts.negative ? 1 << 63 : 1 << 63 - 1) else { return .outOfRange }
        if low + places < 0 { return .tooManyDigits(-low) }
        return .value(parts.negative ? Int64(truncatingIfNeeded: 0 &- magnitude) : Int64(magnitude))
    }

    /// The double nearest to a JSON number; nil if that is infinite.
    static func double(_ text: ByteSlice, scratch: inout PaymentScratch) -> Double? {
        if let value = shortDouble(text) { return value }
        // The process never sets a locale, so that the point is a point; there is no allocation-free reader of doubles in the standard library.
        let copy = scratch.allocate(text.count + 1)
        copy.copyMemory(from: text.start, byteCount: text.count)
        copy.storeBytes(of: 0, toByteOffset: text.count, as: UInt8.self)
        let value = strtod(copy.assumingMemoryBound(to: CChar.self), nil)
        scratch.giveBack(text.count + 1)
        return value.isFinite ? value : nil
    }

    /// One correctly rounded operation on two exact doubles, where the digits and the power of ten allow it (Clinger 1990).
    private static func shortDouble(_ text: ByteSlice) -> Double? {
        guard text.count <= 24, let parts = parts(text) else { return nil }
        var mantissa: UInt64 = 0
        var count = 0
        for byte in parts.digits.buffer where byte != UInt8(ascii: ".") {
            mantissa = mantissa &* 10 &+ UInt64(byte - 48)
            count += 1
        }
        let power = parts.exponent - (count - parts.wholeCount)
        guard count <= 15, -22...22 ~= power else { return nil }
        let digits = parts.negative ? -Double(mantissa) : Double(mantissa)
        return power < 0 ? digits / powers[-power] : digits * powers[power]
    }

    /// 10^0 to 10^22, all exact. Written once and only read afterwards, so that any thread may; lives as long as the process.
    nonisolated(unsafe) private static let powers: UnsafePointer<Double> = {
        let table = UnsafeMutablePointer<Double>.allocate(capacity: 23)
        var power = 1.0
        for index in 0...22 {
            (table + index).initialize(to: power)
            power *= 10
        }
        return UnsafePointer(table)
    }()
}

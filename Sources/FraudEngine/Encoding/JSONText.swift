#if canImport(Glibc)
import Glibc
#endif

/// JSON text as RFC 8785 writes it.
extension ByteWriter {
    /// A JSON string with its quotes; each maximal ill-formed part of the UTF-8 becomes U+FFFD, so that the output is always valid.
    package mutating func append(jsonString slice: ByteSlice) {
        append(UInt8(ascii: "\""))
        append(escaped: slice)
        append(UInt8(ascii: "\""))
    }

    /// A JSON string with its quotes.
    package mutating func append(jsonString text: String) {
        append(UInt8(ascii: "\""))
        append(escaped: text)
        append(UInt8(ascii: "\""))
    }

    /// The inside of a JSON string, without quotes.
    package mutating func append(escaped text: String) {
        var text = text
        text.withUTF8 { append(escaped: ByteSlice(UnsafeRawBufferPointer($0))) }
    }

    /// The inside of a JSON string, without quotes; ill-formed UTF-8 becomes U+FFFD.
    package mutating func append(escaped slice: ByteSlice) {
        let bytes = slice.buffer
        var start = 0
        var at = 0
        while at < bytes.count {
            let byte = bytes[at]
            if byte < 0x80 {
                if byte >= 0x20, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
                    at += 1
                    continue
                }
                append(slice.start + start, count: at - start)
                append(escape: byte)
                at += 1
            } else {
                let sequence = UTF8Sequence(bytes, at: at)
                if sequence.isWellFormed {
                    at += sequence.length
                    continue
                }
                append(slice.start + start, count: at - start)
                append("\u{FFFD}")
                at += sequence.length
            }
            start = at
        }
        append(slice.start + start, count: at - start)
    }

    private mutating func append(escape byte: UInt8) {
        append(UInt8(ascii: "\\"))
        switch byte {
        case 0x08: append(UInt8(ascii: "b"))
        case 0x09: append(UInt8(ascii: "t"))
        case 0x0A: append(UInt8(ascii: "n"))
        case 0x0C: append(UInt8(ascii: "f"))
        case 0x0D: append(UInt8(ascii: "r"))
        case 0..<0x20:
            append("u00")
            append(byte < 0x10 ? UInt8(ascii: "0") : UInt8(ascii: "1"))
            let digit = byte & 15
            append(digit < 10 ? digit + 48 : digit + 87)
        case _: append(byte)
        }
    }

    /// The number in ECMAScript's shortest form; `null` for what JSON cannot say (NaN and the infinities).
    package mutating func append(jsonNumber value: Double) {
        guard value.isFinite else { return append("null") }
        guard value != 0 else { return append(UInt8(ascii: "0")) }
        if value < 0 { append(UInt8(ascii: "-")) }
        var text = value.magnitude.description
        text.withUTF8 { append(ShortestDecimal(description: UnsafeBufferPointer(rebasing: $0[...]))) }
    }

    /// ECMA-262, Number::toString, steps 6 to 12.
    private mutating func append(_ decimal: ShortestDecimal) {
        let digits = decimal.digits
        let point = decimal.point
        if point > 21 || point <= -6 {
            append(digit: digits, 0..<1)
            if decimal.count > 1 {
                append(UInt8(ascii: "."))
                append(digit: digits, 1..<decimal.count)
            }
            append(UInt8(ascii: "e"))
            append(point > 0 ? UInt8(ascii: "+") : UInt8(ascii: "-"))
            append(decimal: UInt64((point - 1).magnitude))
        } else if point <= 0 {
            append("0.")
            for _ in 0..<(-point) { append(UInt8(ascii: "0")) }
            append(digit: digits, 0..<decimal.count)
        } else if point >= decimal.count {
            append(digit: digits, 0..<decimal.count)
            for _ in decimal.count..<point { append(UInt8(ascii: "0")) }
        } else {
            append(digit: digits, 0..<point)
            append(UInt8(ascii: "."))
            append(digit: digits, point..<decimal.count)
        }
    }

    private mutating func append(digit digits: UInt64, _ range: Range<Int>) {
        for index in range { append(UInt8(ascii: "0") + UInt8(digits / ShortestDecimal.power(16 - index) % 10)) }
    }

    /// The number with exactly `decimals` digits (0 to 30) behind the point, its exact value rounded half to even; zero has no sign.
    /// Not finite: `inf`, `-inf`, `nan`.
    package mutating func append(fixed value: Double, decimals: Int) {
        guard value.isFinite else { return append(value.isNaN ? "nan" : value < 0 ? "-inf" : "inf") }
        let decimals = max(0, min(decimals, 30))
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 400) { buffer in
            let written = withVaList([Int32(decimals), value.magnitude]) { vsnprintf(buffer.baseAddress, buffer.count, "%.*f", $0) }
            let text = UnsafeRawBufferPointer(start: buffer.baseAddress, count: max(0, min(Int(written), buffer.count - 1)))
            if value < 0, text.contains(where: { $0 >= UInt8(ascii: "1") && $0 <= UInt8(ascii: "9") }) { append(UInt8(ascii: "-")) }
            append(text)
        }
    }
}

/// The shortest digits that read back as one double, as the standard library finds them.
private struct ShortestDecimal {
    /// 17 digits, the first in front, zeros behind.
    var digits: UInt64 = 0
    /// How many of the digits matter.
    var count = 0
    /// The value is 0.d1d2d3… times ten to this power.
    var point = 0

    /// Reads `Double.description` of a positive finite number, such as `123.5`, `1e-07` or `1.7976931348623157e+308`.
    init(description text: UnsafeBufferPointer<UInt8>) {
        var seen = 0
        var pointSeen = false
        var exponent = 0
        var at = 0
        while at < text.count, text[at] != UInt8(ascii: "e") {
            if text[at] == UInt8(ascii: ".") {
                pointSeen = true
            } else {
                let digit = UInt64(text[at] - UInt8(ascii: "0"))
                if digit != 0 || seen > 0 {
                    if seen < 17 { digits = digits * 10 + digit }
                    seen += 1
                    if digit != 0 { count = min(seen, 17) }
                    if !pointSeen { point += 1 }
                } else if pointSeen {
                    point -= 1
                }
            }
            at += 1
        }
        if at + 1 < text.count {
            let isNegative = text[at + 1] == UInt8(ascii: "-")
            for byte in text[(at + 1)...] where byte >= UInt8(ascii: "0") { exponent = exponent * 10 + Int(byte - UInt8(ascii: "0")) }
            point += isNegative ? -exponent : exponent
        }
        digits *= Self.power(17 - min(seen, 17))
    }

    static func power(_ exponent: Int) -> UInt64 {
        var power: UInt64 = 1
        for _ in 0..<exponent { power *= 10 }
        return power
    }
}

/// The sequence that starts at a byte of 0x80 or more: well-formed, or the maximal part that U+FFFD replaces (Unicode, table 3-7).
private struct UTF8Sequence {
    var length: Int
    var isWellFormed: Bool

    init(_ bytes: UnsafeRawBufferPointer, at start: Int) {
        let lead = bytes[start]
        let wanted: Int
        var second: ClosedRange<UInt8> = 0x80...0xBF
        switch lead {
        case 0xC2...0xDF: wanted = 2
        case 0xE0: (wanted, second) = (3, 0xA0...0xBF)
        case 0xED: (wanted, second) = (3, 0x80...0x9F)
        case 0xE1...0xEF: wanted = 3
        case 0xF0: (wanted, second) = (4, 0x90...0xBF)
        case 0xF1...0xF3: wanted = 4
        case 0xF4: (wanted, second) = (4, 0x80...0x8F)
        case _: wanted = 1
        }
        length = 1
        while length < wanted, start + length < bytes.count {
            let allowed = length == 1 ? second : 0x80...0xBF
            guard allowed.contains(bytes[start + length]) else { break }
            length += 1
        }
        isWellFormed = wanted > 1 && length == wanted
    }
}

/// Text of alerts: JSON as RFC 8785 writes it, and values as reasons print them.
enum PlainText {
    /// With quotes.
    static func quoted(_ bytes: Bytes) -> String { "\"" + escaped(bytes) + "\"" }

    static func quoted(_ text: String) -> String { quoted(Bytes(text.utf8)) }

    /// Without quotes; what is no UTF-8 becomes U+FFFD.
    static func escaped(_ bytes: Bytes) -> String {
        var text = ""
        for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\u{8}": text += "\\b"
            case "\t": text += "\\t"
            case "\n": text += "\\n"
            case "\u{c}": text += "\\f"
            case "\r": text += "\\r"
            case _ where scalar.value < 0x20: text += "\\u00" + (scalar.value < 0x10 ? "0" : "") + String(scalar.value, radix: 16)
            case _: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }

    /// A value in JSON: `null` for an error and for a double that is not finite.
    static func json(_ value: PlainValue?) -> String {
        switch value {
        case .bool(let value): "\(value)"
        case .int(let value): "\(value)"
        case .double(let value): value.isFinite ? shortest(value) : "null"
        case .string(let value): quoted(value)
        case .timestamp(let value): "\"" + PlainTime.text(value) + "\""
        case .duration(let value): "\"" + duration(value) + "\""
        case nil: "null"
        }
    }

    /// A value within a reason, escaped for JSON.
    static func reason(_ value: PlainValue?, decimals: Int?) -> String {
        switch value {
        case .bool(let value): return "\(value)"
        case .int(let value): return "\(value)" + (decimals.map { $0 > 0 ? "." + String(repeating: "0", count: $0) : "" } ?? "")
        case .double(let value):
            if value.isNaN { return "nan" }
            if value.isInfinite { return value < 0 ? "-inf" : "inf" }
            return decimals.map { fixed(value, $0) } ?? shortest(value)
        case .string(let value): return escaped(value)
        case .timestamp(let value): return PlainTime.text(value)
        case .duration(let value): return duration(value)
        case nil: return "–"
        }
    }

    /// Largest unit first: `1h30m`, `-45s`, `1s500ms`, `0s`.
    static func duration(_ nanoseconds: Int64) -> String {
        if nanoseconds == 0 { return "0s" }
        var rest = nanoseconds.magnitude
        var text = nanoseconds < 0 ? "-" : ""
        for (name, length) in [("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000), ("ns", 1)] {
            let count = rest / UInt64(length)
            rest %= UInt64(length)
            if count > 0 { text += "\(count)\(name)" }
        }
        return text
    }

    // MARK: Doubles

    /// ECMA-262, Number::toString: the shortest digits that read back as the same double.
    static func shortest(_ value: Double) -> String {
        if value == 0 { return "0" }
        // The standard library finds the same digits and writes them in its own way: 1e-07, 100.0, 1.5e+20.
        let halves = value.magnitude.description.split(separator: "e")
        let parts = halves[0].split(separator: ".")
        let exponent = halves.count > 1 ? Int(halves[1])! : 0
        let fraction = parts.count > 1 ? String(parts[1]) : ""
        var digits = Array(String(parts[0]) + fraction)
        // The value is 0.d1d2… times ten to this power.
        var point = parts[0].count + exponent
        while digits.first == "0" {
            digits.removeFirst()
            point -= 1
        }
        while digits.last == "0" { digits.removeLast() }
        let sign = value < 0 ? "-" : ""
        let count = digits.count
        if point > 21 || point < -5 {
            let rest = count > 1 ? "." + String(digits[1...]) : ""
            return sign + String(digits[0]) + rest + "e" + (point > 0 ? "+" : "-") + "\(abs(point - 1))"
        }
        if point <= 0 { return sign + "0." + String(repeating: "0", count: -point) + String(digits) }
        if point >= count { return sign + String(digits) + String(repeating: "0", count: point - count) }
        return sign + String(digits[..<point]) + "." + String(digits[point...])
    }

    /// Exactly so many digits behind the point: the exact value rounded half to even; a zero has no sign.
    static func fixed(_ value: Double, _ decimals: Int) -> String {
        // The exact decimal digits: whole, then fraction. A double is a whole number times a power of two.
        var digits = String(UInt64(value.significandBitPattern) | (value.isNormal ? 1 << 52 : 0)).map { Int($0.wholeNumberValue!) }
        let power = Int(value.exponentBitPattern) - 1075 + (value.isNormal ? 0 : 1)
        for _ in 0..<max(0, power) { digits = multiplied(digits, by: 2) }
        // Divided by two: times five, and the point one place to the left.
        for _ in 0..<max(0, -power) { digits = multiplied(digits, by: 5) }
        let fractionCount = max(0, -power)
        digits = [Int](repeating: 0, count: max(0, fractionCount + 1 - digits.count)) + digits
        digits += [Int](repeating: 0, count: max(0, decimals - fractionCount))
        var kept = digits.count - max(0, fractionCount - decimals)
        let dropped = digits[kept...]
        if let first = dropped.first, first > 5 || first == 5 && (dropped.dropFirst().contains { $0 > 0 } || digits[kept - 1] % 2 == 1) {
            let before = kept
            let raised = increased(Array(digits[..<kept]))
            kept = raised.count
            digits = raised
            precondition(kept - before <= 1)
        }
        let shown = digits[..<kept]
        let text = shown.map { String($0) }.joined()
        let sign = value < 0 && shown.contains { $0 > 0 } ? "-" : ""
        return decimals == 0 ? sign + text : sign + text.dropLast(decimals) + "." + text.suffix(decimals)
    }

    private static func multiplied(_ digits: [Int], by factor: Int) -> [Int] {
        var product: [Int] = []
        var carry = 0
        for digit in digits.reversed() {
            product.append((digit * factor + carry) % 10)
            carry = (digit * factor + carry) / 10
        }
        if carry > 0 { product.append(carry) }
        return product.reversed()
    }

    private static func increased(_ digits: [Int]) -> [Int] {
        var sum = digits
        for index in digits.indices.reversed() {
            guard sum[index] == 9 else {
                sum[index] += 1
                return sum
            }
            sum[index] = 0
        }
        return [1] + sum
    }
}

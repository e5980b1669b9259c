/// Numbers from their text, digit by digit.
enum PlainNumber: Equatable {
    case value(Int64)
    /// So many fraction digits, zeros at the end not counted, are more than allowed.
    case tooManyDigits(Int)
    /// Beyond 64 bits.
    case outOfRange
    case notANumber

    /// The number times ten to the power of `places`, as a whole number of 64 bits.
    static func read(_ text: Bytes, places: Int) -> PlainNumber {
        guard let parts = Parts(text) else { return .notANumber }
        var digits = parts.digits.drop { $0 == 0 }
        // The value is the digits, as one whole number, times ten to this power.
        var power = parts.power
        while digits.last == 0 {
            digits.removeLast()
            power += 1
        }
        if digits.isEmpty { return .value(0) }
        let fractionDigits = -power
        power += places
        let wholeCount = digits.count + power
        guard wholeCount <= 19 else { return .outOfRange }
        var magnitude: UInt64 = 0
        for index in 0..<max(0, wholeCount) {
            let digit = index < digits.count ? digits[digits.startIndex + index] : 0
            magnitude = magnitude * 10 + UInt64(digit)
        }
        let limit = UInt64(Int64.max) + (parts.isNegative ? 1 : 0)
        guard magnitude <= limit else { return .outOfRange }
        if power < 0 { return .tooManyDigits(fractionDigits) }
        return .value(parts.isNegative ? Int64(truncatingIfNeeded: 0 &- magnitude) : Int64(magnitude))
    }

    /// Sign, digits and power of ten of a decimal text.
    private struct Parts {
        var isNegative = false
        /// 0 to 9 each.
        var digits: Bytes = []
        var power = 0

        init?(_ text: Bytes) {
            var rest = text[...]
            if let sign = rest.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") {
                isNegative = sign == UInt8(ascii: "-")
                rest.removeFirst()
            }
            guard let whole = Self.takeDigits(&rest) else { return nil }
            digits = whole
            if rest.first == UInt8(ascii: ".") {
                rest.removeFirst()
                guard let fraction = Self.takeDigits(&rest) else { return nil }
                digits += fraction
                power = -fraction.count
            }
            if rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") {
                rest.removeFirst()
                let sign = rest.first
                if sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") { rest.removeFirst() }
                guard let exponent = Self.takeDigits(&rest) else { return nil }
                // No text is long enough to make up for more.
                let number = exponent.reduce(0) { min(1_000_000_000_000, $0 * 10 + Int($1)) }
                power += sign == UInt8(ascii: "-") ? -number : number
            }
            guard rest.isEmpty else { return nil }
        }

        /// At least one.
        private static func takeDigits(_ rest: inout ArraySlice<UInt8>) -> Bytes? {
            let found = rest.prefix { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }
            rest = rest.dropFirst(found.count)
            return found.isEmpty ? nil : found.map { $0 - UInt8(ascii: "0") }
        }
    }

    /// The double nearest to a JSON number; nil if that is infinite.
    static func double(_ text: Bytes) -> Double? {
        guard let value = Double(String(decoding: text, as: UTF8.self)), value.isFinite else { return nil }
        return value
    }

    /// Minor units in major ones: the double nearest to the exact quotient, by way of its decimal text.
    static func major(_ minor: Int64, digits: Int) -> Double {
        var text = String(minor.magnitude)
        if digits > 0 {
            text = String(repeating: "0", count: max(0, digits + 1 - text.count)) + text
            text.insert(".", at: text.index(text.endIndex, offsetBy: -digits))
        }
        guard let value = Double(minor < 0 ? "-" + text : text) else { preconditionFailure("digits and a point are a number") }
        return value
    }
}

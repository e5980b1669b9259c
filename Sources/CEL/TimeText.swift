/// CEL's text form of a duration: `1h30m`, `-1.5s`, `250ms`.
enum DurationText {
    private static let units: [(name: String, nanoseconds: UInt64)] = [
        ("ms", 1_000_000), ("us", 1_000), ("µs", 1_000), ("μs", 1_000), ("ns", 1), ("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000),
    ]

    /// Nanoseconds; nil for another form or out of Int64's range. Digits beyond a nanosecond are cut off.
    static func parse(_ text: String) -> Int64? {
        var rest = text.utf8[...]
        let isNegative = rest.first == UInt8(ascii: "-")
        if isNegative || rest.first == UInt8(ascii: "+") { rest.removeFirst() }
        if rest.elementsEqual("0".utf8) { return 0 }
        guard !rest.isEmpty else { return nil }
        var total: UInt64 = 0
        while !rest.isEmpty {
            guard let part = component(&rest) else { return nil }
            let (sum, overflow) = total.addingReportingOverflow(part)
            guard !overflow, sum <= 1 << 63 else { return nil }
            total = sum
        }
        if isNegative { return total == 1 << 63 ? .min : -Int64(total) }
        return Int64(exactly: total)
    }

    /// A number and its unit, in nanoseconds.
    private static func component(_ rest: inout Substring.UTF8View) -> UInt64? {
        let whole = digits(&rest)
        var fraction: [UInt8] = []
        if rest.first == UInt8(ascii: ".") {
            rest.removeFirst()
            fraction = digits(&rest)
        }
        guard !(whole.isEmpty && fraction.isEmpty), let unit = units.first(where: { rest.starts(with: $0.name.utf8) }) else { return nil }
        rest = rest.dropFirst(unit.name.utf8.count)
        guard let count = whole.isEmpty ? 0 : UInt64(String(decoding: whole, as: UTF8.self)) else { return nil }
        let (total, overflow) = count.multipliedReportingOverflow(by: unit.nanoseconds)
        let kept = fraction.prefix(18)
        let power = kept.reduce(into: UInt64(1)) { power, _ in power *= 10 }
        let product = unit.nanoseconds.multipliedFullWidth(by: kept.reduce(0) { $0 * 10 + UInt64($1 - 0x30) })
        // The fraction is below 1, so the quotient is below the unit: it can't overflow.
        let (sum, carries) = total.addingReportingOverflow(power.dividingFullWidth(product).quotient)
        return overflow || carries ? nil : sum
    }

    private static func digits(_ rest: inout Substring.UTF8View) -> [UInt8] {
        let run = Array(rest.prefix { (0x30...0x39).contains($0) })
        rest = rest.dropFirst(run.count)
        return run
    }

    /// The hours in a text of days or weeks (`1d`, `2w`): what people write and CEL lacks.
    static func hours(_ text: String) -> Int? {
        guard let unit = text.utf8.last, unit == UInt8(ascii: "d") || unit == UInt8(ascii: "w") else { return nil }
        let number = text.utf8.dropLast()
        guard number.allSatisfy({ (0x30...0x39).contains($0) }), let count = Int(String(decoding: Array(number), as: UTF8.self)) else { return nil }
        let hours = unit == UInt8(ascii: "d") ? 24 : 168
        return count <= 2_500_000 / hours ? count * hours : nil
    }
}

/// RFC 3339's text form of a moment.
enum TimestampText {
    enum Failure: Error {
        case form
        /// More digits than milliseconds.
        case precision
    }

    /// Milliseconds since the epoch at 0001-01-01T00:00:00Z and just before year 10000.
    static let range: ClosedRange<Int64> = -62_135_596_800_000...253_402_300_799_999

    /// Milliseconds since the epoch; `2026-01-31T23:59:59.250Z`, or an offset in place of `Z`.
    static func parse(_ text: String) throws(Failure) -> Int64 {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20,
            let year = number(bytes, 0, 4), let month = number(bytes, 5, 2), let day = number(bytes, 8, 2),
            let hour = number(bytes, 11, 2), let minute = number(bytes, 14, 2), let second = number(bytes, 17, 2),
            bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-"), bytes[10] == UInt8(ascii: "T"),
            bytes[13] == UInt8(ascii: ":"), bytes[16] == UInt8(ascii: ":"),
            year >= 1, (1...12).contains(month), day >= 1, day <= days(in: month, of: year), hour < 24, minute < 60, second < 60
        else { throw .form }
        var offset = 19
        let milliseconds = try fraction(bytes, &offset)
        guard let zone = zone(bytes, offset) else { throw .form }
        let seconds = (daysSinceEpoch(year, month, day) * 24 + hour) * 3600 + minute * 60 + second - zone
        let moment = seconds * 1000 + milliseconds
        guard range.contains(moment) else { throw .form }
        return moment
    }

    private static func number(_ bytes: [UInt8], _ start: Int, _ count: Int) -> Int64? {
        var value: Int64 = 0
        for byte in bytes[start..<start + count] {
            guard (0x30...0x39).contains(byte) else { return nil }
            value = value * 10 + Int64(byte - 0x30)
        }
        return value
    }

    private static func fraction(_ bytes: [UInt8], _ offset: inout Int) throws(Failure) -> Int64 {
        guard bytes[offset] == UInt8(ascii: ".") else { return 0 }
        let digits = bytes[(offset + 1)...].prefix { (0x30...0x39).contains($0) }
        guard (1...9).contains(digits.count) else { throw .form }
        guard digits.dropFirst(3).allSatisfy({ $0 == 0x30 }) else { throw .precision }
        offset += 1 + digits.count
        let padded = Array(digits.prefix(3)) + [0x30, 0x30]
        return padded.prefix(3).reduce(0) { $0 * 10 + Int64($1 - 0x30) }
    }

    /// Seconds east of Greenwich.
    private static func zone(_ bytes: [UInt8], _ offset: Int) -> Int64? {
        let rest = Array(bytes[offset...])
        if rest == [UInt8(ascii: "Z")] { return 0 }
        guard rest.count == 6, rest[3] == UInt8(ascii: ":"), rest[0] == UInt8(ascii: "+") || rest[0] == UInt8(ascii: "-"),
            let hours = number(rest, 1, 2), let minutes = number(rest, 4, 2), hours < 24, minutes < 60
        else { return nil }
        let seconds = hours * 3600 + minutes * 60
        return rest[0] == UInt8(ascii: "-") ? -seconds : seconds
    }

    private static func days(in month: Int64, of year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Days of the proleptic Gregorian calendar.
    private static func daysSinceEpoch(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let y = month <= 2 ? year - 1 : year
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return y * 365 + y / 4 - y / 100 + y / 400 + dayOfYear - 719_468
    }
}

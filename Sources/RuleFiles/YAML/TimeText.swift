/// RFC 3339 times as people write them in files, to the millisecond.
package enum TimeText {
    /// Milliseconds since the epoch; nil if the text is no time, has a leap second or digits beyond milliseconds.
    package static func milliseconds(_ text: String) -> Int64? {
        var scan = Scan(bytes: Array(text.utf8))
        guard let year = scan.number(4), scan.take("-"), let month = scan.number(2), scan.take("-"), let day = scan.number(2), scan.take("Tt"),
            let hour = scan.number(2), scan.take(":"), let minute = scan.number(2), scan.take(":"), let second = scan.number(2),
            let fraction = scan.fraction(), let zone = scan.zone(), scan.isAtEnd,
            (1...12).contains(month), day >= 1, day <= daysInMonth(year, month), hour < 24, minute < 60, second < 60
        else { return nil }
        return ((days(year, month, day) * 24 + hour) * 60 + minute - zone) * 60_000 + second * 1_000 + fraction
    }

    /// The time in UTC with three decimals: `2026-02-02T10:00:00.000Z`; years 0 to 9999.
    package static func text(milliseconds: Int64) -> String {
        let day = floorDivide(milliseconds, 86_400_000)
        let ofDay = milliseconds - day * 86_400_000
        let (year, month, dayOfMonth) = date(day)
        let clock = "\(padded(ofDay / 3_600_000, 2)):\(padded(ofDay / 60_000 % 60, 2)):\(padded(ofDay / 1_000 % 60, 2)).\(padded(ofDay % 1_000, 3))"
        return "\(padded(year, 4))-\(padded(month, 2))-\(padded(dayOfMonth, 2))T\(clock)Z"
    }

    private struct Scan {
        let bytes: [UInt8]
        var at = 0

        var isAtEnd: Bool { at == bytes.count }

        mutating func take(_ any: StaticString) -> Bool {
            guard at < bytes.count else { return false }
            let found = UnsafeBufferPointer(start: any.utf8Start, count: any.utf8CodeUnitCount).contains(bytes[at])
            if found { at += 1 }
            return found
        }

        mutating func number(_ digits: Int) -> Int64? {
            guard at + digits <= bytes.count else { return nil }
            var value: Int64 = 0
            for byte in bytes[at..<at + digits] {
                guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
                value = value * 10 + Int64(byte - UInt8(ascii: "0"))
            }
            at += digits
            return value
        }

        /// Milliseconds; 0 without a fraction.
        mutating func fraction() -> Int64? {
            guard take(".") else { return 0 }
            var (value, scale): (Int64, Int64) = (0, 1_000)
            while let digit = number(1) {
                guard scale > 1 else { return nil }
                value = value * 10 + digit
                scale /= 10
            }
            return scale == 1_000 ? nil : value * scale
        }

        /// Minutes east of UTC.
        mutating func zone() -> Int64? {
            if take("Zz") { return 0 }
            let isWest = at < bytes.count && bytes[at] == UInt8(ascii: "-")
            guard take("+-"), let hours = number(2), take(":"), let minutes = number(2), hours < 24, minutes < 60 else { return nil }
            return (hours * 60 + minutes) * (isWest ? -1 : 1)
        }
    }

    private static func daysInMonth(_ year: Int64, _ month: Int64) -> Int64 {
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        return month == 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
    }

    /// Days since 1970-01-01 in the proleptic Gregorian calendar (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms").
    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let y = month <= 2 ? year - 1 : year
        let era = floorDivide(y, 400)
        let yearOfEra = y - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    /// The inverse of `days`.
    private static func date(_ days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = days + 719_468
        let era = floorDivide(shifted, 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
    }

    private static func floorDivide(_ a: Int64, _ b: Int64) -> Int64 { a >= 0 ? a / b : (a - b + 1) / b }

    private static func padded(_ number: Int64, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }
}

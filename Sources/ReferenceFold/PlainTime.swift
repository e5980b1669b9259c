/// Points in time, milliseconds since the epoch, in the proleptic Gregorian calendar without leap seconds.
enum PlainTime {
    /// 0001-01-01T00:00:00.000Z to 9999-12-31T23:59:59.999Z.
    static let range: ClosedRange<Int64> = -62_135_596_800_000...253_402_300_799_999

    private static let day: Int64 = 86_400_000
    /// Before each month, of a year that is no leap year.
    private static let daysBefore: [Int64] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334]

    private static func isLeap(_ year: Int64) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

    /// Days of a month, 1 to 12.
    private static func length(_ month: Int64, _ year: Int64) -> Int64 {
        if month == 2 { return isLeap(year) ? 29 : 28 }
        return [4, 6, 9, 11].contains(month) ? 30 : 31
    }

    /// Days from 1970-01-01 to the first of January of a year, 0 or later.
    private static func daysBefore(year: Int64) -> Int64 {
        // Leap years below: one in four, but of centuries one in four. Year 0 is a leap year.
        let leaps = year == 0 ? 0 : (year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400 + 1
        return year * 365 + leaps - 719_528
    }

    /// RFC 3339: `T` and `Z` in either case, a fraction of one digit or more (cut after three), `Z` or an offset. nil for anything else and beyond `range`.
    static func read(_ text: Bytes) -> Int64? {
        var rest = text[...]
        func take(_ byte: UInt8...) -> Bool {
            guard let first = rest.first, byte.contains(first) else { return false }
            rest.removeFirst()
            return true
        }
        func number(_ count: Int) -> Int64? {
            let digits = rest.prefix(count)
            guard digits.count == count, digits.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }) else { return nil }
            rest = rest.dropFirst(count)
            return digits.reduce(0) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
        }
        let (dash, colon) = (UInt8(ascii: "-"), UInt8(ascii: ":"))
        guard let year = number(4), take(dash), let month = number(2), take(dash), let date = number(2), take(UInt8(ascii: "T"), UInt8(ascii: "t")),
            let hour = number(2), take(colon), let minute = number(2), take(colon), let second = number(2), 1...12 ~= month,
            1...length(month, year) ~= date, hour < 24, minute < 60, second < 60
        else { return nil }
        var fraction: Int64 = 0
        if take(UInt8(ascii: ".")) {
            let digits = rest.prefix { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }
            if digits.isEmpty { return nil }
            rest = rest.dropFirst(digits.count)
            fraction = (digits + [0x30, 0x30]).prefix(3).reduce(0) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
        }
        var east: Int64 = 0
        if !take(UInt8(ascii: "Z"), UInt8(ascii: "z")) {
            let isWest = rest.first == dash
            guard take(dash, UInt8(ascii: "+")), let hours = number(2), take(colon), let minutes = number(2), hours < 24, minutes < 60 else { return nil }
            east = (hours * 60 + minutes) * (isWest ? -60_000 : 60_000)
        }
        guard rest.isEmpty else { return nil }
        let days = daysBefore(year: year) + daysBefore[Int(month) - 1] + (month > 2 && isLeap(year) ? 1 : 0) + date - 1
        let time = days * day + ((hour * 60 + minute) * 60 + second) * 1000 + fraction - east
        return range.contains(time) ? time : nil
    }

    /// `2026-11-23T10:00:00.000Z`; beyond `range` the nearest in it.
    static func text(_ time: Int64) -> String {
        let time = min(max(time, range.lowerBound), range.upperBound)
        let days = time >= 0 ? time / day : -((-time + day - 1) / day)
        let clock = time - days * day
        var year = 1970 + days / 366
        while daysBefore(year: year + 1) <= days { year += 1 }
        while daysBefore(year: year) > days { year -= 1 }
        var date = days - daysBefore(year: year)
        var month: Int64 = 1
        while date >= length(month, year) {
            date -= length(month, year)
            month += 1
        }
        return "\(padded(year, 4))-\(padded(month, 2))-\(padded(date + 1, 2))T\(padded(clock / 3_600_000, 2)):\(padded(clock / 60_000 % 60, 2))"
            + ":\(padded(clock / 1000 % 60, 2)).\(padded(clock % 1000, 3))Z"
    }

    private static func padded(_ number: Int64, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    /// The start of the interval of this length, aligned to the epoch, that holds the time.
    static func start(of time: Int64, length: Int64) -> Int64 {
        let rest = time % length
        return time - (rest < 0 ? rest + length : rest)
    }
}

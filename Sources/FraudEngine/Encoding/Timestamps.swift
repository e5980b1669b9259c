/// Points in time as milliseconds since the epoch, and their RFC 3339 text.
///
/// The calendar is the proleptic Gregorian one, without leap seconds. Day arithmetic after
/// https://howardhinnant.github.io/date_algorithms.html
package enum Timestamp {
    /// 0001-01-01T00:00:00.000Z.
    package static let earliest: Int64 = -62_135_596_800_000
    /// 9999-12-31T23:59:59.999Z.
    package static let latest: Int64 = 253_402_300_799_999
    static let millisecondsPerDay: Int64 = 86_400_000

    /// Milliseconds since the epoch of an RFC 3339 time; nil for any other text and for times outside the years 0001 to 9999.
    ///
    /// `T` and `Z` in either case, an offset `±hh:mm` or `Z`, a fraction of one digit or more (cut after three). Second 60 is refused.
    package static func parse(_ bytes: ByteSlice) -> Int64? {
        var reader = TimestampReader()
        return reader.read(bytes)
    }

    /// Days since the epoch of a date that exists.
    @inline(__always)
    static func days(year: Int, month: Int, day: Int) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return Int64(era * 146_097 + dayOfEra - 719_468)
    }

    /// Year, month and day of the number of days since the epoch.
    static func date(days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
    }

    static func length(month: Int, year: Int) -> Int {
        if month == 2 { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28 }
        return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31
    }
}

/// Reads RFC 3339 times and remembers the last date, since neighbours mostly share it. One owner, not thread-safe.
package struct TimestampReader {
    /// The first eight and the last two of the date's ten bytes: `1970-01-01` at first.
    private var dateHead = UInt64(littleEndian: 0x2d31_302d_3037_3931)
    private var dateTail = UInt16(littleEndian: 0x3130)
    /// Milliseconds since the epoch at the date's start.
    private var dateStart: Int64 = 0

    package init() {}

    /// As `Timestamp.parse`.
    @inline(__always)
    package mutating func read(_ bytes: ByteSlice) -> Int64? {
        guard bytes.count >= 20 else { return nil }
        let start = bytes.start
        let head = start.loadUnaligned(as: UInt64.self)
        let tail = start.loadUnaligned(fromByteOffset: 8, as: UInt16.self)
        if head != dateHead || tail != dateTail {
            guard let day = Self.date(start) else { return nil }
            dateHead = head
            dateTail = tail
            dateStart = day * Timestamp.millisecondsPerDay
        }
        guard start.load(fromByteOffset: 10, as: UInt8.self) | 0x20 == UInt8(ascii: "t"), let clock = Self.clock(start + 11) else { return nil }
        if bytes.count == 20, start.load(fromByteOffset: 19, as: UInt8.self) == UInt8(ascii: "Z") {
            let time = dateStart + clock
            return time < Timestamp.earliest ? nil : time
        }
        guard let rest = Self.fractionAndOffset(ByteSlice(start: start + 19, count: bytes.count - 19)) else { return nil }
        let time = dateStart + clock + rest
        return time < Timestamp.earliest || time > Timestamp.latest ? nil : time
    }

    /// Milliseconds since midnight of `hh:mm:ss`, eight bytes in one word.
    @inline(__always)
    private static func clock(_ start: UnsafeRawPointer) -> Int64? {
        let word = UInt64(littleEndian: start.loadUnaligned(as: UInt64.self)) ^ 0x3030_3a30_303a_3030  // digits become 0...9, colons 0
        guard (word | (word &+ 0x7676_7f76_767f_7676)) & 0x8080_8080_8080_8080 == 0 else { return nil }
        let pairs = word & 0x0f0f_0f0f_0f0f_0f0f
        let hour = Int64((pairs & 0xff) * 10 + (pairs >> 8 & 0xff))
        let minute = Int64((pairs >> 24 & 0xff) * 10 + (pairs >> 32 & 0xff))
        let second = Int64((pairs >> 48 & 0xff) * 10 + pairs >> 56)
        guard hour < 24, minute < 60, second < 60 else { return nil }
        return ((hour * 60 + minute) * 60 + second) * 1000
    }

    /// Days since the epoch of `yyyy-mm-dd`, ten bytes; nil where they are no date.
    @inline(never)
    private static func date(_ start: UnsafeRawPointer) -> Int64? {
        guard start.load(fromByteOffset: 4, as: UInt8.self) == UInt8(ascii: "-"), start.load(fromByteOffset: 7, as: UInt8.self) == UInt8(ascii: "-"),
            let century = pair(start), let yearOfCentury = pair(start + 2), let month = pair(start + 5), let day = pair(start + 8)
        else { return nil }
        let year = century * 100 + yearOfCentury
        guard 1...12 ~= month, day >= 1, day <= Timestamp.length(month: month, year: year) else { return nil }
        return Timestamp.days(year: year, month: month, day: day)
    }

    @inline(__always)
    private static func pair(_ start: UnsafeRawPointer) -> Int? {
        let high = start.load(as: UInt8.self) &- 48
        let low = start.load(fromByteOffset: 1, as: UInt8.self) &- 48
        return high < 10 && low < 10 ? Int(high) * 10 + Int(low) : nil
    }

    /// Milliseconds to add for what stands behind the seconds: an optional fraction, then `Z` or an offset, then the end.
    private static func fractionAndOffset(_ bytes: ByteSlice) -> Int64? {
        let buffer = bytes.buffer
        var at = 0
        var milliseconds: Int64 = 0
        if buffer.first == UInt8(ascii: ".") {
            at = 1
            var weight: Int64 = 100
            while at < buffer.count, buffer[at] &- 48 < 10 {
                milliseconds += Int64(buffer[at] &- 48) * weight
                weight /= 10
                at += 1
            }
            guard at > 1 else { return nil }
        }
        guard at < buffer.count else { return nil }
        if buffer[at] | 0x20 == UInt8(ascii: "z") { return at + 1 == buffer.count ? milliseconds : nil }
        guard buffer[at] == UInt8(ascii: "+") || buffer[at] == UInt8(ascii: "-"), buffer.count == at + 6, buffer[at + 3] == UInt8(ascii: ":"),
            let hours = pair(bytes.start + at + 1), let minutes = pair(bytes.start + at + 4), hours < 24, minutes < 60
        else { return nil }
        let offset = Int64(hours * 60 + minutes) * 60_000
        return buffer[at] == UInt8(ascii: "+") ? milliseconds - offset : milliseconds + offset
    }
}

extension ByteWriter {
    /// RFC 3339 in UTC with three fraction digits: `2026-11-23T10:00:00.000Z`; times outside the years 0001 to 9999 become the nearest in them.
    package mutating func append(timestamp milliseconds: Int64) {
        let time = min(max(milliseconds, Timestamp.earliest), Timestamp.latest)
        let seconds = Self.floor(time, 1000)
        append(seconds: seconds, fraction: time - seconds * 1000, digits: 3)
    }

    /// RFC 3339 in UTC with six fraction digits, `2026-11-23T10:00:00.000000Z`; times outside the years 0001 to 9999 become the nearest in them.
    package mutating func append(timestampMicroseconds microseconds: Int64) {
        let time = min(max(microseconds, Timestamp.earliest * 1000), Timestamp.latest * 1000 + 999)
        let seconds = Self.floor(time, 1_000_000)
        append(seconds: seconds, fraction: time - seconds * 1_000_000, digits: 6)
    }

    private mutating func append(seconds: Int64, fraction: Int64, digits: Int) {
        let days = Self.floor(seconds, 86_400)
        let clock = seconds - days * 86_400
        let date = Timestamp.date(days: days)
        reserve(32)
        append(decimal: date.year, width: 4)
        append(UInt8(ascii: "-"))
        append(decimal: date.month, width: 2)
        append(UInt8(ascii: "-"))
        append(decimal: date.day, width: 2)
        append(UInt8(ascii: "T"))
        append(decimal: clock / 3600, width: 2)
        append(UInt8(ascii: ":"))
        append(decimal: clock / 60 % 60, width: 2)
        append(UInt8(ascii: ":"))
        append(decimal: clock % 60, width: 2)
        append(UInt8(ascii: "."))
        append(decimal: fraction, width: digits)
        append(UInt8(ascii: "Z"))
    }

    /// The quotient, rounded down.
    private static func floor(_ value: Int64, _ divisor: Int64) -> Int64 {
        let quotient = value / divisor
        return value < quotient * divisor ? quotient - 1 : quotient
    }
}

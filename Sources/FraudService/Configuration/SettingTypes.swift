import Glibc
import RuleFiles

extension Setting where Value == Int64 {
    /// Milliseconds.
    static func duration(_ path: String, _ range: ClosedRange<Int64>, default text: String, help: String) -> Setting {
        let takes = "a duration from \(DurationText.text(milliseconds: range.lowerBound)) to \(DurationText.text(milliseconds: range.upperBound))"
        return Setting(path, takes: takes, default: text, example: text, help: help) { text throws(SettingRefusal) in
            if text.hasPrefix("-") { throw SettingRefusal(what: "is negative") }
            guard let value = DurationText.milliseconds(text) else {
                throw SettingRefusal(what: Int64(text) == nil ? "is not a duration" : "has no unit (ms, s, m, h, d)")
            }
            guard range.contains(value) else { throw SettingRefusal(what: "is out of range") }
            return value
        }
    }
}

extension Setting where Value == Int {
    static func integer(
        _ path: String, _ range: ClosedRange<Int>, default text: String? = nil, absence: String? = nil, example: String, help: String
    ) -> Setting {
        let takes = "a whole number from \(range.lowerBound) to \(range.upperBound)"
        return Setting(path, takes: takes, default: text, absence: absence, example: example, help: help) { text throws(SettingRefusal) in
            guard let value = Int(text), !text.hasPrefix("+") else { throw SettingRefusal(what: "is not a whole number") }
            guard range.contains(value) else { throw SettingRefusal(what: "is out of range") }
            return value
        }
    }

    /// Bytes.
    static func size(_ path: String, _ range: ClosedRange<Int>, default text: String, example: String, help: String) -> Setting {
        let takes = "a size from \(SizeText.text(bytes: range.lowerBound)) to \(SizeText.text(bytes: range.upperBound)), in bytes or with KiB or MiB"
        return Setting(path, takes: takes, default: text, example: example, help: help) { text throws(SettingRefusal) in
            guard let value = SizeText.bytes(text) else { throw SettingRefusal(what: "is not a size") }
            guard range.contains(value) else { throw SettingRefusal(what: "is out of range") }
            return value
        }
    }
}

extension Setting where Value == String {
    /// Letters, digits, `.`, `_` and `-`: what Kafka allows in topics, and safe in identifiers and paths.
    static func name(_ path: String, limit: Int, default text: String? = nil, absence: String? = nil, example: String, help: String) -> Setting {
        let takes = "1 to \(limit) letters, digits, '.', '_' or '-'"
        return Setting(path, takes: takes, default: text, absence: absence, example: example, help: help) { text throws(SettingRefusal) in
            guard !text.isEmpty else { throw SettingRefusal(what: "is empty") }
            guard text.utf8.count <= limit else { throw SettingRefusal(what: "is too long") }
            guard text.utf8.allSatisfy(isNameByte) else { throw SettingRefusal(what: "has another character in it") }
            guard text != ".", text != ".." else { throw SettingRefusal(what: "is not a name") }
            return text
        }
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."),
            UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        case _: false
        }
    }

    /// A member's name in the payments' JSON.
    static func field(_ path: String, default text: String) -> Setting {
        Setting(path, takes: "the name of a member, 1 to 128 bytes", default: text, example: text, help: "The member that holds the payment's \(text).") {
            text throws(SettingRefusal) in
            guard !text.isEmpty else { throw SettingRefusal(what: "is empty") }
            guard text.utf8.count <= 128 else { throw SettingRefusal(what: "is too long") }
            return text
        }
    }

    static func path(_ path: String, default text: String, help: String) -> Setting {
        Setting(path, takes: "the path of a folder", default: text, example: text, help: help) { text throws(SettingRefusal) in
            guard !text.isEmpty else { throw SettingRefusal(what: "is empty") }
            guard !text.utf8.contains(0) else { throw SettingRefusal(what: "is not a path") }
            return text
        }
    }
}

extension Setting where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
    /// - Parameter later: words that a future version takes.
    static func choice(
        _ path: String, default text: String? = nil, absence: String? = nil, later: [String] = [], help: String
    ) -> Setting {
        let words = Value.allCases.map(\.rawValue)
        let takes = words.count == 1 ? words[0] : words.dropLast().joined(separator: ", ") + " or " + (words.last ?? "")
        return Setting(path, takes: takes, default: text, absence: absence, example: text ?? words[0], help: help) { text throws(SettingRefusal) in
            if let value = Value(rawValue: text) { return value }
            if later.contains(text) { throw SettingRefusal(what: "is not available in this version") }
            let closest = Suggestion.closest(to: text, among: words).map { "; did you mean '\($0)'?" } ?? ""
            throw SettingRefusal(what: "is not one of them\(closest)")
        }
    }
}

extension Setting where Value == HostPort {
    static func address(_ path: String, default text: String, help: String) -> Setting {
        Setting(path, takes: "an address host:port or [ipv6]:port, port 0 to 65535", default: text, example: text, help: help) {
            text throws(SettingRefusal) in
            try HostPort(text)
        }
    }
}

/// Sizes as people write them: `262144`, `256KiB`, `1MiB`.
enum SizeText {
    private static let units: [(name: String, bytes: Int)] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)]

    /// Bytes; nil if the text is none.
    static func bytes(_ text: String) -> Int? {
        let digits = text.prefix { $0 >= "0" && $0 <= "9" }
        guard let number = Int(digits) else { return nil }
        let rest = text.dropFirst(digits.count)
        if rest.isEmpty { return number }
        guard let unit = units.first(where: { $0.name == rest }) else { return nil }
        let (product, overflowed) = number.multipliedReportingOverflow(by: unit.bytes)
        return overflowed ? nil : product
    }

    /// In the largest unit that leaves a whole number.
    static func text(bytes: Int) -> String {
        guard bytes > 0, let unit = units.first(where: { bytes % $0.bytes == 0 && $0.bytes > 1 }) else { return "\(bytes)" }
        return "\(bytes / unit.bytes)\(unit.name)"
    }
}

/// Times as people write them in settings.
enum TimeText {
    /// Unix milliseconds of an RFC 3339 time such as `2026-11-23T10:00:00Z` or `2026-11-23T17:00:00.250+07:00`; nil if the text is none.
    static func milliseconds(_ text: String) -> Int64? {
        let bytes = Array(text.utf8)
        let marks: [(at: Int, byte: UInt8)] = [(4, UInt8(ascii: "-")), (7, UInt8(ascii: "-")), (10, UInt8(ascii: "T")), (13, UInt8(ascii: ":")), (16, UInt8(ascii: ":"))]
        guard bytes.count >= 20, marks.allSatisfy({ bytes[$0.at] == $0.byte }) else { return nil }
        let numbers = [0..<4, 5..<7, 8..<10, 11..<13, 14..<16, 17..<19].compactMap { number(bytes[$0]) }
        guard numbers.count == 6, numbers[3] < 24, numbers[4] < 60, numbers[5] < 60 else { return nil }
        var parts = tm()
        parts.tm_year = Int32(numbers[0] - 1900)
        parts.tm_mon = Int32(numbers[1] - 1)
        parts.tm_mday = Int32(numbers[2])
        (parts.tm_hour, parts.tm_min, parts.tm_sec) = (Int32(numbers[3]), Int32(numbers[4]), Int32(numbers[5]))
        let (month, day) = (parts.tm_mon, parts.tm_mday)
        let seconds = timegm(&parts)
        // timegm carries what a month does not have into the next.
        guard parts.tm_mon == month, parts.tm_mday == day, let (fraction, offset) = rest(text.dropFirst(19)) else { return nil }
        return Int64(seconds) * 1_000 + fraction - offset
    }

    /// The number that digits, and nothing else, write.
    private static func number(_ bytes: ArraySlice<UInt8>) -> Int64? {
        guard bytes.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }) else { return nil }
        return bytes.reduce(0) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
    }

    /// The milliseconds of a fraction and of an offset from UTC.
    private static func rest(_ text: Substring) -> (fraction: Int64, offset: Int64)? {
        var zone = text
        var fraction: Int64 = 0
        if zone.first == "." {
            let digits = zone.dropFirst().prefix { $0.isASCII && $0.isNumber }
            guard !digits.isEmpty, let value = Int64((digits + "000").prefix(3)) else { return nil }
            fraction = value
            zone = zone.dropFirst(1 + digits.count)
        }
        if zone == "Z" { return (fraction, 0) }
        let bytes = Array(zone.utf8)
        guard bytes.count == 6, bytes[3] == UInt8(ascii: ":"), let sign: Int64 = bytes[0] == UInt8(ascii: "+") ? 1 : bytes[0] == UInt8(ascii: "-") ? -1 : nil,
            let hours = number(bytes[1...2]), let minutes = number(bytes[4...5]), hours < 24, minutes < 60
        else { return nil }
        return (fraction, sign * (hours * 60 + minutes) * 60_000)
    }
}

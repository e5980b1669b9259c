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

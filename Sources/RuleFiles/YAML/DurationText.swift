/// Durations as people write them in files: `30s`, `5m`, `1h30m`, `30d`.
package enum DurationText {
    /// Units in falling order, milliseconds.
    private static let units: [(name: String, milliseconds: Int64)] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)]

    /// Milliseconds; nil if the text is none: no sign, no fraction, no space, each unit at most once and in falling order, at most Int64.
    package static func milliseconds(_ text: String) -> Int64? {
        var rest = Array(text.utf8)[...]
        var total: Int64 = 0
        var nextUnit = 0
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
            rest = rest.dropFirst(digits.count)
            let letters = rest.prefix { $0 >= UInt8(ascii: "a") && $0 <= UInt8(ascii: "z") }
            rest = rest.dropFirst(letters.count)
            guard let number = Int64(String(decoding: digits, as: UTF8.self)), !letters.isEmpty else { return nil }
            let name = String(decoding: letters, as: UTF8.self)
            guard let unit = units.indices.first(where: { units[$0].name == name }), unit >= nextUnit else { return nil }
            let (product, overflowed) = number.multipliedReportingOverflow(by: units[unit].milliseconds)
            let (sum, overflowedToo) = total.addingReportingOverflow(product)
            guard !overflowed, !overflowedToo else { return nil }
            total = sum
            nextUnit = unit + 1
        }
        return total
    }

    /// The shortest text: 5400000 is `1h30m`, 0 is `0s`. For durations of 0 and above.
    package static func text(milliseconds: Int64) -> String {
        var rest = milliseconds
        var text = ""
        for unit in units where rest / unit.milliseconds > 0 {
            text += "\(rest / unit.milliseconds)\(unit.name)"
            rest %= unit.milliseconds
        }
        return text.isEmpty ? "0s" : text
    }
}

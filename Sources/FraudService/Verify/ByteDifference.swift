import ReferenceFold

/// Says where two records differ first.
enum ByteDifference {
    /// nil: nowhere.
    static func text(_ wanted: PlainOutput, _ found: FoundOutput) -> String? {
        if wanted.key != found.key { return "the key is \(shown(found.key)), must be \(shown(wanted.key))" }
        if wanted.value != found.value { return value(wanted.value, found.value) }
        let headers = found.comparableHeaders
        if wanted.headers == headers { return nil }
        for (a, b) in zip(wanted.headers, headers) where a != b {
            if a.name != b.name { return "the header \(shown(b.name)) stands where \(shown(a.name)) must stand" }
            return "the header \(shown(a.name)) is \(shown(b.value)), must be \(shown(a.value))"
        }
        return "there are \(headers.count) headers, must be \(wanted.headers.count)"
    }

    private static func value(_ wanted: [UInt8]?, _ found: [UInt8]?) -> String {
        guard let wanted, let found else { return found == nil ? "the value is missing" : "there is a value, must be none" }
        let place = zip(wanted, found).enumerated().first { $1.0 != $1.1 }?.offset ?? min(wanted.count, found.count)
        return "the value differs from byte \(place) on: \(excerpt(found, place)), must be \(excerpt(wanted, place))"
    }

    private static func excerpt(_ bytes: [UInt8], _ place: Int) -> String {
        let from = max(0, place - 16)
        let to = min(bytes.count, place + 24)
        let text = String(decoding: bytes[min(from, to)..<to], as: UTF8.self)
        return jsonQuoted((from > 0 ? "…" : "") + text + (to < bytes.count ? "…" : ""))
    }

    private static func shown(_ bytes: [UInt8]?) -> String {
        guard let bytes else { return "null" }
        return jsonQuoted(String(decoding: bytes.prefix(80), as: UTF8.self) + (bytes.count > 80 ? "…" : ""))
    }
}

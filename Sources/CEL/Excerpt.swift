/// A piece of source text, made fit for one line of a message.
enum Excerpt {
    /// Runs of blanks become one; what is longer than `limit` code points ends in dots.
    static func of(_ bytes: ArraySlice<UInt8>, limit: Int = 48) -> String {
        var shown = ""
        var count = 0
        var isBlank = false
        for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
            if scalar.value <= 0x20 || scalar.value == 0x7F {
                isBlank = true
                continue
            }
            if isBlank, count > 0 {
                shown += " "
                count += 1
            }
            isBlank = false
            guard count < limit else { return shown + "..." }
            shown.unicodeScalars.append(scalar)
            count += 1
        }
        return shown
    }
}

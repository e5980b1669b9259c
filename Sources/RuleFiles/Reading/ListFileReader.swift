/// Reads a list file: one entry a line; white space around it is cut, `#` after white space or at the start of a line begins a comment, case is kept.
enum ListFileReader {
    /// Entries are compared with fields of payments, which are no longer.
    private static let maxEntryBytes = 4_096

    /// The entries in file order, without repeats. Repeats are warned of (W210); `expires=` (E031) and bad bytes (E003) are errors.
    static func read(_ source: SourceFile, _ diagnostics: inout RuleDiagnostics) -> [String] {
        var entries: [String] = []
        var firstLine: [[UInt8]: Int] = [:]
        var start = source.bytes.starts(with: SourceFile.byteOrderMark) ? SourceFile.byteOrderMark.count : 0
        while start < source.bytes.count {
            let end = source.bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? source.bytes.count
            defer { start = end + 1 }
            guard let range = entry(in: start..<end, of: source), let text = text(range, source, &diagnostics) else { continue }
            let line = source.position(ofByte: range.lowerBound).line
            if let first = firstLine[Array(text.utf8)] {
                diagnostics.add(
                    RuleDiagnostic(
                        severity: .warning, code: "W210", source: source, at: range.lowerBound, length: source.codePoints(in: range),
                        message: "'\(text)' is listed twice; first in line \(first)"))
            } else {
                firstLine[Array(text.utf8)] = line
                entries.append(text)
            }
        }
        return entries
    }

    /// The line without comment and surrounding white space; nil if nothing is left.
    private static func entry(in line: Range<Int>, of source: SourceFile) -> Range<Int>? {
        let bytes = source.bytes
        var end = line.upperBound
        for at in line where bytes[at] == UInt8(ascii: "#") && (at == line.lowerBound || isSpace(bytes[at - 1])) {
            end = at
            break
        }
        var start = line.lowerBound
        while start < end, isSpace(bytes[start]) { start += 1 }
        while end > start, isSpace(bytes[end - 1]) { end -= 1 }
        return start < end ? start..<end : nil
    }

    private static func text(_ range: Range<Int>, _ source: SourceFile, _ diagnostics: inout RuleDiagnostics) -> String? {
        guard let text = String(validating: source.bytes[range], as: UTF8.self), !source.bytes[range].contains(0) else {
            diagnostics.add(
                RuleDiagnostic(code: "E003", source: source, at: range.lowerBound, message: "this line is not UTF-8", hint: "save the file as UTF-8"))
            return nil
        }
        if range.count > maxEntryBytes {
            diagnostics.add(
                RuleDiagnostic(code: "E018", source: source, at: range.lowerBound, message: "the entry has \(range.count) bytes; \(maxEntryBytes) are allowed"))
            return nil
        }
        let words = text.split(whereSeparator: { $0 == " " || $0 == "\t" })
        if let last = words.last, words.count > 1, last.hasPrefix("expires=") {
            diagnostics.add(
                RuleDiagnostic(
                    code: "E031", source: source, at: range.upperBound - last.utf8.count, length: last.unicodeScalars.count,
                    message: "'expires=' is not available in this version",
                    hint: "take the entry out of the list when it is over: a changed list is a new rule set"))
            return nil
        }
        return text
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\r") }
}

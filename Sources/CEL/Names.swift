/// "Did you mean": the closest name in scope.
package enum Names {
    /// The closest name at Damerau-Levenshtein distance 1 or 2 (at most a third of the longer name) or differing in case only; the first of equals, nil if none is.
    package static func closest(to name: String, among candidates: [String]) -> String? {
        let wanted = Array(name.utf8)
        var best: (name: String, distance: Int)?
        for candidate in candidates {
            let other = Array(candidate.utf8)
            let limit = min(2, max(1, max(wanted.count, other.count) / 3))
            let found = wanted.map(lowercased) == other.map(lowercased) ? 1 : distance(wanted, other)
            if found <= limit, wanted != other, found < best?.distance ?? .max { best = (candidate, found) }
        }
        return best?.name
    }

    /// One hint line: the closest name if there is one, and the first twelve candidates in byte order.
    package static func hint(for name: String, among candidates: [String], label: String) -> String {
        let sorted = candidates.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        let list = sorted.isEmpty ? "\(label): none" : "\(label): " + sorted.prefix(12).joined(separator: ", ") + (sorted.count > 12 ? ", ..." : "")
        guard let closest = closest(to: name, among: sorted) else { return list }
        return "did you mean '\(closest)'?   \(list)"
    }

    private static func lowercased(_ byte: UInt8) -> UInt8 {
        (0x41...0x5A).contains(byte) ? byte | 0x20 : byte
    }

    /// Optimal string alignment: insert, delete, replace, swap neighbours; `.max` above 64 bytes.
    static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
        guard a.count <= 64, b.count <= 64 else { return .max }
        var beforeLast = [Int]()
        var last = Array(0...b.count)
        for i in 0..<a.count {
            var row = [i + 1]
            for j in 0..<b.count {
                var best = min(last[j] + (a[i] == b[j] ? 0 : 1), min(last[j + 1], row[j]) + 1)
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { best = min(best, beforeLast[j - 1] + 1) }
                row.append(best)
            }
            (beforeLast, last) = (last, row)
        }
        return last[b.count]
    }
}

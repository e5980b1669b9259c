/// "Did you mean": the closest name in scope.
package enum Suggestion {
    /// The name at Damerau-Levenshtein distance 1 or 2 (at most a third of the longer name), the first of the closest; nil if none is.
    package static func closest(to name: String, among candidates: [String]) -> String? {
        var best: (name: String, distance: Int)?
        for candidate in candidates {
            let limit = min(2, max(1, max(name.utf8.count, candidate.utf8.count) / 3))
            let distance = distance(Array(name.utf8), Array(candidate.utf8))
            if distance > 0, distance <= limit, distance < best?.distance ?? .max { best = (candidate, distance) }
        }
        return best?.name
    }

    /// The hint for an unknown name: the closest one, and all that are allowed behind the separator.
    package static func hint(for name: String, among candidates: [String], label: String, separator: String = "   ") -> String {
        let list = "\(label): " + candidates.prefix(12).joined(separator: ", ") + (candidates.count > 12 ? ", ..." : "")
        return closest(to: name, among: candidates).map { "did you mean '\($0)'?\(separator)\(list)" } ?? list
    }

    /// Optimal string alignment distance: insert, delete, replace, swap neighbours; O(n · m), gives up above 64 bytes.
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

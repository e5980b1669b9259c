import FraudEngine
import ReferenceFold

/// What a verification found, and which checks it made.
struct VerifyReport {
    let group: String
    let topic: String
    let topics: [PlainOutput.Kind: String]
    let partitions: [VerifiedPartition]
    /// Partitions of which nothing is committed.
    let uncommitted: [Int32]
    let comparison: OutputComparison

    /// So many differences are shown.
    static let limit = 20

    var differences: [Difference] { comparison.differences }

    private var shown: ArraySlice<Difference> { differences.prefix(Self.limit) }

    /// Passed over: how many, what.
    private var passedOver: [(count: Int, name: String, text: String)] {
        [
            (comparison.unjudgedCount, "unjudged", "whose windows or periods began before what was folded"),
            (comparison.outsideCount, "outside", "of records that are not compared"), (comparison.olderCount, "earlier_lineage", "of an earlier lineage"),
            (comparison.foreignCount, "foreign", "of other services"),
            (comparison.deletedCount, "deleted", "that their topic has deleted: written before all that their partition still holds"),
        ] + unchecked
    }

    /// Of these it is not known whether they are right.
    private var unchecked: [(count: Int, name: String, text: String)] {
        [
            (
                comparison.perhapsDeletedCount, "perhaps_deleted",
                "NOT CHECKED, missing and perhaps deleted: their partition has deleted its first records, and nothing tells when they were written"
            ),
            (
                comparison.repeatedCount, "repeated",
                "NOT CHECKED, copies from before the present lineage, all from some offset on: as `offsets reset` and `accept-gap` send them again"
            ),
            (
                comparison.unsignedCount, "unsigned",
                "NOT CHECKED, late payments and dead letters beyond this group's: other groups write to these topics, and they do not name theirs"
            ),
        ]
    }

    // MARK: Text

    var text: String {
        var lines = ["verify: group \(group), topic \(topic)"]
        lines += partitions.map { partition in
            let totals = partition.totalsGap.map { "totals not compared: \($0)" } ?? "totals compared"
            let compared = partition.compared.isEmpty ? "nothing compared" : "outputs compared from offset \(partition.compared.lowerBound) on"
            return "partition \(partition.facts.partition): \(partition.recordCount) records folded, offsets \(partition.start) to "
                + "\(partition.compared.upperBound - 1)\(partition.isFromBirth ? " from its birth on" : "")"
                + "\(partition.passedCount > 0 ? ", \(partition.passedCount) passed" : ""); \(compared); \(totals)"
        }
        lines += uncommitted.map { "partition \($0): nothing compared: nothing is committed" }
        lines += kinds.map { kind, name in
            let count = comparison.counts[kind] ?? .init()
            return "\(name): \(count.matched) of \(count.expected) records that must be there are there"
        }
        lines += passedOver.filter { $0.count > 0 }.map { "passed over: \($0.count) \($0.text)" }
        lines.append(summary)
        lines += shown.map { difference in
            let place = difference.origin.map { "partition \($0.partition) offset \($0.offset)" } ?? difference.partition.map { "partition \($0)" }
            return "\(difference.kind.rawValue.uppercased())  \(place.map { $0 + ": " } ?? "")\(difference.text)"
        }
        if differences.count > shown.count { lines.append("and \(differences.count - shown.count) more") }
        if differences.contains(where: { $0.kind == .totals || $0.kind == .missing }) {
            lines.append("note: payments passed by `offsets skip` are in no window, no total and no topic; --passed leaves them out here too")
        }
        return lines.map { $0 + "\n" }.joined()
    }

    private var kinds: [(PlainOutput.Kind, String)] { PlainOutput.Kind.allCases.map { ($0, topics[$0] ?? "") } }

    private var counts: [(kind: Difference.Kind, count: Int)] {
        Difference.Kind.allCases.map { kind in (kind, differences.count { $0.kind == kind }) }.filter { $0.count > 0 }
    }

    private var summary: String {
        guard !differences.isEmpty else {
            let count = unchecked.reduce(0) { $0 + $1.count }
            return count == 0 ? "no differences" : "no differences in what was checked; \(count) not checked"
        }
        let parts = counts.map { "\($0.count) \($0.kind.rawValue)" }.joined(separator: ", ")
        return "\(differences.count) difference\(differences.count == 1 ? "" : "s"): \(parts)"
    }

    // MARK: JSON

    var json: String {
        let rows = partitions.map { partition in
            "{\"partition\":\(partition.facts.partition),\"folded_from\":\(partition.start),\"compared_from\":\(partition.compared.lowerBound),"
                + "\"until\":\(partition.compared.upperBound),\"records\":\(partition.recordCount),\"passed\":\(partition.passedCount),\"from_birth\":\(partition.isFromBirth),"
                + "\"totals_compared\":\(partition.totalsGap == nil),\"totals_gap\":\(partition.totalsGap.map(jsonQuoted) ?? "null")}"
        }
        let outputs = kinds.map { kind, name in
            let count = comparison.counts[kind] ?? .init()
            return "{\"topic\":\(jsonQuoted(name)),\"expected\":\(count.expected),\"matched\":\(count.matched)}"
        }
        let members = [
            "\"ok\":\(differences.isEmpty)", "\"group\":\(jsonQuoted(group))", "\"topic\":\(jsonQuoted(topic))",
            "\"partitions\":[\(rows.joined(separator: ","))]", "\"uncommitted\":[\(uncommitted.map { "\($0)" }.joined(separator: ","))]",
            "\"outputs\":[\(outputs.joined(separator: ","))]",
            "\"passed_over\":{\(passedOver.map { "\"\($0.name)\":\($0.count)" }.joined(separator: ","))}",
            "\"counts\":{\(counts.map { "\"\($0.kind.rawValue)\":\($0.count)" }.joined(separator: ","))}",
            "\"differences\":[\(shown.map(Self.json).joined(separator: ","))]",
        ]
        return "{\(members.joined(separator: ","))}\n"
    }

    private static func json(_ difference: Difference) -> String {
        let partition = (difference.origin?.partition ?? difference.partition).map { "\($0)" } ?? "null"
        return "{\"kind\":\"\(difference.kind.rawValue)\",\"partition\":\(partition),\"offset\":\(difference.origin.map { "\($0.offset)" } ?? "null"),"
            + "\"text\":\(jsonQuoted(difference.text))}"
    }
}

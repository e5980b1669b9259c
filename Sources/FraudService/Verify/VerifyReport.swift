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
    /// The topic holds nothing.
    let isInputEmpty: Bool
    /// `--from` or `--to` was given.
    let isRange: Bool
    let comparison: OutputComparison

    /// So many differences are shown.
    static let limit = 20

    var differences: [Difference] { comparison.differences }

    private var shown: ArraySlice<Difference> { differences.prefix(Self.limit) }

    /// Passed over: how many, what.
    private var passedOver: [(count: Int, name: String, text: String)] {
        [
            (comparison.unjudgedCount, "unjudged", "whose windows or periods began before what was folded"),
            (comparison.outsideCount, "outside", "of records outside of what is compared"), (comparison.olderCount, "earlier_lineage", "of an earlier lineage"),
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

    // MARK: What was not compared

    /// Partitions without a record whose outputs are compared, and why.
    private var empty: [(partition: Int32, why: EmptyReason)] {
        uncommitted.map { ($0, .uncommitted) }
            + partitions.compactMap { partition in
                let isEmpty = partition.compared.isEmpty
                guard isEmpty || !partition.isFromBirth && partition.judgedCount == 0 else { return nil }
                return (partition.facts.partition, !isEmpty ? .unjudged : isRange ? .outOfRange : partition.isFromBirth ? .unborn : .deleted)
            }
    }

    private enum EmptyReason: CaseIterable {
        case uncommitted, outOfRange, unborn, deleted, unjudged

        var text: String {
            switch self {
            case .uncommitted: "nothing is committed"
            case .outOfRange: "no committed record is in the range"
            case .unborn: "no record was read since its birth"
            case .deleted: "the log no longer holds what was read"
            case .unjudged: "what was read needs windows that began before what was folded"
            }
        }
    }

    /// Why this says nothing at all, and what to do about it; nil: something was compared. That a group has read nothing yet is compared: its totals are 0.
    var emptiness: String? {
        let isNew = empty.contains { $0.why == .unborn } && empty.allSatisfy { $0.why == .unborn || $0.why == .uncommitted }
        guard empty.count == partitions.count + uncommitted.count, !isNew else { return nil }
        let lead = "nothing was compared: "
        if partitions.isEmpty, isInputEmpty {
            return lead + "the topic '\(topic)' holds no payments, and the group '\(group)' has committed nothing; verify when the service has run"
        }
        if partitions.isEmpty {
            return lead + "the group '\(group)' has committed nothing in the topic '\(topic)'; see that `group` and `input.topic` are the service's. "
                + "If they are, its offsets are gone: start the service, which says what mends that"
        }
        if empty.contains(where: { $0.why == .unjudged }) {
            return lead + "every window of what was read began before what was folded of the topic '\(topic)'; "
                + "verify again when payments of a later window have been read\(isRange ? ", and up to these" : ""), or raise retention.ms"
        }
        if isRange {
            return lead + "the group '\(group)' has committed no record of the topic '\(topic)' in the range of --from and --to (Kafka timestamps); "
                + "choose another, or none"
        }
        return lead + "the topic '\(topic)' no longer holds what the group '\(group)' has read; verify before records are deleted, or raise retention.ms"
    }

    // MARK: Text

    var text: String {
        var lines = ["verify: group \(group), topic \(topic)"]
        let unseen = Set(empty.map(\.partition))
        lines += partitions.map { partition in
            let totals = partition.totalsGap.map { "totals not compared: \($0)" } ?? "totals compared"
            let compared =
                unseen.contains(partition.facts.partition) ? "no outputs compared" : "outputs compared from offset \(partition.compared.lowerBound) on"
            let last = partition.compared.upperBound - 1
            let offsets = partition.start > last ? "" : ", offsets \(partition.start) to \(last)"
            return "partition \(partition.facts.partition): \(partition.recordCount) record\(partition.recordCount == 1 ? "" : "s") folded\(offsets)"
                + "\(partition.isFromBirth ? " from its birth on" : "")"
                + "\(partition.passedCount > 0 ? ", \(partition.passedCount) passed" : ""); \(compared); \(totals)"
        }
        lines += uncommitted.map { "partition \($0): nothing compared: nothing is committed" }
        lines += (emptiness == nil ? kinds : []).map { kind, name in
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
            if emptiness != nil { return "nothing compared" }
            let count = unchecked.reduce(0) { $0 + $1.count }
            return (count == 0 ? "no differences" : "no differences in what was checked; \(count) not checked") + emptySummary
        }
        let parts = counts.map { "\($0.count) \($0.kind.rawValue)" }.joined(separator: ", ")
        return "\(differences.count) difference\(differences.count == 1 ? "" : "s"): \(parts)"
    }

    private var emptySummary: String {
        guard !empty.isEmpty else { return "" }
        let reasons = EmptyReason.allCases.map { reason in (count: empty.count { $0.why == reason }, text: reason.text) }.filter { $0.count > 0 }
        return "; no outputs compared in \(empty.count) of \(partitions.count + uncommitted.count) partitions: "
            + reasons.map { "\($0.text) (\($0.count))" }.joined(separator: ", ")
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
        let gaps = empty.map { "{\"partition\":\($0.partition),\"why\":\(jsonQuoted($0.why.text))}" }
        let members = [
            "\"ok\":\(differences.isEmpty && emptiness == nil)", "\"group\":\(jsonQuoted(group))", "\"topic\":\(jsonQuoted(topic))",
            "\"partitions\":[\(rows.joined(separator: ","))]", "\"uncommitted\":[\(uncommitted.map { "\($0)" }.joined(separator: ","))]",
            "\"not_compared\":[\(gaps.joined(separator: ","))]",
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

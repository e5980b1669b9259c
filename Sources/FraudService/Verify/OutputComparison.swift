import FraudEngine
import ReferenceFold
import RuleFiles

/// Holds what the reference fold gives out against what stands in the output topics: first all that is expected, then all that is found, then `finish`.
///
/// Pure. Memory: every expected record with its bytes.
struct OutputComparison {
    /// What of a partition is compared.
    struct Scope {
        /// Records of the input whose outputs are compared.
        var offsets: Range<Int64>
        /// Unix milliseconds: what stands in a topic from before belongs to an earlier lineage, unless nothing newer stands there.
        var epoch: Int64
        /// nil: the fold has seen all there is.
        var horizon: PlainHorizon?
    }

    struct Count: Equatable {
        var expected = 0
        var matched = 0
    }

    private struct Expected {
        var output: PlainOutput
        var origin: FoundOutput.Origin
        /// Its absence and its bytes matter.
        var isJudged: Bool
        var isFound = false
        /// Of the same name, in order; -1: the last.
        var next = -1
    }

    /// What tells outputs of a kind apart: an alert's id, a dead letter's origin, a late payment's bytes.
    private enum Name: Hashable {
        case alert(PlainOutput.Kind, String)
        case deadLetter(FoundOutput.Origin)
        case late(hash: Int)
    }

    private struct Sequence: Hashable {
        var kind: PlainOutput.Kind
        var partition: Int32
        var key: [UInt8]?
    }

    private struct TopicPart: Hashable {
        var kind: PlainOutput.Kind
        /// Of the output topic.
        var partition: Int32
    }

    private struct Flow: Hashable {
        var part: TopicPart
        /// Of the input.
        var partition: Int32
    }

    let group: String
    let topic: String
    /// Of the output topics, for people.
    let names: [PlainOutput.Kind: String]
    private var scopes: [Int32: Scope] = [:]
    private var expected: [Expected] = []
    private var first: [Name: Int] = [:]
    private var last: [Name: Int] = [:]
    private var uncertainAlerts: Set<Name> = []
    private var uncertainRecords: Set<FoundOutput.Origin> = []
    /// The newest found of an account: where it stands, and its place among the expected.
    private var newest: [Sequence: (partition: Int32, index: Int)] = [:]
    /// Stood there before the lineage began.
    private var older: [FoundOutput] = []
    private(set) var leftovers: [FoundOutput] = []
    /// Output partitions that have lost their first records, and which record of each input partition is the first that they still tell of.
    private var shortened: Set<TopicPart> = []
    private var floors: [Flow: Int64] = [:]

    private(set) var differences: [Difference] = []
    private(set) var counts: [PlainOutput.Kind: Count] = [:]
    /// Found, and passed over: of records outside of what is compared, of other services, of an earlier lineage, what cannot be judged.
    private(set) var outsideCount = 0
    private(set) var foreignCount = 0
    private(set) var olderCount = 0
    private(set) var unjudgedCount = 0
    /// Expected, and no longer held by a topic that deletes.
    private(set) var deletedCount = 0

    init(group: String, topic: String, names: [PlainOutput.Kind: String]) {
        self.group = group
        self.topic = topic
        self.names = names
    }

    // MARK: Expected

    mutating func begin(_ partition: Int32, _ scope: Scope) { scopes[partition] = scope }

    /// Takes what the fold says of a record, in the order of the partition.
    mutating func expect(_ result: PlainResult, of origin: FoundOutput.Origin) {
        let isInRange = scopes[origin.partition]?.offsets.contains(origin.offset) ?? false
        if isInRange, !result.isCertain {
            uncertainRecords.insert(origin)
            unjudgedCount += 1
        }
        for output in result.outputs {
            switch output.kind {
            case .late: break
            case .alert, .shadowAlert, .deadLetter: if !isInRange { continue }
            }
            let name = name(of: output, origin)
            if !output.isCertain, output.kind != .late {
                uncertainAlerts.insert(name)
            } else {
                append(Expected(output: output, origin: origin, isJudged: isInRange && output.isCertain), name)
            }
        }
    }

    private mutating func append(_ new: Expected, _ name: Name) {
        let index = expected.count
        expected.append(new)
        if new.isJudged { counts[new.output.kind, default: Count()].expected += 1 }
        if let before = last[name] { expected[before].next = index } else { first[name] = index }
        last[name] = index
    }

    private func name(of output: PlainOutput, _ origin: FoundOutput.Origin) -> Name {
        switch output.kind {
        case .alert, .shadowAlert: .alert(output.kind, output.alertID ?? "")
        case .deadLetter: .deadLetter(origin)
        case .late: Self.late(output.key, output.value, output.headers)
        }
    }

    private static func late(_ key: [UInt8]?, _ value: [UInt8]?, _ headers: [PlainHeader]) -> Name {
        var hasher = Hasher()
        hasher.combine(key)
        hasher.combine(value)
        for header in headers {
            hasher.combine(header.name)
            hasher.combine(header.value)
        }
        return .late(hash: hasher.finalize())
    }

    // MARK: Found

    /// Notes that the topic has deleted the first records of one of its partitions.
    mutating func noteShortened(_ kind: PlainOutput.Kind, partition: Int32) { shortened.insert(TopicPart(kind: kind, partition: partition)) }

    /// Takes the next record of an output topic; those of one of its partitions come in order.
    mutating func find(_ found: FoundOutput) {
        if isForeign(found) {
            foreignCount += 1
            return
        }
        let origin = found.origin(topic: topic)
        if let origin { noteFloor(found, origin) }
        guard let name = name(of: found, origin) else {
            return differ(.surplus, origin, "\(place(found)) holds a record that is no \(Self.noun(found.kind)) of this service")
        }
        guard let index = firstExpected(name, found) else { return findUnexpected(found, name, origin) }
        if isOlder(found, expected[index].origin.partition) {
            older.append(found)
        } else if expected[index].isFound {
            guard expected[index].isJudged else { return outsideCount += 1 }
            differ(.surplus, expected[index].origin, "\(place(found)) holds \(describe(expected[index].output)) once more")
        } else {
            match(index, found)
        }
    }

    private func isForeign(_ found: FoundOutput) -> Bool {
        switch found.kind {
        case .alert, .shadowAlert: found.header("ce_source").map { $0 != "/tripline/\(group)/\(topic)" } ?? false
        case .deadLetter: found.header("__streams.errors.topic").map { $0 != topic } ?? false
        case .late: false
        }
    }

    private func name(of found: FoundOutput, _ origin: FoundOutput.Origin?) -> Name? {
        switch found.kind {
        case .alert, .shadowAlert: found.alertID.map { .alert(found.kind, $0) }
        case .deadLetter: origin.map { .deadLetter($0) }
        case .late: Self.late(found.key, found.value, found.headers)
        }
    }

    /// The first of that name that is not found yet; if all are, the last.
    private func firstExpected(_ name: Name, _ found: FoundOutput) -> Int? {
        var candidate: Int?
        var index = first[name] ?? -1
        while index >= 0 {
            let output = expected[index].output
            if found.kind != .late || output.key == found.key && output.value == found.value && output.headers == found.headers {
                candidate = index
                if !expected[index].isFound { break }
            }
            index = expected[index].next
        }
        return candidate
    }

    private mutating func findUnexpected(_ found: FoundOutput, _ name: Name, _ origin: FoundOutput.Origin?) {
        if uncertainAlerts.contains(name) || origin.map({ uncertainRecords.contains($0) }) ?? false { return }
        if let origin, !(scopes[origin.partition]?.offsets.contains(origin.offset) ?? false) {
            outsideCount += 1
        } else if isOlder(found, origin?.partition) {
            olderCount += 1
        } else if found.kind == .late {
            if mayComeFromTheUnseen(found) { unjudgedCount += 1 } else { leftovers.append(found) }
        } else {
            differ(.surplus, origin, "\(place(found)) holds \(describe(found)), which must not be there")
        }
    }

    /// - Parameter partition: of the input; nil: any.
    private func isOlder(_ found: FoundOutput, _ partition: Int32?) -> Bool {
        let epoch = partition.flatMap { scopes[$0]?.epoch } ?? scopes.values.map(\.epoch).max()
        return epoch.map { found.timestamp < $0 } ?? false
    }

    /// A late payment whose window began before what the folds have seen.
    private func mayComeFromTheUnseen(_ found: FoundOutput) -> Bool {
        guard let horizon = scopes.values.compactMap({ $0.horizon?.eventTime }).max() else { return false }
        let text = Array((found.header("tripline.late.window_start") ?? "").utf8)
        let start = text.withUnsafeBytes { Timestamp.parse(ByteSlice($0)) }
        return start.map { $0 <= horizon } ?? false
    }

    private mutating func match(_ index: Int, _ found: FoundOutput, isOlder: Bool = false) {
        expected[index].isFound = true
        let wanted = expected[index]
        if found.kind == .late { noteFloor(found, wanted.origin) }
        guard wanted.isJudged else { return }
        counts[found.kind, default: Count()].matched += 1
        if let problem = ByteDifference.text(wanted.output, found) {
            differ(.different, wanted.origin, "\(place(found)), \(describe(wanted.output)): \(problem)")
        }
        if !isOlder { checkOrder(index, found) }
    }

    private mutating func checkOrder(_ index: Int, _ found: FoundOutput) {
        let wanted = expected[index]
        let sequence = Sequence(kind: found.kind, partition: wanted.origin.partition, key: wanted.output.key)
        let before = newest[sequence]
        newest[sequence] = (found.partition, max(index, before?.index ?? index))
        guard let before else { return }
        if before.partition != found.partition {
            differ(
                .outOfOrder, wanted.origin,
                "\(place(found)): what comes before \(describe(wanted.output)) of the same key stands in partition \(before.partition)")
        } else if before.index > index {
            let earlier = expected[before.index]
            differ(
                .outOfOrder, wanted.origin,
                "\(place(found)): \(describe(wanted.output)) stands behind \(describe(earlier.output)) of offset \(earlier.origin.offset), which comes later")
        }
    }

    private mutating func noteFloor(_ found: FoundOutput, _ origin: FoundOutput.Origin) {
        let flow = Flow(part: TopicPart(kind: found.kind, partition: found.partition), partition: origin.partition)
        if shortened.contains(flow.part), floors[flow] == nil { floors[flow] = origin.offset }
    }

    /// What is missing from before the first output that a shortened topic still holds may have been deleted.
    private func mayBeDeleted(_ wanted: Expected) -> Bool {
        guard shortened.contains(where: { $0.kind == wanted.output.kind }) else { return false }
        let floors = floors.filter { $0.key.part.kind == wanted.output.kind && $0.key.partition == wanted.origin.partition }
        return floors.values.max().map { wanted.origin.offset < $0 } ?? true
    }

    // MARK: The end

    /// Something that must be there is not there yet, nor written by an earlier lineage: a transaction may still be open.
    var isIncomplete: Bool { missingCount > 0 && missingCount > Set(older.compactMap(missing)).count }

    /// How many must be there and are not there yet, but perhaps from an earlier lineage.
    var missingCount: Int { counts.values.reduce(0) { $0 + $1.expected - $1.matched } }

    /// The place among the expected of one that must be there and that this could be.
    private func missing(_ found: FoundOutput) -> Int? {
        name(of: found, found.origin(topic: topic)).flatMap { firstExpected($0, found) }.flatMap { expected[$0].isJudged && !expected[$0].isFound ? $0 : nil }
    }

    /// A record that is not folded, for late payments whose origin is not known yet.
    mutating func explain(_ record: PlainRecord) {
        let time = record.timestamp.map { "\($0)" }
        guard let index = leftovers.firstIndex(where: { $0.key == record.key && $0.value == record.value && $0.header("tripline.timestamp") == time })
        else { return }
        leftovers.remove(at: index)
        outsideCount += 1
    }

    /// Judges what is left over; the differences are complete then, by partition and offset.
    mutating func finish() {
        for found in older {
            let origin = found.origin(topic: topic)
            if let name = name(of: found, origin), let index = firstExpected(name, found), !expected[index].isFound {
                match(index, found, isOlder: true)
            } else {
                olderCount += 1
            }
        }
        older = []
        for wanted in expected where wanted.isJudged && !wanted.isFound { miss(wanted) }
        for found in leftovers { differ(.surplus, nil, "\(place(found)) holds \(describe(found)), which must not be there") }
        differences.sort { a, b in
            let (x, y) = (a.origin ?? .init(partition: a.partition ?? .max, offset: .max), b.origin ?? .init(partition: b.partition ?? .max, offset: .max))
            return x != y ? x < y : a.kind.rawValue < b.kind.rawValue
        }
    }

    private mutating func miss(_ wanted: Expected) {
        let kind = wanted.output.kind
        if mayBeDeleted(wanted) {
            deletedCount += 1
            return
        }
        if kind == .late, let index = leftovers.firstIndex(where: { $0.key == wanted.output.key && $0.value == wanted.output.value }) {
            let found = leftovers.remove(at: index)
            let problem = ByteDifference.text(wanted.output, found) ?? ""
            return differ(.different, wanted.origin, "\(place(found)), \(describe(wanted.output)): \(problem)")
        }
        differ(.missing, wanted.origin, "\(names[kind] ?? "") lacks \(describe(wanted.output))")
    }

    /// Adds what is wrong with a partition's committed totals.
    mutating func differ(totalsOf partition: Int32, _ text: String) {
        differences.append(Difference(kind: .totals, origin: nil, partition: partition, text: text))
    }

    private mutating func differ(_ kind: Difference.Kind, _ origin: FoundOutput.Origin?, _ text: String) {
        differences.append(Difference(kind: kind, origin: origin, partition: origin?.partition, text: text))
    }

    // MARK: For people

    private func place(_ found: FoundOutput) -> String { "\(names[found.kind] ?? "") partition \(found.partition) offset \(found.offset)" }

    private static func noun(_ kind: PlainOutput.Kind) -> String {
        switch kind {
        case .alert: "alert"
        case .shadowAlert: "shadow alert"
        case .late: "late payment"
        case .deadLetter: "dead letter"
        }
    }

    private func describe(_ output: PlainOutput) -> String { Self.describe(output.kind, output.alertID, output.value) }

    private func describe(_ found: FoundOutput) -> String { Self.describe(found.kind, found.alertID, found.value) }

    private static func describe(_ kind: PlainOutput.Kind, _ id: String?, _ value: [UInt8]?) -> String {
        switch kind {
        case .late, .deadLetter: return "the \(noun(kind))"
        case .alert, .shadowAlert:
            let rule = value.flatMap { AlertBody.text("rule_id", in: $0) }.map { " of rule \($0)" } ?? ""
            return "the \(noun(kind)) \(id ?? "without id")\(rule)"
        }
    }
}

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
        /// Where the group stood when the comparison began; nil: what comes from there on is not judged.
        var committed: Int64?
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
        /// The payment's Kafka timestamp, Unix milliseconds.
        var received: Int64?
        var isFound = false
        /// Where it was found, and when it was written: Unix milliseconds.
        var partition: Int32 = -1
        var writtenAt: Int64 = 0
        /// Of the same name, in order; -1: the last.
        var next = -1
        /// Others have the same name: which is which cannot be told.
        var hasTwin = false
    }

    /// What tells outputs of a kind apart: an alert's id, a dead letter's origin, a late payment's bytes.
    private enum Name: Hashable {
        case alert(PlainOutput.Kind, String)
        case deadLetter(FoundOutput.Origin)
        case late(hash: Int)
    }

    /// What stands in order: an account's outputs in a partition of their topic.
    private struct Sequence: Hashable {
        var flow: Flow
        var key: [UInt8]?
    }

    /// An output of a record that was not committed yet when the comparison began.
    private struct Ahead {
        var kind: PlainOutput.Kind
        var origin: FoundOutput.Origin
        /// What stands where, for people.
        var text: String
    }

    private struct Stream: Hashable {
        var kind: PlainOutput.Kind
        /// Of the input.
        var partition: Int32
    }

    private struct Flow: Hashable {
        var stream: Stream
        /// Of the output topic.
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
    /// Places among the expected of what this lineage wrote: the first and the last that was found.
    private var newest: [Sequence: (lowest: Int, highest: Int)] = [:]
    private var disordered: Set<Int> = []
    /// Stood there before the lineage began.
    private var older: [FoundOutput] = []
    /// Among the expected: lost by this lineage, sent by an earlier one.
    private var onlyEarlier: Set<Int> = []
    private(set) var leftovers: [FoundOutput] = []
    private var ahead: [Ahead] = []
    /// Dead letters with other bytes than expected, where they may be another group's.
    private var odd: [(index: Int, found: FoundOutput)] = []
    private var retained: RetainedOutputs
    private var placements: [Stream: OutputPlacement] = [:]
    /// Of the output topics.
    private var partitionCounts: [PlainOutput.Kind: Int32] = [:]
    /// Alerts tell that another group judges the same payments and writes to the same topics.
    private var isShared = false
    /// Against late payments and dead letters, which do not name their group.
    private var unsigned: [Difference] = []

    private(set) var differences: [Difference] = []
    private(set) var counts: [PlainOutput.Kind: Count] = [:]
    /// Found, and passed over: of records outside of what is compared, of other services, of an earlier lineage, what cannot be judged.
    private(set) var outsideCount = 0
    private(set) var foreignCount = 0
    private(set) var olderCount = 0
    private(set) var unjudgedCount = 0
    /// Of this group or of another: they do not say.
    private(set) var unsignedCount = 0
    /// Several times there from before the lineage began.
    private(set) var repeatedCount = 0
    /// Expected, and no longer held by a topic that deletes: for certain, and as far as anything tells.
    private(set) var deletedCount = 0
    private(set) var perhapsDeletedCount = 0

    /// - Parameter openTransaction: how long a transaction may be open, milliseconds.
    init(group: String, topic: String, names: [PlainOutput.Kind: String], openTransaction: Int64) {
        self.group = group
        self.topic = topic
        self.names = names
        retained = RetainedOutputs(openTransaction: openTransaction)
    }

    // MARK: Expected

    mutating func begin(_ partition: Int32, _ scope: Scope) { scopes[partition] = scope }

    /// Takes what the fold says of a record, in the order of the partition.
    ///
    /// - Parameter received: the record's Kafka timestamp.
    mutating func expect(_ result: PlainResult, of origin: FoundOutput.Origin, received: Int64?) {
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
                append(Expected(output: output, origin: origin, isJudged: isInRange && output.isCertain, received: received), name)
            }
        }
    }

    private mutating func append(_ new: Expected, _ name: Name) {
        let index = expected.count
        expected.append(new)
        if new.isJudged { counts[new.output.kind, default: Count()].expected += 1 }
        if let before = last[name] {
            expected[before].next = index
            expected[before].hasTwin = true
            expected[index].hasTwin = true
        } else {
            first[name] = index
        }
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

    /// Notes an output topic, before its records are found.
    ///
    /// - Parameter starts: the first offset of each of its partitions.
    mutating func noteTopic(_ kind: PlainOutput.Kind, starts: [Int64]) {
        partitionCounts[kind] = Int32(clamping: starts.count)
        for (partition, start) in starts.enumerated() where start > 0 { retained.noteShortened(kind, partition: Int32(clamping: partition)) }
    }

    /// Takes the next record of an output topic; those of one of its partitions come in order.
    mutating func find(_ found: FoundOutput) {
        retained.noteRecord(found)
        if isForeign(found) {
            foreignCount += 1
            return
        }
        let origin = found.origin(topic: topic)
        if let origin {
            retained.noteOutput(found, of: origin)
            if found.kind == .alert || found.kind == .shadowAlert { retained.noteWritten(found, of: origin) }
        }
        guard let name = name(of: found, origin) else {
            return differ(.surplus, origin, "\(place(found)) holds a record that is no \(Self.noun(found.kind)) of this service")
        }
        guard let index = firstExpected(name, found) else { return findUnexpected(found, name, origin) }
        if isOlder(found, expected[index].origin.partition) {
            older.append(found)
        } else if expected[index].isFound {
            guard expected[index].isJudged else { return outsideCount += 1 }
            accuse(.surplus, found.kind, expected[index].origin, onceMore(index, found))
        } else if isShared, found.kind == .deadLetter, ByteDifference.text(expected[index].output, found) != nil {
            odd.append((index, found))
        } else {
            match(index, found)
        }
    }

    private mutating func isForeign(_ found: FoundOutput) -> Bool {
        switch found.kind {
        case .alert, .shadowAlert:
            guard let source = found.header("ce_source"), source != "/tripline/\(group)/\(topic)" else { return false }
            if source.hasPrefix("/tripline/"), source.hasSuffix("/\(topic)") { isShared = true }
            return true
        case .deadLetter: return found.header("__streams.errors.topic").map { $0 != topic } ?? false
        case .late: return false
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
            guard let committed = scopes[origin.partition]?.committed, origin.offset >= committed, !isOlder(found, origin.partition) else { return }
            ahead.append(Ahead(kind: found.kind, origin: origin, text: "\(place(found)) holds \(describe(found))"))
        } else if isOlder(found, origin?.partition) {
            olderCount += 1
        } else if found.kind == .late {
            if mayComeFromTheUnseen(found) { unjudgedCount += 1 } else { leftovers.append(found) }
        } else {
            accuse(.surplus, found.kind, origin, "\(place(found)) holds \(describe(found)), which must not be there")
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

    private mutating func match(_ index: Int, _ found: FoundOutput, isInOrder: Bool = true) {
        expected[index].isFound = true
        expected[index].partition = found.partition
        expected[index].writtenAt = found.timestamp
        let wanted = expected[index]
        if found.kind == .late { retained.noteOutput(found, of: wanted.origin) }
        guard wanted.isJudged else { return }
        counts[found.kind, default: Count()].matched += 1
        if let problem = ByteDifference.text(wanted.output, found) {
            differ(.different, wanted.origin, "\(place(found)), \(describe(wanted.output)): \(problem)")
        }
        if isInOrder { checkOrder(index, found) }
    }

    private mutating func checkOrder(_ index: Int, _ found: FoundOutput) {
        let sequence = sequence(index)
        let before = newest[sequence]
        newest[sequence] = (min(index, before?.lowest ?? index), max(index, before?.highest ?? index))
        if let before, before.highest > index { disorder(index, behind: before.highest, place(found)) }
    }

    private mutating func disorder(_ index: Int, behind: Int, _ place: String) {
        guard disordered.insert(index).inserted else { return }
        let (wanted, before) = (expected[index], expected[behind])
        accuse(
            .outOfOrder, wanted.output.kind, wanted.origin,
            "\(place): \(describe(wanted.output)) stands behind \(describe(before.output)) of offset \(before.origin.offset), which comes later")
    }

    private func flow(_ index: Int) -> Flow {
        let wanted = expected[index]
        return Flow(stream: Stream(kind: wanted.output.kind, partition: wanted.origin.partition), partition: wanted.partition)
    }

    private func sequence(_ index: Int) -> Sequence { Sequence(flow: flow(index), key: expected[index].output.key) }

    // MARK: The end

    /// Something that must be there is not there yet, nor written by an earlier lineage, nor deleted: a transaction may still be open.
    var isIncomplete: Bool {
        guard missingCount > 0 else { return false }
        var judge = self
        judge.judgeEarlier()
        // What earlier lineages are accused of may have its reason behind such a transaction too.
        if judge.differences.count + judge.unsigned.count > differences.count + unsigned.count { return true }
        judge.prepare()
        return judge.expected.contains { $0.isJudged && !$0.isFound && judge.deletion($0) == .impossible }
    }

    /// How many must be there and are not there yet, but perhaps from an earlier lineage.
    var missingCount: Int {
        counts.values.reduce(0) { $0 + $1.expected - $1.matched } - Set(odd.map(\.index)).count { expected[$0].isJudged && !expected[$0].isFound }
    }

    /// Judges outputs of records that were not committed yet when the comparison began. Before `finish`.
    ///
    /// - Parameter positions: what was committed after the last output was read, of partitions whose lineage is still the same. An output's transaction
    ///   commits its offset too, so that one of a record from there on was written without.
    mutating func judgeAhead(_ positions: [Int32: Int64]) {
        for output in ahead {
            guard let position = positions[output.origin.partition], output.origin.offset >= position else { continue }
            outsideCount -= 1
            accuse(.surplus, output.kind, output.origin, "\(output.text), but only offsets up to \(position - 1) are committed: it was written without its own")
        }
        ahead = []
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
        judgeEarlier()
        for (index, found) in odd {
            if expected[index].isFound { unsignedCount += 1 } else { match(index, found, isInOrder: false) }
        }
        odd = []
        prepare()
        for (stream, placement) in placements { for index in placement.misplaced { displace(index, stream) } }
        for index in expected.indices where expected[index].isJudged && !expected[index].isFound { miss(index) }
        for found in leftovers { accuse(.surplus, .late, nil, "\(place(found)) holds \(describe(found)), which must not be there") }
        if isShared { unsignedCount += unsigned.count } else { differences += unsigned }
        unsigned = []
        differences.sort { a, b in
            let (x, y) = (a.origin ?? .init(partition: a.partition ?? .max, offset: .max), b.origin ?? .init(partition: b.partition ?? .max, offset: .max))
            return x != y ? x < y : a.kind.rawValue < b.kind.rawValue
        }
    }

    /// What was there before the lineage began: each expected output's last copy is the one that counts.
    ///
    /// An earlier lineage may have sent outputs that a later one sent again: all from an offset on then, so that the last copies of an input partition
    /// stand in order whatever was reset. A copy whose like does not stand in order was sent again alone, which nothing excuses.
    private mutating func judgeEarlier() {
        setOddAside()
        var places: [Int?] = []
        var isLast = Set<Int>()
        for (place, found) in older.enumerated().reversed() {
            guard let name = name(of: found, found.origin(topic: topic)), let index = firstExpected(name, found) else {
                places.append(nil)
                continue
            }
            if !expected[index].isFound {
                match(index, found, isInOrder: false)
                isLast.insert(place)
            }
            places.append(index)
        }
        places.reverse()
        forgetLost(places, &isLast)
        var highest: [Flow: Int] = [:]
        var strays = Set<Int>()
        var order: [Sequence: Int] = [:]
        for place in older.indices where isLast.contains(place) {
            guard let index = places[place], !expected[index].hasTwin else { continue }
            let (flow, sequence) = (flow(index), sequence(index))
            if let before = highest[flow], before > index { strays.insert(index) }
            highest[flow] = max(index, highest[flow] ?? index)
            if let before = order[sequence], before > index, expected[index].isJudged { disorder(index, behind: before, self.place(older[place])) }
            order[sequence] = max(index, order[sequence] ?? index)
        }
        for (sequence, before) in order {
            guard let new = newest[sequence], new.lowest < before, !expected[new.lowest].hasTwin else { continue }
            disorder(new.lowest, behind: before, "\(names[sequence.flow.stream.kind] ?? "") partition \(sequence.flow.partition)")
        }
        judgeCopies(places, isLast, strays, highest)
        older = []
    }

    /// Dead letters of another group are no copies of this one's.
    private mutating func setOddAside() {
        guard isShared else { return }
        var kept: [FoundOutput] = []
        for found in older {
            if found.kind == .deadLetter, let index = name(of: found, found.origin(topic: topic)).flatMap({ firstExpected($0, found) }),
                ByteDifference.text(expected[index].output, found) != nil
            {
                odd.append((index, found))
            } else {
                kept.append(found)
            }
        }
        older = kept
    }

    /// Where this lineage has sent again what an earlier one had sent, few that it has not are lost, and the earlier copies do not stand for them.
    private mutating func forgetLost(_ places: [Int?], _ isLast: inout Set<Int>) {
        var lowest: [Flow: Int] = [:]
        var again: [Flow: Int] = [:]
        var alone: [Flow: [Int]] = [:]
        for (place, index) in places.enumerated() where !isLast.contains(place) {
            guard let index, !isEarlier(expected[index]) else { continue }
            lowest[flow(index)] = min(index, lowest[flow(index)] ?? index)
            again[flow(index), default: 0] += 1
        }
        for place in isLast {
            if let index = places[place], !expected[index].hasTwin, index > lowest[flow(index)] ?? .max { alone[flow(index), default: []].append(place) }
        }
        for (flow, lost) in alone where lost.count < again[flow] ?? 0 && isOwn(flow.stream.kind) {
            for place in lost {
                guard let index = places[place] else { continue }
                isLast.remove(place)
                onlyEarlier.insert(index)
                expected[index].isFound = false
                if expected[index].isJudged { counts[flow.stream.kind, default: Count()].matched -= 1 }
            }
        }
    }

    private func isEarlier(_ wanted: Expected) -> Bool { wanted.isFound && wanted.writtenAt < scopes[wanted.origin.partition]?.epoch ?? .min }

    /// - Parameters:
    ///   - places: of the earlier ones among the expected.
    ///   - isLast: of the earlier ones, those that stand for the expected.
    ///   - strays: among the expected, those that stand behind one that comes later.
    ///   - highest: of those that stand there from before alone, the one that comes last.
    private mutating func judgeCopies(_ places: [Int?], _ isLast: Set<Int>, _ strays: Set<Int>, _ highest: [Flow: Int]) {
        for (place, found) in older.enumerated() where !isLast.contains(place) {
            guard let index = places[place] else {
                olderCount += 1
                continue
            }
            let wanted = expected[index]
            let isEarlier = isEarlier(wanted)
            let isStray = isEarlier ? strays.contains(index) : highest[flow(index)].map { $0 > index } ?? false
            if isStray, wanted.isJudged, !wanted.hasTwin, wanted.partition == found.partition {
                accuse(.surplus, found.kind, wanted.origin, onceMore(index, found))
            } else if isEarlier {
                repeatedCount += 1
            } else {
                olderCount += 1
            }
        }
    }

    /// Learns from all that is found what is asked of what is not.
    private mutating func prepare() {
        retained.prepare(epochs: scopes.mapValues(\.epoch))
        var rows: [Stream: [OutputPlacement.Row]] = [:]
        for (index, wanted) in expected.enumerated() where wanted.isFound && !(wanted.hasTwin && wanted.output.key == nil) {
            rows[Stream(kind: wanted.output.kind, partition: wanted.origin.partition), default: []].append(
                OutputPlacement.Row(
                    index: index, home: OutputPlacement.Home(wanted.output, of: wanted.origin), partition: wanted.partition, time: wanted.writtenAt))
        }
        placements = Dictionary(
            uniqueKeysWithValues: rows.map { stream, rows in (stream, OutputPlacement(rows, count: partitionCounts[stream.kind] ?? 1)) })
    }

    private func deletion(_ wanted: Expected) -> RetainedOutputs.Deletion {
        let kind = wanted.output.kind
        let placement = placements[Stream(kind: kind, partition: wanted.origin.partition)] ?? OutputPlacement([], count: partitionCounts[kind] ?? 1)
        let partitions = placement.partitions(OutputPlacement.Home(wanted.output, of: wanted.origin))
        return retained.deletion(kind, in: partitions, of: wanted.origin, received: wanted.received, isOwn: isOwn(kind))
    }

    /// What is taken for this group's is: alerts name their group.
    private func isOwn(_ kind: PlainOutput.Kind) -> Bool {
        switch kind {
        case .alert, .shadowAlert: true
        case .late, .deadLetter: !isShared
        }
    }

    private mutating func displace(_ index: Int, _ stream: Stream) {
        let wanted = expected[index]
        guard wanted.isJudged else { return }
        let home = OutputPlacement.Home(wanted.output, of: wanted.origin).partition(among: partitionCounts[stream.kind] ?? 1)
        accuse(
            .outOfOrder, stream.kind, wanted.origin,
            "\(names[stream.kind] ?? "") partition \(wanted.partition): \(describe(wanted.output)) belongs in partition \(home)")
    }

    private mutating func miss(_ index: Int) {
        let wanted = expected[index]
        let kind = wanted.output.kind
        switch deletion(wanted) {
        case .certain: return deletedCount += 1
        case .possible: return perhapsDeletedCount += 1
        case .impossible: break
        }
        if kind == .late, let index = leftovers.firstIndex(where: { $0.key == wanted.output.key && $0.value == wanted.output.value }) {
            let found = leftovers.remove(at: index)
            let problem = ByteDifference.text(wanted.output, found) ?? ""
            return differ(.different, wanted.origin, "\(place(found)), \(describe(wanted.output)): \(problem)")
        }
        let earlier = onlyEarlier.contains(index) ? ", but for a copy from before the present lineage, which sent others again" : ""
        differ(.missing, wanted.origin, "\(names[kind] ?? "") lacks \(describe(wanted.output))\(earlier)")
    }

    /// Adds what is wrong with a partition's committed totals.
    mutating func differ(totalsOf partition: Int32, _ text: String) {
        differences.append(Difference(kind: .totals, origin: nil, partition: partition, text: text))
    }

    /// Against an output that may be another group's: `finish` decides.
    private mutating func accuse(_ kind: Difference.Kind, _ output: PlainOutput.Kind, _ origin: FoundOutput.Origin?, _ text: String) {
        switch output {
        case .alert, .shadowAlert: differ(kind, origin, text)
        case .late, .deadLetter: unsigned.append(Difference(kind: kind, origin: origin, partition: origin?.partition, text: text))
        }
    }

    private mutating func differ(_ kind: Difference.Kind, _ origin: FoundOutput.Origin?, _ text: String) {
        differences.append(Difference(kind: kind, origin: origin, partition: origin?.partition, text: text))
    }

    // MARK: For people

    private func onceMore(_ index: Int, _ found: FoundOutput) -> String { "\(place(found)) holds \(describe(expected[index].output)) once more" }

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

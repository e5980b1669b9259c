import ReferenceFold
import RuleFiles

@testable import FraudEngine

/// One partition folded twice: by the engine, in runs of different lengths, and by the reference.
struct Twins: ~Copyable {
    /// What a record led to, byte for byte.
    struct Line: Equatable, CustomStringConvertible {
        var kind: String
        var key: [UInt8]?
        var value: [UInt8]?
        var headers: [PlainHeader]

        var description: String {
            func text(_ bytes: [UInt8]?) -> String { bytes.map { String(decoding: $0, as: UTF8.self) } ?? "null" }
            return "\(kind) \(text(key)) \(text(value))\n" + headers.map { "  \(text($0.name)): \(text($0.value))\n" }.joined()
        }
    }

    /// A switch of rules before the record of this offset.
    struct Switch {
        var at: Int64
        var rules: RuleSet
    }

    private(set) var engine: [Line] = []
    private(set) var reference: [Line] = []
    private(set) var outcomes: [PlainOutcome: Int] = [:]
    private(set) var engineTotals = Totals()
    private(set) var fold: ReferenceFold
    private(set) var engineStreamTime: Int64?
    let windows: TumblingWindows
    private let mapping: InputMapping
    private let context: OutputContext
    private let switches: [Switch]

    static let partition: Int32 = 5

    /// - Parameter change: makes the reference another than the engine.
    init(
        _ switches: [Switch], mapping: InputMapping, windows: TumblingWindows, maxBytes: Int = 1_000_000,
        change: (inout ReferenceFold.Configuration) -> Void = { _ in }
    ) {
        self.switches = switches
        self.mapping = mapping
        self.windows = windows
        context = OutputContext(group: "g", inputTopic: "payments", deadLetterMaxBytes: maxBytes, lateMaxBytes: maxBytes)
        var configuration = ReferenceFold.Configuration(group: "g", topic: "payments", mapping: mapping, windows: windows)
        configuration.deadLetterMaxBytes = maxBytes
        configuration.lateMaxBytes = maxBytes
        change(&configuration)
        let history = switches.map { PlainActivation(fromOffset: $0.at, rules: PlainRuleSet($0.rules)) }
        fold = ReferenceFold(partition: Self.partition, configuration: configuration, history: history)
    }

    /// Lets the reference judge by other rules than the engine.
    mutating func replaceHistory(_ history: [(at: Int64, rules: RuleSet)]) {
        let activations = history.map { PlainActivation(fromOffset: $0.at, rules: PlainRuleSet($0.rules)) }
        fold = ReferenceFold(partition: Self.partition, configuration: fold.configuration, history: activations)
    }

    /// Folds all records by both; the engine's runs have random lengths.
    mutating func run(_ records: [PlainRecord], random: inout Seeded) {
        for record in records {
            let result = fold.fold(record)
            outcomes[result.outcome, default: 0] += 1
            reference += result.outputs.map { Line(kind: "\($0.kind)", key: $0.key, value: $0.value, headers: $0.headers) }
            if let score = result.score { reference.append(Line(score)) }
        }
        var machine = PartitionMachine(partition: Self.partition, state: PartitionState(windows: windows, seed: 7), next: 0, anchor: nil, history: [])
        var rest = records[...]
        for (index, change) in switches.enumerated() {
            var kit = FoldKit(ruleSet: change.rules, mapping: mapping, windows: windows)
            machine.use(kit)
            let end = index + 1 < switches.count ? switches[index + 1].at : Int64.max
            while let first = rest.first, first.offset < end {
                let length = Int.random(in: 1...64, using: &random)
                let run = rest.prefix(length).prefix { $0.offset < end }
                fold(Array(run), &machine, &kit)
                rest = rest.dropFirst(run.count)
            }
        }
        engineTotals = machine.state.totals
        engineStreamTime = machine.state.streamTime == StreamTime.none ? nil : machine.state.streamTime
    }

    private mutating func fold(_ run: [PlainRecord], _ machine: inout PartitionMachine, _ kit: inout FoldKit) {
        var outbox = Outbox()
        var bytes = ByteWriter()
        let places = run.map { record in
            (value: record.value.map { value in bytes.place(value) }, key: record.key.map { key in bytes.place(key) })
        }
        let base = UnsafeRawPointer(bytes.bytes)
        let raw = zip(run, places).map { record, place in
            RawRecord(
                value: place.value.map { base + $0.lowerBound }, valueCount: place.value?.count ?? 0, key: place.key.map { base + $0.lowerBound },
                keyCount: place.key?.count ?? 0, offset: record.offset, timestamp: record.timestamp ?? RawRecord.absentTimestamp)
        }
        raw.withUnsafeBufferPointer { records in
            machine.fold(records, kit: &kit, outbox: &outbox, context: context, emits: true) { index, traceOnly, block in
                Self.append(run[index].headers, traceOnly: traceOnly, to: &block)
            }
        }
        engine += outbox.entries.map { Line($0, outbox) }
        engine += outbox.scores.map { Line($0) }
    }

    /// As the service's worker copies them.
    private static func append(_ headers: [PlainHeader], traceOnly: Bool, to block: inout ByteWriter) {
        if traceOnly {
            guard let trace = headers.last(where: { $0.name == Array("traceparent".utf8) })?.value, trace.count <= 256 else { return }
            return HeaderBlock.append("traceparent", trace, to: &block)
        }
        for header in headers {
            header.name.withUnsafeBytes { name in
                guard let value = header.value else { return HeaderBlock.append(name: ByteSlice(name), value: nil, to: &block) }
                value.withUnsafeBytes { HeaderBlock.append(name: ByteSlice(name), value: ByteSlice($0), to: &block) }
            }
        }
    }

    /// Where they differ first, kind by kind; nil where they are the same.
    var difference: String? {
        for kind in ["alert", "shadowAlert", "late", "deadLetter", "score"] {
            let (mine, theirs) = (engine.filter { $0.kind == kind }, reference.filter { $0.kind == kind })
            for (index, (a, b)) in zip(mine, theirs).enumerated() where a != b { return "\(kind) \(index)\nengine:\n\(a)reference:\n\(b)" }
            if mine.count != theirs.count { return "\(kind): the engine has \(mine.count), the reference \(theirs.count)" }
        }
        for outcome in Outcome.allCases {
            let same = PlainOutcome.allCases[Int(outcome.rawValue)]
            let (mine, theirs) = (engineTotals[outcome], fold.totals.count(same))
            if mine != theirs || engineTotals.amounts[Int(outcome.rawValue)] != fold.totals.amount(same) {
                return "\(outcome): the engine counts \(mine), the reference \(theirs)"
            }
        }
        return engineStreamTime == fold.streamTime ? nil : "stream time"
    }
}

extension Twins.Line {
    init(_ entry: Outbox.Entry, _ outbox: borrowing Outbox) {
        func slice(_ range: Range<Int>?) -> [UInt8]? { range.map { range in outbox.bytes.withBytes { Array($0[range]) } } }
        self.init(kind: "\(entry.kind)", key: slice(entry.key), value: slice(entry.value), headers: Self.headers(slice(entry.headers) ?? []))
    }

    init(_ score: ScoreChange) {
        let text =
            "\(score.score) \(score.band) \(score.decision) \(String(decoding: score.rules, as: UTF8.self)) \(score.eventTime) \(score.streamTime) "
            + "\(score.expiry) \(score.offset) \(score.ruleSet.hexadecimal)"
        self.init(kind: "score", key: score.account, value: Array(text.utf8), headers: [])
    }

    init(_ score: PlainScore) {
        let text =
            "\(score.score) \(score.band) \(score.decision) \(String(decoding: score.rules, as: UTF8.self)) \(score.eventTime) \(score.streamTime) "
            + "\(score.expiry) \(score.offset) \(score.ruleSet)"
        self.init(kind: "score", key: score.account, value: Array(text.utf8), headers: [])
    }

    /// Reads a header block.
    private static func headers(_ block: [UInt8]) -> [PlainHeader] {
        var rest = block[...]
        func field() -> [UInt8]? {
            let count = Int32(bitPattern: rest.prefix(4).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) })
            rest = rest.dropFirst(4)
            guard count >= 0 else { return nil }
            defer { rest = rest.dropFirst(Int(count)) }
            return Array(rest.prefix(Int(count)))
        }
        var headers: [PlainHeader] = []
        while !rest.isEmpty { headers.append(PlainHeader(name: field() ?? [], value: field())) }
        return headers
    }
}

extension ByteWriter {
    /// Appends bytes and says where they stand; the buffer may move until the last of them.
    fileprivate mutating func place(_ bytes: [UInt8]) -> Range<Int> {
        let start = count
        append(bytes)
        return start..<count
    }
}

import RuleFiles
import Testing

@testable import FraudEngine

/// A payment of a test; its Kafka timestamp is its event time.
struct TestPayment {
    /// nil: no key, which makes the record invalid.
    var account: String?
    var time: Int64
    /// Minor units.
    var amount: Int64 = 100
    var currency = "EUR"
    var id: String

    var json: String {
        "{\"payment_id\":\"\(id)\",\"account_id\":\"\(account ?? "none")\",\"amount\":\(amount),\"currency\":\"\(currency)\",\"occurred_at\":\(time)}"
    }
}

/// What a partition gave out, byte for byte.
struct Output: Equatable {
    var kind: Outbox.Kind
    var key: [UInt8]?
    var value: [UInt8]?
    var headers: [UInt8]

    /// A number behind `"name":` in the value; the first of that name after `after`.
    func number(_ name: String, after: String = "") -> Int64? {
        let text = String(decoding: value ?? [], as: UTF8.self)
        guard let start = after.isEmpty ? text.startIndex : text.range(of: after)?.upperBound,
            let found = text[start...].range(of: "\"\(name)\":")
        else { return nil }
        return Int64(text[found.upperBound...].prefix { $0 == "-" || $0.isNumber })
    }

    func text(_ name: StaticString) -> String { AlertBody.text(name, in: value ?? []) ?? "" }
}

extension [Output] {
    /// Where two lives differ first, topic by topic; nil where each topic has the same bytes in the same order.
    func difference(from other: [Output]) -> String? {
        for kind in Outbox.Kind.allCases {
            let (mine, theirs) = (filter { $0.kind == kind }, other.filter { $0.kind == kind })
            for (index, (a, b)) in zip(mine, theirs).enumerated() where a != b {
                return "\(kind) \(index): \(String(decoding: a.value ?? [], as: UTF8.self)) and \(String(decoding: b.value ?? [], as: UTF8.self))"
            }
            if mine.count != theirs.count { return "\(kind): \(mine.count) and \(theirs.count)" }
        }
        return nil
    }
}

extension StringProtocol {
    /// Where the text first occurs.
    func range(of text: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
            start = index(after: start)
        }
        return nil
    }
}

enum TestRules {
    /// A set from one rule file's rules, `id: condition` with further members.
    static func set(_ rules: [(id: String, condition: String, more: String)], baseWindow: Int64 = 300_000) -> RuleSet {
        var text = "version: 1\nrules:\n"
        for rule in rules {
            text += "  - {id: \(rule.id), title: \(rule.id), owner: a@example.com, status: active, score: 20, when: '\(rule.condition)'\(rule.more)}\n"
        }
        let features = """
            version: 1
            features:
              account.count_5m: {aggregate: count, window: {tumbling: 5m}}
              account.sum_5m: {aggregate: sum, of: payment.amount, window: {tumbling: 5m}}
            """
        var files = [RuleBundle.File(path: "rules.yaml", bytes: Array(text.utf8))]
        if baseWindow == 300_000 { files.append(RuleBundle.File(path: "features.yaml", bytes: Array(features.utf8))) }
        switch RuleFiles.load(bundle: RuleBundle(files: files), baseWindowMilliseconds: baseWindow) {
        case .success(let loaded): return loaded.set
        case .failure(let diagnostics): preconditionFailure(diagnostics.text)
        }
    }

    /// An alert on every payment, which shows its window.
    static func always(baseWindow: Int64 = 300_000) -> RuleSet {
        set([(id: "always", condition: "payment.amount >= 0", more: ", once_per: payment")], baseWindow: baseWindow)
    }
}

/// One partition of the engine with what it gave out.
struct EngineRun: ~Copyable {
    var machine: PartitionMachine
    var kit: FoldKit
    var outbox = Outbox()
    var outputs: [Output] = []
    let context = OutputContext(group: "g", inputTopic: "payments", deadLetterMaxBytes: 1_000_000, lateMaxBytes: 1_000_000)

    static var mapping: InputMapping {
        var mapping = InputMapping()
        mapping.timeStyle = .epochMilliseconds
        return mapping
    }

    init(_ set: RuleSet, _ windows: TumblingWindows) {
        self.init(set, windows, state: PartitionState(windows: windows, seed: 7), next: 0)
    }

    init(_ set: RuleSet, _ windows: TumblingWindows, state: consuming PartitionState, next: Int64) {
        kit = FoldKit(ruleSet: set, mapping: Self.mapping, windows: windows)
        machine = PartitionMachine(partition: 0, state: state, next: next, anchor: nil, history: [])
        machine.use(kit)
    }

    /// Folds the payments from the machine's next offset on, in runs of these lengths (the last again and again).
    mutating func fold(_ payments: ArraySlice<TestPayment>, runs: [Int] = [64], emits: Bool = true) {
        var rest = payments
        var lengths = runs
        while !rest.isEmpty {
            let length = lengths.count > 1 ? lengths.removeFirst() : lengths[0]
            TestRecords.with(Array(rest.prefix(length)), from: machine.next) { records in
                machine.fold(records, kit: &kit, outbox: &outbox, context: context, emits: emits) { _, _, _ in }
            }
            rest = rest.dropFirst(length)
            outputs += outbox.taken()
        }
    }
}

enum TestRecords {
    /// The payments as records from an offset on.
    static func with(_ payments: [TestPayment], from offset: Int64, _ body: (UnsafeBufferPointer<RawRecord>) -> Void) {
        var bytes = ByteWriter()
        var places: [(value: Range<Int>, key: Range<Int>)] = []
        for payment in payments {
            let start = bytes.count
            bytes.append(utf8: payment.json)
            let middle = bytes.count
            bytes.append(utf8: payment.account ?? "")
            places.append((start..<middle, middle..<bytes.count))
        }
        let base = UnsafeRawPointer(bytes.bytes)
        let records = zip(payments, places).enumerated().map { index, entry in
            RawRecord(
                value: base + entry.1.value.lowerBound, valueCount: entry.1.value.count, key: entry.0.account == nil ? nil : base + entry.1.key.lowerBound,
                keyCount: entry.1.key.count, offset: offset + Int64(index), timestamp: entry.0.time)
        }
        records.withUnsafeBufferPointer(body)
    }
}

extension Outbox {
    /// What is pending, which is forgotten.
    mutating func taken() -> [Output] {
        defer { removeAll() }
        func slice(_ range: Range<Int>?) -> [UInt8]? { range.map { range in bytes.withBytes { Array($0[range]) } } }
        return entries.map { Output(kind: $0.kind, key: slice($0.key), value: slice($0.value), headers: slice($0.headers) ?? []) }
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// Payments of a few accounts around a slowly rising time: ties, late ones, duplicates, two currencies, some without a key.
    mutating func payments(_ count: Int) -> [TestPayment] {
        var time: Int64 = -400_000
        return (0..<count).map { number in
            time += Int64.random(in: 0...4_000, using: &self)
            let back: Int64 =
                Int.random(in: 0..<12, using: &self) == 0 ? Int64.random(in: 0...600_000, using: &self) : Int64.random(in: 0...2_000, using: &self)
            let account = Int.random(in: 0..<40, using: &self) == 0 ? nil : "a\(Int.random(in: 0..<8, using: &self))"
            let id = Int.random(in: 0..<15, using: &self) == 0 ? "p\(max(0, number - 3))" : "p\(number)"
            return TestPayment(
                account: account, time: time - back, amount: Int64.random(in: 0...90_000, using: &self),
                currency: Bool.random(using: &self) ? "EUR" : "VND", id: id)
        }
    }
}

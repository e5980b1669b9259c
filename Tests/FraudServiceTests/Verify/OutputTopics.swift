import FraudEngine
import Kafka
import ReferenceFold
import RuleFiles

@testable import FraudService

/// Payments of two partitions, what the reference fold makes of them, and output topics that hold exactly that.
struct OutputTopics {
    static let names: [PlainOutput.Kind: String] = [.alert: "alerts", .shadowAlert: "shadow", .late: "late", .deadLetter: "dlq"]
    /// When the first outputs were written, the others as much later as their payments; Unix milliseconds.
    static let writtenAt: Int64 = 2_000_000_000_000
    static let epoch: Int64 = 1_900_000_000_000
    static let firstTime: Int64 = 1_800_000_000_000
    static let count: Int64 = 400

    /// What the folds say, in order.
    var results: [(origin: FoundOutput.Origin, result: PlainResult)] = []
    var found: [FoundOutput] = []
    /// Of partition 0.
    private(set) var fold: ReferenceFold
    private(set) var records: [FoundOutput.Origin: PlainRecord] = [:]

    private static func rules() -> PlainRuleSet {
        let text = """
            version: 1
            features:
              account.count_5m: {aggregate: count, window: {tumbling: 5m}}
            rules:
              - {id: each, title: Each, owner: a@example.com, status: active, score: 10, once_per: payment, when: account.count_5m >= 1}
              - {id: busy, title: Busy, owner: a@example.com, status: active, score: 10, once_per: 15m, when: account.count_5m > 3}
              - {id: quiet, title: Quiet, owner: a@example.com, status: shadow, score: 10, when: account.count_5m > 2}
            """
        let bundle = RuleBundle(files: [RuleBundle.File(path: "rules.yaml", bytes: Array(text.utf8))])
        switch RuleFiles.load(bundle: bundle, baseWindowMilliseconds: 300_000) {
        case .success(let loaded): return PlainRuleSet(loaded.set)
        case .failure(let diagnostics): preconditionFailure(diagnostics.text)
        }
    }

    private static func newFold(_ partition: Int32, _ horizon: PlainHorizon? = nil) -> ReferenceFold {
        let configuration = ReferenceFold.Configuration(group: "g", topic: "payments")
        return ReferenceFold(
            partition: partition, configuration: configuration, history: [PlainActivation(fromOffset: 0, rules: rules())], horizon: horizon)
    }

    /// Every 40th record is late, every 50th has no key.
    private static func record(_ partition: Int32, _ offset: Int64) -> PlainRecord {
        let time = firstTime + offset * 4_000
        let occurredAt = offset % 40 == 39 ? time - 1_000_000 : time
        let account = "acc-\(partition)-\(offset % 7)"
        let value =
            "{\"payment_id\":\"p\(offset)\",\"account_id\":\"\(account)\",\"amount\":100,\"currency\":\"EUR\","
            + "\"occurred_at\":\"\(readable(occurredAt))\"}"
        return PlainRecord(offset: offset, timestamp: time, key: offset % 50 == 49 ? nil : Array(account.utf8), value: Array(value.utf8))
    }

    init() {
        fold = Self.newFold(0)
        var other = Self.newFold(1)
        for offset in 0..<Self.count {
            for partition in Int32(0)...1 {
                let origin = FoundOutput.Origin(partition: partition, offset: offset)
                let record = Self.record(partition, offset)
                let result = partition == 0 ? fold.fold(record) : other.fold(record)
                records[origin] = record
                results.append((origin, result))
                for output in result.outputs { write(output, from: origin) }
            }
        }
    }

    /// Folds again from a record on, as where the log does not reach to the birth.
    mutating func forget(before first: Int64) -> PlainHorizon {
        let horizon = PlainHorizon(timestamp: Self.firstTime + first * 4_000, maxAhead: 5_000)
        results = []
        for partition in Int32(0)...1 {
            var fold = Self.newFold(partition, horizon)
            for offset in first..<Self.count {
                results.append((FoundOutput.Origin(partition: partition, offset: offset), fold.fold(Self.record(partition, offset))))
            }
        }
        return horizon
    }

    private mutating func write(_ output: PlainOutput, from origin: FoundOutput.Origin) {
        var headers = output.headers
        if output.alertID != nil {
            headers.append(PlainHeader(name: Array("tripline_decided_at".utf8), value: Array("now \(found.count)".utf8)))
            headers.append(PlainHeader(name: Array("tripline_mode".utf8), value: Array("live".utf8)))
        }
        found.append(
            FoundOutput(
                kind: output.kind, partition: Self.home(output.key, origin.partition, among: 2), offset: Int64(found.count),
                timestamp: Self.writtenAt + origin.offset * 4_000, key: output.key, value: output.value, headers: headers))
    }

    static func home(_ key: [UInt8]?, _ input: Int32, among count: Int32) -> Int32 {
        key.map { $0.withUnsafeBytes { KeyPartitioner.partition(of: $0, partitionCount: count) } } ?? input % count
    }

    // MARK: Changing

    /// Places in `found` of a kind.
    func places(_ kind: PlainOutput.Kind) -> [Int] { found.indices.filter { found[$0].kind == kind } }

    mutating func changeByte(at place: Int) {
        guard var value = found[place].value, let digit = value.lastIndex(of: UInt8(ascii: "0")) else { preconditionFailure("a value has a zero") }
        value[digit] = UInt8(ascii: "9")
        found[place].value = value
    }

    /// Exchanges an account's first two alerts.
    mutating func swapFirstTwo() {
        let first = places(.alert)[0]
        guard let second = places(.alert).dropFirst().first(where: { found[$0].key == found[first].key }) else { preconditionFailure("two alerts") }
        found.swapAt(first, second)
        (found[first].offset, found[second].offset) = (found[second].offset, found[first].offset)
    }

    // MARK: Comparing

    /// What `verify` would find.
    func compare(
        _ offsets: Range<Int64> = 0..<OutputTopics.count, horizon: PlainHorizon? = nil, starts: [PlainOutput.Kind: [Int64]] = [:],
        positions: [Int32: Int64] = [:]
    ) -> OutputComparison {
        var comparison = read(offsets, horizon: horizon, starts: starts)
        comparison.judgeAhead(positions)
        comparison.finish()
        return comparison
    }

    /// What it knows when it has read every topic once.
    func read(_ offsets: Range<Int64> = 0..<OutputTopics.count, horizon: PlainHorizon? = nil, starts: [PlainOutput.Kind: [Int64]] = [:]) -> OutputComparison {
        var comparison = OutputComparison(group: "g", topic: "payments", names: Self.names, openTransaction: 12_000)
        for partition in Int32(0)...1 {
            comparison.begin(partition, .init(offsets: offsets, epoch: Self.epoch, horizon: horizon, committed: offsets.upperBound))
        }
        for (origin, result) in results where origin.offset < offsets.upperBound {
            comparison.expect(result, of: origin, received: records[origin]?.timestamp)
        }
        for kind in PlainOutput.Kind.allCases { comparison.noteTopic(kind, starts: starts[kind] ?? [0, 0]) }
        for one in found { comparison.find(one) }
        for (origin, record) in records.sorted(by: { $0.key < $1.key }) where origin.offset >= offsets.upperBound { comparison.explain(record) }
        return comparison
    }
}

extension OutputComparison {
    /// `missing 0@17`, in order.
    var brief: [String] { differences.map { "\($0.kind.rawValue)\($0.origin.map { " \($0.partition)@\($0.offset)" } ?? "")" } }
}

import Testing

@testable import FraudEngine

/// What serves a partition of which nothing is committed.
@Suite struct CheckpointSearchTests {
    private typealias Search = CheckpointSearch<[UInt8], Never>
    private typealias Entry = Search.Entry

    private static let settings = WorkerLife.settings
    private static var rules: RuleSet { TestRules.set([(id: "always", condition: "payment.amount >= 0", more: "")]) }

    private static func entry(_ offset: Int64, fold: String = settings.foldHash, partitions: Int = settings.partitionCount, isDamaged: Bool = false) -> Entry {
        var state = PartitionState(windows: settings.windows, seed: settings.seed)
        let snapshot = state.snapshot()
        let header = CheckpointHeader(
            group: settings.group, topic: settings.topic, partition: 0, epoch: 1, offset: offset, foldHash: fold, partitionCount: partitions, anchor: nil,
            history: [RuleActivation(sequence: 1, ruleSet: rules.hash, fromOffset: 0, streamTime: StreamTime.none)], digest: snapshot.digest)
        var bytes = ByteWriter()
        CheckpointFile.encode(header, snapshot, to: &bytes)
        return Entry(epoch: 1, kept: header.kept, place: isDamaged ? bytes.array().dropLast() : bytes.array())
    }

    /// The offset of the one that serves, in a refusal's place its name.
    private static func newest(_ listed: [Entry]) -> (found: String?, unused: [Int64]) {
        var unused: [Int64] = []
        let search = Search(
            settings: settings, bytes: { .success($0) }, ruleSet: { _ in rules }, notUsed: { entry, _ in unused.append(entry.kept.offset) })
        do throws(RecoveryFailure<Never>) {
            let recovered = try search.newest(0, listed)
            guard case .checkpoint(let offset) = recovered?.start else { return (nil, unused) }
            return ("\(offset)", unused)
        } catch {
            switch error {
            case .refused(let why): return (why.message, unused)
            }
        }
    }

    @Test func `without an offset the newest checkpoint that can be read serves`() {
        #expect(Self.newest([]).found == nil)
        #expect(Self.newest([Self.entry(1), Self.entry(2)]).found == "2")
        let damaged = Self.newest([Self.entry(1), Self.entry(2, isDamaged: true)])
        #expect((damaged.found, damaged.unused) == ("1", [2]))
        #expect(Self.newest([Self.entry(1, isDamaged: true)]).found == nil)
    }

    @Test func `one of another number of partitions is refused, whatever came before it`() {
        let changed = Refusal.partitionCountChanged(committed: 99, now: Self.settings.partitionCount).message
        #expect(Self.newest([Self.entry(1, partitions: 99)]).found == changed)
        #expect(Self.newest([Self.entry(1), Self.entry(2, partitions: 99)]).found == changed)
        #expect(Self.newest([Self.entry(1, partitions: 99), Self.entry(2, isDamaged: true)]).found == changed)
        // No settings and no version would make them serve.
        #expect(Self.newest([Self.entry(1, fold: "other", partitions: 99)]).found == changed)
    }

    @Test func `where all are another fold's, that is said`() {
        let changed = Refusal.foldChanged(committed: "other", now: Self.settings.foldHash).message
        #expect(Self.newest([Self.entry(1, fold: "older"), Self.entry(2, fold: "other"), Self.entry(3, isDamaged: true)]).found == changed)
        #expect(Self.newest([Self.entry(1, partitions: 99), Self.entry(2, fold: "other")]).found == changed)
        let older = Self.newest([Self.entry(1), Self.entry(2, fold: "other")])
        #expect((older.found, older.unused) == ("1", [2]))
    }
}

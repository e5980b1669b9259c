import RuleFiles
import Testing

@testable import FraudEngine
@testable import FraudService

/// What recovery makes of a store whose content has changed since it was written.
@Suite struct DamageTests {
    /// A store in memory.
    private struct Store: CheckpointAccess {
        var checkpoints: [Int64: [UInt8]] = [:]
        var bundles: [RuleSetHash: [UInt8]] = [:]

        func prepare() throws(StoreProblem) {}
        func partitions() throws(StoreProblem) -> [Int32] { [0] }
        func list(_ partition: Int32) throws(StoreProblem) -> [StoredCheckpoint] {
            checkpoints.keys.sorted().map { StoredCheckpoint(partition: 0, epoch: 5, kept: KeptCheckpoint(offset: $0, sequence: 1), place: "at \($0)") }
        }
        func read(_ checkpoint: StoredCheckpoint) throws(StoreProblem) -> [UInt8] {
            guard let bytes = checkpoints[checkpoint.kept.offset] else { throw .missing(checkpoint.place) }
            return bytes
        }
        func look(at checkpoint: StoredCheckpoint, limit: Int) throws(StoreProblem) -> (byteCount: Int, writtenAt: Int64, start: [UInt8]) {
            let bytes = try read(checkpoint)
            return (bytes.count, 0, Array(bytes.prefix(limit)))
        }
        func write(_ header: CheckpointHeader, _ bytes: UnsafeRawBufferPointer) throws(StoreProblem) {}
        func store(ruleSet hash: RuleSetHash, bundle: [UInt8]) throws(StoreProblem) {}
        func bundle(of hash: RuleSetHash) throws(StoreProblem) -> [UInt8] {
            guard let bytes = bundles[hash] else { throw .missing(hash.hexadecimal) }
            return bytes
        }
    }

    /// What the loader says of the checkpoints that it does not use.
    private final class Notes {
        var texts: [String] = []
    }

    private static let rules = RuleBundle(files: [RuleBundle.File(path: "rules.yaml", bytes: Array("version: 1\nrules: []\n".utf8))])
    private static let history = [RuleActivation(sequence: 1, ruleSet: rules.hash, fromOffset: 0, streamTime: StreamTime.none)]

    private let settings: WorkerSettings
    private var store = Store()

    init() throws {
        let windows = try TumblingWindows(size: 300_000, grace: 60_000)
        settings = WorkerSettings(
            windows: windows, mapping: InputMapping(), output: OutputContext(group: "g", inputTopic: "t", deadLetterMaxBytes: 1_000, lateMaxBytes: 1_000),
            group: "g", topic: "t", foldHash: "fold", partitionCount: 1, seed: 3)
        store.bundles[Self.rules.hash] = Self.rules.encoded
        for offset in [10, 20] as [Int64] {
            var state = PartitionState(windows: windows, seed: 3)
            let snapshot = state.snapshot()
            let header = CheckpointHeader(
                group: "g", topic: "t", partition: 0, epoch: 5, offset: offset, foldHash: "fold", partitionCount: 1, anchor: nil, history: Self.history,
                digest: snapshot.digest)
            var bytes = ByteWriter()
            CheckpointFile.encode(header, snapshot, to: &bytes)
            store.checkpoints[offset] = bytes.array()
        }
    }

    private var metadata: CommitMetadata {
        CommitMetadata(
            epoch: 5, streamTime: StreamTime.none, digest: 0, foldHash: "fold", partitionCount: 1, totals: Totals(), anchor: nil, history: Self.history)
    }

    private func load(_ store: Store, _ line: String, _ notes: Notes) throws(CheckpointLoader.Failure) -> RecoveredState {
        let loader = CheckpointLoader(store: store, settings: settings) { _, place, problem in notes.texts.append("\(place): \(problem)") }
        return try loader.load(0, CommittedPosition(offset: 25, metadata: line))
    }

    private static func flipped(_ bytes: [UInt8], _ bit: Int) -> [UInt8] {
        var bytes = bytes
        bytes[bit / 8] ^= 1 << UInt8(bit % 8)
        return bytes
    }

    @Test func `with any bit of the newest checkpoint turned over the one before is used, and it is said which was not`() throws {
        let whole = try #require(store.checkpoints[20])
        for bit in 0..<whole.count * 8 {
            var damaged = store
            damaged.checkpoints[20] = Self.flipped(whole, bit)
            let notes = Notes()
            let recovered = try load(damaged, metadata.line, notes)
            #expect(recovered.start == .checkpoint(offset: 10), "bit \(bit)")
            #expect(notes.texts == ["at 20: \(bit < 48 ? CheckpointFile.Problem.notACheckpoint : .checksum)"], "bit \(bit)")
        }
        #expect(try load(store, metadata.line, Notes()).start == .checkpoint(offset: 20))
    }

    @Test func `with any bit of a stored rule set turned over its partition is refused, and the set is named`() throws {
        let whole = try #require(store.bundles[Self.rules.hash])
        for bit in 0..<whole.count * 8 {
            var damaged = store
            damaged.bundles[Self.rules.hash] = Self.flipped(whole, bit)
            do throws(CheckpointLoader.Failure) {
                _ = try load(damaged, metadata.line, Notes())
                Issue.record("bit \(bit)")
            } catch {
                guard case .refused(.ruleSetMissing(let why)) = error else {
                    Issue.record("bit \(bit): \(error)")
                    continue
                }
                #expect(why == "\(Self.rules.hash.hexadecimal) (what is stored under it has another hash)", "bit \(bit)")
            }
        }
    }

    @Test func `with any bit of its metadata turned over a partition is refused`() throws {
        let line = Array(metadata.line.utf8)
        for bit in 0..<line.count * 8 {
            do throws(CheckpointLoader.Failure) {
                _ = try load(store, String(decoding: Self.flipped(line, bit), as: UTF8.self), Notes())
                Issue.record("bit \(bit)")
            } catch {
                guard case .refused(.metadataUnreadable) = error else {
                    Issue.record("bit \(bit): \(error)")
                    continue
                }
            }
        }
    }
}

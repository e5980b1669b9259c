import Testing

@testable import FraudEngine

/// Every single bit of what is stored and committed, turned over.
@Suite struct DamageTests {
    private static let windows = WorkerLife.settings.windows

    /// A checkpoint of a few accounts with marks of an active and a shadow rule, and the state inside it.
    private static func sample() -> (file: [UInt8], state: [UInt8]) {
        let rules = TestRules.set([
            (id: "always", condition: "payment.amount >= 0", more: ", once_per: payment"), (id: "often", condition: "account.count_5m > 1", more: ""),
        ])
        var run = EngineRun(rules, windows)
        run.fold([("a", "1"), ("a", "2"), ("an account of more than sixteen bytes", "3")].map { TestPayment(account: $0, time: 1_000, id: $1) }[...])
        let history = [RuleActivation(sequence: 1, ruleSet: rules.hash, fromOffset: 0, streamTime: StreamTime.none)]
        let header = CheckpointHeader(
            group: "g", topic: "t", partition: 0, epoch: 1, offset: 3, foldHash: "f", partitionCount: 1, anchor: Anchor(offset: 2, hash: 7),
            history: history, digest: run.machine.state.digest)
        let snapshot = run.machine.snapshot()
        var file = ByteWriter()
        var state = ByteWriter()
        CheckpointFile.encode(header, snapshot, to: &file)
        StateCodec.encode(snapshot, to: &state) { _ in }
        return (file.array(), state.array())
    }

    private static func metadata() -> CommitMetadata {
        let hash = RuleSetHash(hexadecimal: String(repeating: "0123456789abcdef", count: 4))
        return CommitMetadata(
            epoch: 1_763_892_000_000, streamTime: 1_763_892_123_456, digest: 0xfedc_ba98_7654_3210, foldHash: "a1b2c3", partitionCount: 4,
            totals: Totals(records: [9, 1, 2, 3, 0], amounts: [1_250, 0, 7, UInt64.max, 1]), anchor: Anchor(offset: 99, hash: 0x0123_4567_89ab_cdef),
            history: [
                RuleActivation(sequence: 1, ruleSet: hash, fromOffset: 0, streamTime: StreamTime.none),
                RuleActivation(sequence: 2, ruleSet: hash, fromOffset: 50, streamTime: 1_763_892_100_000),
            ])
    }

    /// Calls the body with each copy of the bytes that differs in one bit.
    private static func eachFlip(_ bytes: [UInt8], _ body: (_ damaged: [UInt8], _ bit: Int) throws -> Void) rethrows {
        for bit in 0..<bytes.count * 8 {
            var damaged = bytes
            damaged[bit / 8] ^= 1 << UInt8(bit % 8)
            try body(damaged, bit)
        }
    }

    private static func problem(ofFile bytes: [UInt8]) -> CheckpointFile.Problem? {
        do throws(CheckpointFile.Problem) {
            _ = try bytes.withUnsafeBufferPointer { (bytes) throws(CheckpointFile.Problem) in
                try CheckpointFile.decode(UnsafeRawBufferPointer(bytes), windows: windows, seed: 4)
            }
            return nil
        } catch {
            return error
        }
    }

    private static func problem(ofState bytes: [UInt8]) -> StateCodec.Problem? {
        do throws(StateCodec.Problem) {
            _ = try bytes.withUnsafeBufferPointer { (bytes) throws(StateCodec.Problem) in
                PartitionStateBox(try StateCodec.decode(UnsafeRawBufferPointer(bytes), windows: windows, seed: 4))
            }
            return nil
        } catch {
            return error
        }
    }

    private static func problem(ofLine bytes: [UInt8]) -> CommitMetadata.Problem? {
        do throws(CommitMetadata.Problem) {
            _ = try CommitMetadata(line: String(decoding: bytes, as: UTF8.self))
            return nil
        } catch {
            return error
        }
    }

    @Test func `no bit of a checkpoint can turn over unnoticed`() {
        let file = Self.sample().file
        #expect(Self.problem(ofFile: file) == nil)
        Self.eachFlip(file) { damaged, bit in
            let problem = Self.problem(ofFile: damaged)
            #expect(problem == (bit < 6 * 8 ? .notACheckpoint : .checksum), "bit \(bit)")
        }
    }

    @Test func `a checkpoint that is cut short or goes on is noticed at every length`() {
        let file = Self.sample().file
        for count in 0..<file.count { #expect(Self.problem(ofFile: Array(file.prefix(count))) != nil, "\(count) bytes") }
        for byte: UInt8 in [0, 255] { #expect(Self.problem(ofFile: file + [byte]) == .checksum) }
    }

    @Test func `a state's digest covers every bit of it, also without the checksum around it`() {
        let state = Self.sample().state
        #expect(Self.problem(ofState: state) == nil)
        Self.eachFlip(state) { damaged, bit in #expect(Self.problem(ofState: damaged) != nil, "bit \(bit)") }
        for count in 0..<state.count { #expect(Self.problem(ofState: Array(state.prefix(count))) != nil, "\(count) bytes") }
    }

    @Test func `no bit of a metadata line can turn over unnoticed`() {
        let line = Array(Self.metadata().line.utf8)
        #expect(Self.problem(ofLine: line) == nil)
        let checksum = line.count - " c=0123456789abcdef".utf8.count
        Self.eachFlip(line) { damaged, bit in
            switch Self.problem(ofLine: damaged) {
            case nil: Issue.record("bit \(bit)")
            case .unknownVersion: #expect(bit < 3 * 8, "bit \(bit)")
            // A space that went or came: another number of fields.
            case .malformed: #expect(bit >= 2 * 8, "bit \(bit)")
            case .checksum: #expect(bit >= 2 * 8, "bit \(bit)")
            case .empty: Issue.record("bit \(bit) empties the line")
            }
        }
        for count in 0..<line.count { #expect(Self.problem(ofLine: Array(line.prefix(count))) != nil, "\(count) bytes") }
        #expect(Self.problem(ofLine: Array(line[..<checksum])) == .malformed("ten fields expected"))
    }
}

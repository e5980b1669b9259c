import Testing

@testable import FraudEngine

@Suite struct PartitionPropertyTests {
    static let windows: TumblingWindows = {
        do { return try TumblingWindows(size: 300_000, grace: 60_000) } catch { preconditionFailure("\(error)") }
    }()

    /// Made anew each time: to the leak checker what a global holds through an enum's tagged pointer looks lost.
    static var rules: RuleSet {
        TestRules.set([
            (id: "busy", condition: "account.count_5m > 3", more: ", once_per: 5m"), (id: "rich", condition: "account.sum_5m > 900", more: ", once_per: 15m"),
            (id: "each", condition: "payment.amount > 500", more: ", once_per: payment"),
        ])
    }

    @Test(arguments: 1...6) func `however runs are cut, outputs and digest are the same bytes`(seed: UInt64) {
        var random = Seeded(state: seed)
        let payments = random.payments(1_500)
        var whole = EngineRun(Self.rules, Self.windows)
        whole.fold(payments[...])
        var single = EngineRun(Self.rules, Self.windows)
        single.fold(payments[...], runs: [1])
        var mixed = EngineRun(Self.rules, Self.windows)
        mixed.fold(payments[...], runs: (0..<1_500).map { _ in Int.random(in: 1...64, using: &random) })
        #expect(whole.outputs.count > 100)
        #expect(whole.outputs.difference(from: single.outputs) == nil)
        #expect(whole.outputs.difference(from: mixed.outputs) == nil)
        #expect(whole.machine.state.digest == single.machine.state.digest)
        #expect(whole.machine.state.digest == mixed.machine.state.digest)
    }

    @Test(arguments: 1...12) func `a checkpoint and a silent replay give the state and the outputs of a life without a crash`(seed: UInt64) throws {
        var random = Seeded(state: seed)
        let payments = random.payments(2_000)
        let (x, y) = { ($0.min()!, $0.max()!) }([Int.random(in: 0...2_000, using: &random), Int.random(in: 0...2_000, using: &random)])
        var calm = EngineRun(Self.rules, Self.windows)
        calm.fold(payments[..<x])
        let snapshot = calm.machine.snapshot()
        let header = CheckpointHeader(
            group: "g", topic: "payments", partition: 0, epoch: 1, offset: Int64(x), foldHash: "f", partitionCount: 1, anchor: nil, history: [],
            digest: snapshot.digest)
        var bytes = ByteWriter()
        CheckpointFile.encode(header, snapshot, to: &bytes)
        calm.machine.snapshotEnded()
        calm.fold(payments[x..<y])
        let digest = calm.machine.state.digest
        let before = calm.outputs.count
        calm.fold(payments[y...])

        let (read, state) = try CheckpointFile.decode(
            UnsafeRawBufferPointer(start: bytes.bytes, count: bytes.count), windows: Self.windows, seed: random.next())
        #expect(read == header)
        var recovered = EngineRun(Self.rules, Self.windows, state: state.take(), next: Int64(x))
        #expect(recovered.machine.state.digest == header.digest)
        recovered.fold(payments[x..<y], runs: [7], emits: false)
        #expect(recovered.outputs.isEmpty)
        #expect(recovered.machine.state.digest == digest, "X \(x), Y \(y)")
        recovered.fold(payments[y...])
        #expect(recovered.outputs.difference(from: Array(calm.outputs[before...])) == nil)
        #expect(recovered.machine.state.digest == calm.machine.state.digest)
        #expect(recovered.machine.state.totals == calm.machine.state.totals)
    }

    @Test func `a checkpoint that is cut short or changed in any byte is refused`() throws {
        var random = Seeded(state: 5)
        var run = EngineRun(Self.rules, Self.windows)
        run.fold(random.payments(40)[...])
        let snapshot = run.machine.snapshot()
        let header = CheckpointHeader(
            group: "g", topic: "payments", partition: 0, epoch: 1, offset: 40, foldHash: "f", partitionCount: 1, anchor: nil, history: [],
            digest: snapshot.digest)
        var writer = ByteWriter()
        CheckpointFile.encode(header, snapshot, to: &writer)
        let whole = writer.array()
        func isRead(_ bytes: [UInt8]) -> Bool {
            do throws(CheckpointFile.Problem) {
                _ = try bytes.withUnsafeBufferPointer { (raw) throws(CheckpointFile.Problem) in
                    try CheckpointFile.decode(UnsafeRawBufferPointer(raw), windows: Self.windows, seed: 1)
                }
                return true
            } catch {
                return false
            }
        }
        #expect(isRead(whole))
        for index in whole.indices {
            #expect(!isRead(Array(whole[..<index])), "cut at \(index)")
            var changed = whole
            changed[index] ^= 1 << UInt8(index % 8)
            #expect(!isRead(changed), "changed at \(index)")
        }
    }

    @Test func `a frame that unpacks to another length is refused`() throws {
        let content = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 / 7) }
        var frame = ByteWriter()
        let compressor = Compressor()
        for start in stride(from: 0, to: content.count, by: 999) {
            content[start..<min(start + 999, content.count)].withUnsafeBytes { compressor.append($0, to: &frame) }
        }
        compressor.finish(to: &frame)
        #expect(frame.count < content.count / 2)
        frame.withBytes { bytes in
            #expect(Compression.decompress(bytes, count: content.count) == content)
            #expect(Compression.decompress(bytes, count: content.count - 1) == nil)
            #expect(Compression.decompress(bytes, count: content.count + 1) == nil)
            #expect(Compression.decompress(UnsafeRawBufferPointer(rebasing: bytes.dropLast()), count: content.count) == nil)
            #expect(Compression.decompress(UnsafeRawBufferPointer(start: nil, count: 0), count: 0) == [])
        }
    }

    @Test(arguments: 1...6) func `counts and sums are those of a plain fold, and every record has one outcome`(seed: UInt64) {
        var random = Seeded(state: seed)
        let payments = random.payments(2_000)
        var run = EngineRun(TestRules.always(), Self.windows)
        run.fold(payments[...])
        var plain = PlainFold()
        for payment in payments { plain.fold(payment) }
        let shown = run.outputs.filter { $0.kind == .alert }.map { "\($0.text("account_id")) \($0.number("count") ?? -1) \($0.number("sum") ?? -1)" }
        #expect(zip(shown, plain.shown).first { $0 != $1 } == nil)
        #expect(shown.count == plain.shown.count)
        #expect(run.outputs.count { $0.kind == .late } == plain.late)
        #expect(run.outputs.count { $0.kind == .deadLetter } == plain.invalid)
        let totals = run.machine.state.totals
        #expect(totals.records[Int(Outcome.folded.rawValue)] == UInt64(plain.shown.count))
        #expect(totals.records[Int(Outcome.duplicate.rawValue)] == UInt64(plain.duplicates))
        #expect(totals.records.reduce(0, +) == UInt64(payments.count))
        #expect(totals.amounts.reduce(0, &+) == payments.reduce(UInt64(0)) { $0 &+ UInt64(bitPattern: $1.amount) })
    }

    @Test func `a sum beyond 64 bits is an error for its rules until the window closes, and never a crash`() {
        let half = Int64.max / 2 + 1
        let set = TestRules.set([(id: "sum", condition: "account.sum_5m > 0", more: ", once_per: payment")])
        var run = EngineRun(set, Self.windows)
        run.fold(
            [
                TestPayment(account: "a", time: 0, amount: half, id: "1"), TestPayment(account: "a", time: 1, amount: half, id: "2"),
                TestPayment(account: "a", time: 2, amount: 1, id: "3"), TestPayment(account: "a", time: 300_000, amount: 1, id: "4"),
            ][...])
        #expect(run.outputs.count { $0.kind == .alert } == 2)
        #expect(run.kit.counters.errors == [2])
    }
}

/// The contract's windows, written down as plainly as can be.
private struct PlainFold {
    private var cells: [String: (count: Int64, sums: [String: Int64])] = [:]
    private var ids: Set<String> = []
    private var streamTime = Int64.min / 2
    var shown: [String] = []
    var late = 0
    var duplicates = 0
    var invalid = 0

    mutating func fold(_ payment: TestPayment) {
        guard let account = payment.account else { return invalid += 1 }
        let rest = payment.time % 300_000
        let start = payment.time - (rest < 0 ? rest + 300_000 : rest)
        if start + 300_000 <= streamTime - 60_000 { return late += 1 }
        guard ids.insert("\(account) \(payment.id) \(start)").inserted else { return duplicates += 1 }
        streamTime = max(streamTime, payment.time)
        cells["\(account) \(start)", default: (0, [:])].count += 1
        cells["\(account) \(start)", default: (0, [:])].sums[payment.currency, default: 0] += payment.amount
        let cell = cells["\(account) \(start)"]!
        shown.append("\(account) \(cell.count) \(cell.sums[payment.currency]!)")
    }
}

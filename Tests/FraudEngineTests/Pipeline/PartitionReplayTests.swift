import Testing

@testable import FraudEngine

@Suite struct PartitionReplayTests {
    static let payments: [TestPayment] = {
        var random = Seeded(state: 11)
        return random.payments(600)
    }()

    /// A whole life under three rule sets, with checkpoints on the way.
    private static func life() -> WorkerLife {
        var life = WorkerLife(payments, rules: WorkerMachineTests.ruleSets, switches: [180, 400], fault: nil)
        life.run(batch: 20)
        return life
    }

    private static func replay(
        _ checkpoint: (header: CheckpointHeader, bytes: [UInt8]), _ metadata: CommitMetadata, _ rules: [RuleSet], payments: [TestPayment] = payments, run: Int
    ) throws -> PartitionReplay {
        let (header, state) = try checkpoint.bytes.withUnsafeBytes { try CheckpointFile.decode($0, windows: WorkerLife.settings.windows, seed: 4) }
        let history = try #require(Recovery.history(checkpoint: header.history, metadata: metadata.history))
        let recovered = RecoveredState(
            state: state.take(), start: .checkpoint(offset: header.offset), history: history, anchor: header.anchor, kept: [], ruleSets: rules)
        var replay = PartitionReplay(
            recovered, partition: 0, from: header.offset, until: Int64(payments.count), anchor: metadata.anchor, settings: WorkerLife.settings)
        var at = Int(min(header.offset, metadata.anchor?.offset ?? header.offset))
        while at < payments.count {
            let part = Array(payments[at..<min(payments.count, at + run)])
            TestRecords.with(part, from: Int64(at)) { replay.take($0) }
            at += part.count
        }
        return replay
    }

    @Test(arguments: [1, 7, 64]) func `from every checkpoint the committed digest is reached, however runs are cut`(run: Int) throws {
        let life = Self.life()
        let (committed, checkpoints) = (life.committed, life.checkpoints)
        let metadata = try CommitMetadata(line: try #require(committed).metadata)
        let switches = Set(checkpoints.map { $0.header.history.count })
        #expect(switches == [1, 2, 3])
        for checkpoint in checkpoints {
            let replay = try Self.replay(checkpoint, metadata, WorkerMachineTests.ruleSets, run: run)
            let isWrong = replay.isAnchorWrong(readFrom: min(checkpoint.header.offset, Int64(Self.payments.count - 1)))
            #expect(replay.machine.state.digest == metadata.digest, "from \(checkpoint.header.offset)")
            #expect(replay.recordCount == Self.payments.count - Int(checkpoint.header.offset))
            #expect(!isWrong)
        }
    }

    @Test func `another record at the anchor is noticed, also where nothing is replayed`() throws {
        let life = Self.life()
        let (committed, checkpoints) = (life.committed, life.checkpoints)
        let metadata = try CommitMetadata(line: try #require(committed).metadata)
        var payments = Self.payments
        payments[payments.count - 1].amount += 1
        for checkpoint in [try #require(checkpoints.first), try #require(checkpoints.last)] {
            let replay = try Self.replay(checkpoint, metadata, WorkerMachineTests.ruleSets, payments: payments, run: 64)
            let isWrong = replay.isAnchorWrong(readFrom: min(checkpoint.header.offset, Int64(payments.count - 1)))
            #expect(isWrong, "from \(checkpoint.header.offset)")
        }
        #expect(checkpoints.last?.header.offset == Int64(payments.count))
    }

    @Test func `a new lineage is above every epoch that is known, and no earlier than now`() {
        #expect(Lineage.next(now: 100, known: []) == 100)
        #expect(Lineage.next(now: 100, known: [7, 99]) == 100)
        #expect(Lineage.next(now: 100, known: [100, 7]) == 101)
        #expect(Lineage.next(now: 100, known: [500]) == 501)
    }

    @Test func `what a reset commits goes live with an empty state`() throws {
        let set = WorkerMachineTests.ruleSets[0]
        let metadata = Lineage.empty(at: 40, epoch: 9, ruleSet: set.hash, windows: WorkerLife.settings.windows, foldHash: "f", partitionCount: 1)
        #expect(try CommitMetadata(line: metadata.line) == metadata)
        var machine = WorkerMachine(settings: WorkerLife.settings, ruleSet: set)
        let position = CommittedPosition(offset: 40, metadata: metadata.line)
        let claim = Claim(partition: 0, committed: position, logStart: 10, logEnd: 90, birthOffset: 10, newestCheckpoint: 80, partitionCount: 1)
        _ = machine.handle(.assigned([claim]), now: 0, wallClock: 0)
        let start = Recovery.start(
            streamTime: metadata.streamTime, windows: WorkerLife.settings.windows, maxAhead: 0, history: metadata.history, ruleSets: [set])
        #expect(start == .nothing)
        let recovered = RecoveredState(
            state: PartitionState(windows: WorkerLife.settings.windows, seed: 1), start: start, history: metadata.history, anchor: nil, kept: [],
            ruleSets: [set])
        _ = machine.handle(.loaded(partition: 0, claim: machine.assignmentEpoch, .success(recovered)), now: 0, wallClock: 0)
        #expect(machine.refused.isEmpty)
        #expect(machine.tasks[0]?.phase == .live)
        #expect(machine.positions().map(\.offset) == [40])
    }

    @Test func `a state carried over to a shorter grace has the same digest before and after it is stored`() throws {
        let long = try TumblingWindows(size: 300_000, grace: 600_000)
        let short = try TumblingWindows(size: 300_000, grace: 1_000)
        var run = EngineRun(TestRules.always(), long)
        run.fold(Self.payments[...])
        var bytes = ByteWriter()
        StateCodec.encode(run.machine.snapshot(), to: &bytes) { _ in }
        var state = try StateCodec.decode(UnsafeRawBufferPointer(start: bytes.bytes, count: bytes.count), windows: short, seed: 2)
        let before = state.digest
        state.closeElapsed()
        let closed = state.digest
        #expect(closed != before)
        bytes = ByteWriter()
        StateCodec.encode(state.snapshot(), to: &bytes) { _ in }
        let again = try StateCodec.decode(UnsafeRawBufferPointer(start: bytes.bytes, count: bytes.count), windows: short, seed: 3)
        let (stored, digest) = (again.digest, state.digest)
        #expect(stored == digest)
    }

    @Test func `passing records moves the offset and nothing of the state`() {
        var run = EngineRun(TestRules.always(), PartitionPropertyTests.windows)
        run.fold(Self.payments[..<100])
        let (digest, totals) = (run.machine.state.digest, run.machine.state.totals)
        run.machine.pass(to: 130, anchor: Anchor(offset: 128, hash: 7))
        #expect(run.machine.next == 130)
        #expect(run.machine.anchor == Anchor(offset: 128, hash: 7))
        #expect(run.machine.state.digest == digest)
        #expect(run.machine.state.totals == totals)
    }

    @Test func `a checkpoint's header is read without the rest`() throws {
        let checkpoints = Self.life().checkpoints
        let checkpoint = try #require(checkpoints.last)
        #expect(try checkpoint.bytes.withUnsafeBytes { try CheckpointFile.uncheckedHeader($0) } == checkpoint.header)
        let start = Array(checkpoint.bytes.prefix(600))
        #expect(try start.withUnsafeBytes { try CheckpointFile.uncheckedHeader($0) } == checkpoint.header)
        #expect(throws: CheckpointFile.Problem.self) { try Array(start.prefix(60)).withUnsafeBytes { try CheckpointFile.uncheckedHeader($0) } }
        #expect(throws: CheckpointFile.Problem.notACheckpoint) {
            try [UInt8](repeating: 0, count: 90).withUnsafeBytes { try CheckpointFile.uncheckedHeader($0) }
        }
    }
}

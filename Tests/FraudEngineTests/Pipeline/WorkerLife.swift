import Testing

@testable import FraudEngine

/// A broker, a checkpoint store and one partition in memory, with a worker's machine between them: every step may fail.
struct WorkerLife: ~Copyable {
    enum Fault: CaseIterable {
        /// The process dies before the transaction has any effect.
        case crashBeforeCommit
        /// The process dies, and with it every checkpoint: the log must do.
        case crashWithoutCheckpoints
        /// The process dies after the broker committed, before anybody knew.
        case crashAfterCommit
        case abort
        /// Another member had the partition meanwhile and did nothing.
        case lost
        case revoke
    }

    let payments: [TestPayment]
    let rules: [RuleSet]
    /// Offsets at which the next rule set is offered.
    let switches: [Int64]
    var committed: CommittedPosition?
    var outputs: [Output] = []
    var checkpoints: [(header: CheckpointHeader, bytes: [UInt8])] = []
    private var machine: WorkerMachine
    private var reading: Int64?
    private var offered = 0
    private var now: Int64 = 0
    private var answers: [WorkerEvent] = []
    /// Transactions begun; the one to disturb, and how.
    private(set) var transactions = 0
    private let fault: (at: Int, how: Fault)?
    private(set) var isDisturbed = false
    private(set) var refusals: [Refusal] = []
    private(set) var recoveries: [String] = []
    /// Where replays without a checkpoint began.
    private(set) var located: [Int64?] = []

    init(_ payments: [TestPayment], rules: [RuleSet], switches: [Int64], fault: (at: Int, how: Fault)?) {
        self.payments = payments
        self.rules = rules
        self.switches = switches
        self.fault = fault
        machine = WorkerMachine(settings: Self.settings, ruleSet: rules[0])
    }

    static var settings: WorkerSettings {
        var settings = WorkerSettings(
            windows: PartitionPropertyTests.windows, mapping: EngineRun.mapping,
            output: OutputContext(group: "g", inputTopic: "payments", deadLetterMaxBytes: 1_000_000, lateMaxBytes: 1_000_000), group: "g", topic: "payments",
            foldHash: "f",
            partitionCount: 1, seed: 3)
        settings.checkpointMaxDebt = 60
        return settings
    }

    /// Reads everything and stops; what is committed then stands in `outputs`.
    mutating func run(batch: Int, stops: Bool = true) {
        assign()
        while committed?.offset != Int64(payments.count) || machine.tasks[0]?.phase != .live || offered < switches.count {
            now += 20
            guard now < 2_000_000 else {
                Issue.record("no end in sight at offset \(committed?.offset ?? -1)")
                return
            }
            if let at = switches.dropFirst(offered).first, machine.tasks[0].map({ $0.phase == .live && $0.machine.next >= at }) ?? false {
                offered += 1
                handle(.rulesOffered(rules[offered]))
            }
            read(batch)
            handle(.tick)
            guard refusals.isEmpty else { return }
        }
        if stops { handle(.stop) }
    }

    /// What the worker tells a store that has lost these scores.
    mutating func scoresTold(_ classes: ScoreClasses) -> [ScoreChange] {
        var told: [ScoreChange] = []
        _ = machine.handle(.scoresLost(partition: 0, classes), now: now, wallClock: now)
        repeat {
            for case .writeScores(let changes, _) in machine.handle(.tick, now: now, wallClock: now) { told += changes }
        } while machine.tasks[0]?.rewriteFrom != nil
        return told
    }

    private mutating func read(_ batch: Int) {
        guard let from = reading, from < Int64(payments.count) else { return }
        let part = Array(payments[Int(from)..<min(payments.count, Int(from) + batch)])
        reading = from + Int64(part.count)
        TestRecords.with(part, from: from) { records in
            machine.fold(partition: 0, records) { _, _, _ in }
        }
        perform(machine.takePending())
    }

    private mutating func assign() {
        let claim = Claim(
            partition: 0, committed: committed, logStart: 0, logEnd: Int64(payments.count), birthOffset: 0, newestCheckpoint: checkpoints.last?.header.offset,
            partitionCount: 1)
        handle(.assigned([claim]))
    }

    private mutating func handle(_ event: WorkerEvent) {
        perform(machine.handle(event, now: now, wallClock: 1_000 + now))
        // The checkpoint thread answers later, never inside of a call.
        while !answers.isEmpty { perform(machine.handle(answers.removeFirst(), now: now, wallClock: 1_000 + now)) }
    }

    private mutating func perform(_ actions: [WorkerAction]) {
        for action in actions {
            switch action {
            case .assign(let positions): reading = positions.first?.offset
            case .locate(let partition, let claim, let time):
                let offset = payments.firstIndex { $0.time >= time }.map(Int64.init)
                located.append(offset)
                answers.append(.located(partition: partition, claim: claim, offset: offset))
            case .load(let partition, let claim, let position): answers.append(.loaded(partition: partition, claim: claim, load(position)))
            case .flush(let plan): flush(plan)
            case .writeCheckpoint(let snapshot, let header): write(snapshot, header)
            case .refused(_, let why): refusals.append(why)
            case .wentLive(let partition): if let task = machine.tasks[partition] { recoveries.append(task.recoveredFrom) }
            case .captureMembership, .claim, .claimAgain, .replaying, .writeScores, .switched, .stopped: break
            }
        }
    }

    // MARK: The broker

    private mutating func flush(_ plan: FlushPlan) {
        #expect(plan.assignmentEpoch == machine.assignmentEpoch, "offsets go with their own assignment")
        transactions += 1
        guard let fault, transactions == fault.at, !isDisturbed else {
            commit(plan)
            return handle(.flushed(.committed))
        }
        isDisturbed = true
        switch fault.how {
        case .crashBeforeCommit: restart()
        case .crashWithoutCheckpoints:
            checkpoints.removeAll()
            restart()
        case .crashAfterCommit:
            commit(plan)
            restart()
        case .abort: handle(.flushed(.aborted("for a test", isTransient: false)))
        case .lost:
            handle(.flushed(.aborted("for a test", isTransient: true)))
            handle(.revoked(isLost: true))
            assign()
        case .revoke:
            commit(plan)
            handle(.flushed(.committed))
            handle(.revoked(isLost: false))
            assign()
        }
    }

    private mutating func commit(_ plan: FlushPlan) {
        outputs += machine.outbox.taken()
        for (_, position) in plan.offsets {
            #expect(position.metadata.utf8.count <= CommitMetadata.maxBytes)
            #expect(position.offset >= committed?.offset ?? 0, "offsets only rise")
            committed = position
        }
    }

    private mutating func restart() {
        machine = WorkerMachine(settings: Self.settings, ruleSet: rules[offered])
        reading = nil
        answers.removeAll()
        assign()
    }

    // MARK: The store

    private mutating func write(_ snapshot: PartitionSnapshot, _ header: CheckpointHeader) {
        var bytes = ByteWriter()
        CheckpointFile.encode(header, snapshot, to: &bytes)
        checkpoints.append((header, bytes.array()))
        answers.append(.checkpointed(partition: 0, epoch: header.epoch, header.kept, succeeded: true))
    }

    private func load(_ position: CommittedPosition) -> Result<RecoveredState, Refusal> {
        do {
            let metadata = try CommitMetadata(line: position.metadata)
            guard let newest = checkpoints.last(where: { $0.header.offset <= position.offset }) else {
                let start = Recovery.start(
                    streamTime: metadata.streamTime, windows: Self.settings.windows, maxAhead: Self.settings.mapping.maxAheadMilliseconds,
                    history: metadata.history, ruleSets: rules)
                return .success(
                    RecoveredState(
                        state: PartitionState(windows: Self.settings.windows, seed: 9), start: start, history: metadata.history, anchor: nil, kept: [],
                        ruleSets: rules))
            }
            let (header, state) = try newest.bytes.withUnsafeBytes { try CheckpointFile.decode($0, windows: Self.settings.windows, seed: 5) }
            guard let history = Recovery.history(checkpoint: header.history, metadata: metadata.history) else {
                return .failure(.noUsableCheckpoint("history"))
            }
            return .success(
                RecoveredState(
                    state: state.take(), start: .checkpoint(offset: header.offset), history: history, anchor: header.anchor, kept: [header.kept],
                    ruleSets: rules))
        } catch {
            return .failure(.noUsableCheckpoint("\(error)"))
        }
    }
}

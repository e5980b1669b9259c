import Testing

@testable import FraudEngine

@Suite struct WorkerMachineTests {
    static let payments: [TestPayment] = {
        var random = Seeded(state: 42)
        return random.payments(260)
    }()

    static var ruleSets: [RuleSet] {
        [
            PartitionPropertyTests.rules,
            TestRules.set([
                (id: "busy", condition: "account.count_5m > 2", more: ", once_per: 5m"),
                (id: "each", condition: "payment.amount > 300", more: ", once_per: payment"),
            ]),
            TestRules.set([(id: "rich", condition: "account.sum_5m > 100", more: ", once_per: 15m")]),
        ]
    }

    private static func life(_ fault: (at: Int, how: WorkerLife.Fault)?, batch: Int = 20) -> WorkerLife {
        var life = WorkerLife(payments, rules: ruleSets, switches: [80, 170], fault: fault)
        life.run(batch: batch)
        return life
    }

    /// Fails the first, second, … transaction until a run passes untouched; rule sets switch where they did without the fault.
    @Test(arguments: WorkerLife.Fault.allCases) func `a fault at any transaction leaves each output once, with the same bytes`(how: WorkerLife.Fault) {
        let calm = Self.life(nil)
        #expect(calm.refusals.isEmpty)
        #expect(calm.outputs.count > 40)
        var at = 1
        while true {
            let life = Self.life((at, how))
            #expect(life.refusals.isEmpty, "\(how) at \(at)")
            if !life.isDisturbed { break }
            #expect(life.committed?.offset == Int64(Self.payments.count), "\(how) at \(at)")
            #expect(life.recoveries.count > 1 || at == 1, "\(how) at \(at)")
            // A switch moves with the offset it happens at; without a switch in between the bytes are the same.
            let ids = life.outputs.map { $0.text("alert_id") }.filter { !$0.isEmpty }
            #expect(Set(ids).count == ids.count, "\(how) at \(at): an alert stands twice")
            at += 1
        }
        #expect(at > 5)
    }

    @Test func `lost scores are told again class by class, each once`() {
        var life = WorkerLife(Self.payments, rules: [Self.ruleSets[0]], switches: [], fault: nil)
        life.run(batch: 25, stops: false)
        let all = life.scoresTold(.all).map(\.account)
        #expect(all.count > 3)
        var inTurns: [[UInt8]] = []
        var rest = ScoreClasses.all
        while !rest.isEmpty { inTurns += life.scoresTold(rest.removeFirst(8)).map(\.account) }
        #expect(inTurns.count == all.count)
        #expect(Set(inTurns) == Set(all))
    }

    @Test(arguments: WorkerLife.Fault.allCases) func `under one rule set a fault at any transaction changes no byte`(how: WorkerLife.Fault) {
        func life(_ fault: (at: Int, how: WorkerLife.Fault)?) -> WorkerLife {
            var life = WorkerLife(Self.payments, rules: [Self.ruleSets[0]], switches: [], fault: fault)
            life.run(batch: 25)
            return life
        }
        let calm = life(nil).outputs
        var at = 1
        while true {
            let disturbed = life((at, how))
            #expect(disturbed.outputs.difference(from: calm) == nil, "\(how) at \(at)")
            if !disturbed.isDisturbed { break }
            at += 1
        }
        #expect(at > 5)
    }

    /// The log alone brings back what every checkpoint held, from where the oldest live window or period needs it.
    @Test func `a crash that takes all checkpoints with it changes no byte, and not all of the log is read again`() {
        var random = Seeded(state: 7)
        let payments = random.payments(1_500)
        func life(_ fault: (at: Int, how: WorkerLife.Fault)?) -> WorkerLife {
            var life = WorkerLife(payments, rules: [Self.ruleSets[0]], switches: [], fault: fault)
            life.run(batch: 50)
            return life
        }
        let calm = life(nil).outputs
        #expect(calm.count > 200)
        var at = 2
        var starts: [Int64] = []
        while true {
            let disturbed = life((at, .crashWithoutCheckpoints))
            #expect(disturbed.refusals.isEmpty, "at \(at)")
            #expect(disturbed.outputs.difference(from: calm) == nil, "at \(at)")
            if !disturbed.isDisturbed { break }
            starts += disturbed.located.compactMap { $0 }
            at += 1
        }
        #expect(at > 10)
        #expect(starts.contains { $0 > 300 }, "replays begin at \(starts)")
    }

    @Test func `without a checkpoint a history that starts too late is refused`() {
        let entries = [RuleActivation(sequence: 1, ruleSet: RuleSetHash(hexadecimal: "a"), fromOffset: 10, streamTime: 0)]
        #expect(Recovery.gap(from: 10, committed: 50, history: entries) == nil)
        let later = [RuleActivation(sequence: 9, ruleSet: RuleSetHash(hexadecimal: "a"), fromOffset: 30, streamTime: 0)]
        #expect(Recovery.gap(from: 30, committed: 50, history: later) == nil)
        #expect(Recovery.gap(from: 29, committed: 50, history: later)?.contains("begins at offset 30") == true)
        #expect(Recovery.gap(from: 50, committed: 50, history: later) == nil)
    }

    // MARK: Events and actions

    /// A machine whose partitions are live and empty.
    private static func live(_ partitions: Int32...) -> WorkerMachine {
        var settings = WorkerLife.settings
        settings.partitionCount = partitions.count
        var machine = WorkerMachine(settings: settings, ruleSet: ruleSets[0])
        let claims = partitions.map {
            Claim(partition: $0, committed: nil, logStart: 0, logEnd: 0, birthOffset: 0, newestCheckpoint: nil, partitionCount: partitions.count)
        }
        _ = machine.handle(.assigned(claims), now: 0, wallClock: 5)
        _ = machine.handle(.tick, now: 0, wallClock: 5)
        for action in machine.handle(.flushed(.committed), now: 0, wallClock: 5) {
            if case .writeCheckpoint(_, let header) = action {
                _ = machine.handle(.checkpointed(partition: header.partition, epoch: 5, header.kept, succeeded: true), now: 0, wallClock: 5)
            }
        }
        return machine
    }

    /// Folds the first payments into a partition; all of them or none have outputs.
    private static func fold(_ count: Int, into partition: Int32, of machine: inout WorkerMachine) {
        TestRecords.with(Array(payments.prefix(count)), from: 0) { records in
            machine.fold(partition: partition, UnsafeBufferPointer(rebasing: records[..<min(64, count)])) { _, _, _ in }
        }
    }

    private static func plan(_ actions: [WorkerAction]) -> FlushPlan? {
        for case .flush(let plan) in actions { return plan }
        return nil
    }

    @Test func `a partition refused while outputs wait takes them with it`() {
        var machine = Self.live(0, 1)
        Self.fold(60, into: 0, of: &machine)
        Self.fold(40, into: 1, of: &machine)
        let before = machine.outbox.entries.count { $0.partition == 1 }
        #expect(before > 0)
        #expect(machine.outbox.entries.contains { $0.partition == 0 })
        _ = machine.handle(.logLost(partition: 0, start: 900, end: 950), now: 2, wallClock: 5)
        #expect(machine.outbox.entries.count == before)
        #expect(Self.plan(machine.handle(.tick, now: 2_000, wallClock: 5))?.offsets.map(\.partition) == [1])
    }

    /// The worker's next wait, and whether a transaction is asked for at that time.
    private static func look(at now: Int64, _ machine: inout WorkerMachine) -> (wait: Int64, flushes: Bool) {
        let wait = machine.waitLimit(now: now)
        let actions = machine.handle(.tick, now: now, wallClock: 5)
        return (wait, actions.contains { if case .flush = $0 { true } else { false } })
    }

    @Test func `an output waits only where a transaction ended shortly before`() {
        var machine = Self.live(0)
        Self.fold(60, into: 0, of: &machine)
        #expect(Self.look(at: 7, &machine) == (5, false))
        #expect(Self.look(at: 12, &machine) == (0, true))
        _ = machine.handle(.flushed(.committed), now: 22, wallClock: 5)
        #expect(Self.look(at: 22, &machine) == (1_000, false), "nothing is pending")
    }

    @Test func `an output after a rest is due at once, in catch-up 100 ms after the transaction before`() {
        var machine = Self.live(0)
        Self.fold(60, into: 0, of: &machine)
        machine.isCatchingUp = true
        #expect(Self.look(at: 99, &machine) == (1, false))
        machine.isCatchingUp = false
        #expect(Self.look(at: 99, &machine) == (0, true))
    }

    /// A machine whose first transaction of partitions 0 and 1 was aborted, and which has folded both anew.
    private static func afterAbort() -> WorkerMachine {
        var machine = live(0, 1)
        fold(60, into: 0, of: &machine)
        fold(40, into: 1, of: &machine)
        #expect(plan(machine.handle(.tick, now: 2_000, wallClock: 5))?.offsets.map(\.partition) == [0, 1])
        var loads: [(partition: Int32, claim: UInt64)] = []
        for case .load(let partition, let claim, _) in machine.handle(.flushed(.aborted("too large", isTransient: false)), now: 2_000, wallClock: 5) {
            loads.append((partition, claim))
        }
        #expect(loads.map(\.partition) == [0, 1])
        for load in loads {
            let state = RecoveredState(
                state: PartitionState(windows: PartitionPropertyTests.windows, seed: 1), start: .nothing,
                history: [RuleActivation(sequence: 1, ruleSet: ruleSets[0].hash, fromOffset: 0, streamTime: StreamTime.none)], anchor: nil, kept: [],
                ruleSets: [ruleSets[0]])
            _ = machine.handle(.loaded(partition: load.partition, claim: load.claim, .success(state)), now: 2_001, wallClock: 5)
        }
        fold(60, into: 0, of: &machine)
        fold(40, into: 1, of: &machine)
        return machine
    }

    @Test func `a partition whose turn to commit has not come does not switch rules in the midst of what it has folded`() {
        var machine = Self.afterAbort()
        #expect(Self.plan(machine.handle(.rulesOffered(Self.ruleSets[1]), now: 4_000, wallClock: 5))?.offsets.map(\.partition) == [0])
        func switches(_ actions: [WorkerAction]) -> [Int32] {
            actions.compactMap { if case .switched(let partition, _) = $0 { partition } else { nil } }
        }
        #expect(switches(machine.handle(.flushed(.committed), now: 4_000, wallClock: 5)) == [0])
        #expect(Self.plan(machine.handle(.tick, now: 4_001, wallClock: 5))?.offsets.map(\.partition) == [1])
        #expect(switches(machine.handle(.flushed(.committed), now: 4_001, wallClock: 5)) == [1])
        #expect(machine.tasks[1]?.machine.history.last?.fromOffset == 40)
    }

    @Test func `the partition whose transaction fails is tried alone, so that others go on`() {
        var machine = Self.afterAbort()
        let first = Self.plan(machine.handle(.tick, now: 4_000, wallClock: 5))
        #expect(first?.offsets.map(\.partition) == [0])
        #expect(first?.covers(1) == false)
        let waiting = machine.outbox.entries.count { $0.partition == 1 }
        _ = machine.handle(.flushed(.aborted("too large", isTransient: false)), now: 4_000, wallClock: 5)
        #expect(machine.outbox.entries.count == waiting)
        #expect(Self.plan(machine.handle(.tick, now: 6_000, wallClock: 5))?.offsets.map(\.partition) == [1])
        _ = machine.handle(.flushed(.committed), now: 6_000, wallClock: 5)
        let isEmpty = machine.outbox.isEmpty
        #expect(isEmpty)
        #expect(machine.tasks[1]?.committed?.offset == 40)
    }

    @Test func `a topic that grew while the service runs is refused, births too`() {
        var machine = WorkerMachine(settings: WorkerLife.settings, ruleSet: Self.ruleSets[0])
        let claim = Claim(partition: 1, committed: nil, logStart: 0, logEnd: 0, birthOffset: 0, newestCheckpoint: nil, partitionCount: 2)
        var found: Refusal?
        for case .refused(_, let why) in machine.handle(.assigned([claim]), now: 0, wallClock: 0) { found = why }
        #expect(found == .partitionCountChanged(committed: 1, now: 2))
    }

    /// A machine whose partition was revoked, and is parked.
    private static func parked() -> WorkerMachine {
        var machine = live(0)
        fold(60, into: 0, of: &machine)
        #expect(plan(machine.handle(.revoked(isLost: false), now: 2_000, wallClock: 5))?.offsets.count == 1)
        _ = machine.handle(.flushed(.committed), now: 2_000, wallClock: 5)
        #expect(machine.tasks.isEmpty)
        return machine
    }

    @Test func `what comes back at the offset at which it was parked goes on`() throws {
        var machine = Self.parked()
        let position = try #require(machine.parked[0]?.committed)
        let (canResume, canElsewhere) = (machine.canResume(0, at: position), machine.canResume(0, at: CommittedPosition(offset: 61, metadata: "")))
        #expect(canResume && !canElsewhere)
        let actions = machine.handle(.assigned([Claim(resuming: 0, at: position, partitionCount: 1)]), now: 2_000, wallClock: 5)
        #expect(machine.tasks[0]?.machine.next == 60)
        #expect(!actions.contains { if case .load = $0 { true } else { false } })
    }

    @Test func `a topic that grew while the service runs is refused, what is parked too`() throws {
        var machine = Self.parked()
        let position = try #require(machine.parked[0]?.committed)
        var found: Refusal?
        let claim = Claim(resuming: 0, at: position, partitionCount: 2)
        for case .refused(0, let why) in machine.handle(.assigned([claim]), now: 2_000, wallClock: 5) { found = why }
        #expect(found == .partitionCountChanged(committed: 1, now: 2))
        #expect(machine.tasks.isEmpty)
    }

    @Test func `an offset that the log refuses is named by the side on which it lies`() {
        func refusal(start: Int64, end: Int64, isCommitted: Bool) -> Refusal? {
            var machine = Self.live(0)
            Self.fold(60, into: 0, of: &machine)
            if isCommitted {
                #expect(Self.plan(machine.handle(.tick, now: 2_000, wallClock: 5)) != nil)
                _ = machine.handle(.flushed(.committed), now: 2_000, wallClock: 5)
            }
            let actions = machine.handle(.logLost(partition: 0, start: start, end: end), now: 2_002, wallClock: 5)
            let isEmpty = machine.tasks.isEmpty && machine.outbox.isEmpty
            #expect(isEmpty)
            for case .refused(_, let why) in actions { return why }
            return nil
        }
        #expect(refusal(start: 61, end: 90, isCommitted: true) == .logStartsLater(needed: 60, start: 61))
        #expect(refusal(start: 0, end: 59, isCommitted: true) == .offsetBeyondLog(committed: 60, end: 59))
        #expect(refusal(start: 0, end: 59, isCommitted: false) == nil, "what is committed is there: it recovers")
    }

    @Test func `a partition whose log still has what is committed recovers from where the log begins now`() throws {
        var machine = Self.live(0)
        Self.fold(60, into: 0, of: &machine)
        #expect(Self.plan(machine.handle(.tick, now: 2_000, wallClock: 5)) != nil)
        _ = machine.handle(.flushed(.committed), now: 2_000, wallClock: 5)
        let known = machine.tasks[0]?.machine.anchor
        let anchor = try #require(known)
        #expect(anchor.offset == 59)
        let actions = machine.handle(.logLost(partition: 0, start: 60, end: 90), now: 2_002, wallClock: 5)
        #expect(actions.contains { if case .load(0, _, _) = $0 { true } else { false } })
        // The anchor's record is gone: reading it again would be refused, over and over.
        #expect(machine.loading[0]?.logStart == 60)
        #expect(Recovery.readFrom(offset: 60, committed: 60, anchor: anchor, logStart: 60) == 60)
    }

    @Test func `what another owner left without readable metadata is refused, not passed over`() {
        var machine = Self.live(0)
        Self.fold(60, into: 0, of: &machine)
        #expect(Self.plan(machine.handle(.tick, now: 2_000, wallClock: 5)) != nil)
        let foreign = [Int32(0): CommittedPosition(offset: 7, metadata: "by hand")]
        var found: Refusal?
        for case .refused(0, let why) in machine.handle(.flushed(.foreign(foreign)), now: 2_000, wallClock: 5) { found = why }
        #expect(found?.name == "metadata_unreadable")
        let isEmpty = machine.tasks.isEmpty && machine.outbox.isEmpty
        #expect(isEmpty)
        #expect(Self.plan(machine.handle(.tick, now: 9_000, wallClock: 5)) == nil)
    }

    @Test func `a checkpoint store that cannot be asked is not taken for an empty one`() {
        var machine = WorkerMachine(settings: WorkerLife.settings, ruleSet: Self.ruleSets[0])
        var claim = Self.claim(nil)
        claim.storeProblem = "stale file handle"
        var found: Refusal?
        for case .refused(_, let why) in machine.handle(.assigned([claim]), now: 0, wallClock: 0) { found = why }
        #expect(found == .noUsableCheckpoint("stale file handle"))
    }

    /// An idle partition's switches all stand at one offset.
    @Test func `however often rules switch without a payment, the committed history goes on from a kept checkpoint`() {
        let switchCount = Self.switchOften(folds: false) { history, kept, round in
            #expect(history.count <= CommitMetadata.historyLimit)
            #expect(history.first.map { $0.sequence <= kept[kept.count - 1].sequence + 1 } == true, "round \(round)")
        }
        #expect(switchCount > 40)
    }

    @Test func `where payments come in, the committed history goes on from each kept checkpoint`() {
        let switchCount = Self.switchOften(folds: true) { history, kept, round in
            #expect(history.count <= CommitMetadata.historyLimit)
            #expect(history.first.map { $0.sequence <= kept[0].sequence + 1 } == true, "round \(round)")
        }
        #expect(switchCount > 40)
    }

    /// Offers another rule set in each of 200 rounds, with a payment or without, and hands over each history that is committed with the checkpoints that
    /// are kept then; how often rules switched.
    private static func switchOften(folds: Bool, _ look: ([RuleActivation], [KeptCheckpoint], Int) -> Void) -> Int {
        var machine = Self.live(0)
        var kept = [KeptCheckpoint(offset: 0, sequence: 1)]
        var switchCount = 0
        for round in 0..<200 {
            let now = Int64(round + 1) * 1_000
            if folds {
                TestRecords.with([payments[round]], from: Int64(round)) { records in machine.fold(partition: 0, records) { _, _, _ in } }
            }
            var actions = machine.handle(.rulesOffered(Self.ruleSets[(switchCount + 1) % 3]), now: now, wallClock: 5)
            var written: [CheckpointHeader] = []
            while !actions.isEmpty {
                var further: [WorkerAction] = []
                for action in actions {
                    switch action {
                    case .flush(let plan):
                        if let position = plan.offsets.first?.position, let metadata = try? CommitMetadata(line: position.metadata) {
                            look(metadata.history, kept, round)
                        }
                        further += machine.handle(.flushed(.committed), now: now, wallClock: 5)
                    case .writeCheckpoint(_, let header): written.append(header)
                    case .switched: switchCount += 1
                    case .captureMembership, .claim, .claimAgain, .assign, .load, .locate, .replaying, .writeScores, .refused, .wentLive, .stopped: break
                    }
                }
                actions = further.isEmpty && round % 2 == 1 ? machine.handle(.tick, now: now, wallClock: 5) : further
                if further.isEmpty, actions.isEmpty { break }
            }
            for header in written {
                kept = Array((kept + [header.kept]).suffix(3))
                _ = machine.handle(.checkpointed(partition: 0, epoch: 5, header.kept, succeeded: true), now: now, wallClock: 5)
            }
        }
        return switchCount
    }

    @Test func `a checkpoint store that fails is left alone for a while, and a stop tries once`() {
        var machine = Self.live(0)
        Self.fold(64, into: 0, of: &machine)
        func snapshots(_ actions: [WorkerAction]) -> [CheckpointHeader] {
            actions.compactMap { if case .writeCheckpoint(_, let header) = $0 { header } else { nil } }
        }
        _ = machine.handle(.tick, now: 2_000, wallClock: 5)
        let first = snapshots(machine.handle(.flushed(.committed), now: 2_000, wallClock: 5))
        #expect(first.map(\.offset) == [64])
        _ = machine.handle(.checkpointed(partition: 0, epoch: 5, first[0].kept, succeeded: false), now: 2_100, wallClock: 5)
        #expect(snapshots(machine.handle(.tick, now: 4_000, wallClock: 5)).isEmpty)
        let again = snapshots(machine.handle(.tick, now: 13_000, wallClock: 5))
        #expect(again.map(\.offset) == [64])
        _ = machine.handle(.checkpointed(partition: 0, epoch: 5, again[0].kept, succeeded: false), now: 13_100, wallClock: 5)
        let last = snapshots(machine.handle(.stop, now: 14_000, wallClock: 5))
        #expect(last.map(\.offset) == [64])
        #expect(snapshots(machine.handle(.checkpointed(partition: 0, epoch: 5, last[0].kept, succeeded: false), now: 14_100, wallClock: 5)).isEmpty)
        #expect(snapshots(machine.handle(.tick, now: 60_000, wallClock: 5)).isEmpty)
    }

    private static func claim(_ committed: CommittedPosition?, newestCheckpoint: Int64? = nil, logStart: Int64 = 0, logEnd: Int64 = 100) -> Claim {
        Claim(
            partition: 0, committed: committed, logStart: logStart, logEnd: logEnd, birthOffset: logStart, newestCheckpoint: newestCheckpoint,
            partitionCount: 1)
    }

    private static func metadata(count: Int = 1, fold: String = "f", history: Int = 1) -> CommitMetadata {
        let entries = (1...history).map {
            RuleActivation(sequence: UInt64($0), ruleSet: ruleSets[0].hash, fromOffset: Int64($0), streamTime: Int64.max - 1)
        }
        var totals = Totals()
        for outcome in Outcome.allCases { totals.add(outcome, amount: Int64.min) }
        return CommitMetadata(
            epoch: Int64.max, streamTime: Int64.min + 1, digest: UInt64.max, foldHash: fold, partitionCount: count, totals: totals,
            anchor: Anchor(offset: Int64.max, hash: UInt64.max), history: entries)
    }

    private static func refusal(_ claim: Claim) -> Refusal? {
        var machine = WorkerMachine(settings: WorkerLife.settings, ruleSet: ruleSets[0])
        var actions = machine.handle(.assigned([claim]), now: 0, wallClock: 0)
        for case .claimAgain in actions { actions = machine.handle(.claimedAgain(claim), now: 0, wallClock: 0) }
        for case .refused(_, let why) in actions { return why }
        return nil
    }

    /// The group was asked before another member committed, the store when that one had written its first checkpoint.
    @Test func `a checkpoint without an offset makes the worker ask once more before it refuses`() {
        var machine = WorkerMachine(settings: WorkerLife.settings, ruleSet: Self.ruleSets[0])
        var isAsked = false
        for case .claimAgain(0) in machine.handle(.assigned([Self.claim(nil, newestCheckpoint: 7)]), now: 0, wallClock: 0) { isAsked = true }
        #expect(isAsked)
        let position = CommittedPosition(offset: 50, metadata: Self.metadata().line)
        var loaded: CommittedPosition?
        for case .load(0, _, let committed) in machine.handle(.claimedAgain(Self.claim(position, newestCheckpoint: 7)), now: 0, wallClock: 0) {
            loaded = committed
        }
        #expect(loaded == position)
        #expect(machine.refused.isEmpty)
    }

    @Test func `what cannot be continued is refused before anything is read`() {
        let good = Self.metadata().line
        #expect(Self.refusal(Self.claim(nil)) == nil)
        #expect(Self.refusal(Self.claim(CommittedPosition(offset: 50, metadata: good))) == nil)
        #expect(Self.refusal(Self.claim(nil, newestCheckpoint: 7)) == .checkpointWithoutOffset(checkpoint: 7, logEnd: 100))
        #expect(Self.refusal(Self.claim(CommittedPosition(offset: 50, metadata: Self.metadata(count: 2).line))) == .partitionCountChanged(committed: 2, now: 1))
        #expect(Self.refusal(Self.claim(CommittedPosition(offset: 50, metadata: Self.metadata(fold: "e").line))) == .foldChanged(committed: "e", now: "f"))
        #expect(Self.refusal(Self.claim(CommittedPosition(offset: 101, metadata: good))) == .offsetBeyondLog(committed: 101, end: 100))
        #expect(Self.refusal(Self.claim(CommittedPosition(offset: 50, metadata: good), logStart: 51)) == .logStartsLater(needed: 50, start: 51))
        for broken in ["", "by another tool", String(good.dropLast()), good.replacing("e=9", with: "e=8")] {
            guard case .metadataUnreadable = Self.refusal(Self.claim(CommittedPosition(offset: 50, metadata: broken))) else {
                Issue.record("accepted: \(broken)")
                continue
            }
        }
    }

    @Test func `commit metadata fit and come back, with as many switches as they may hold`() throws {
        let metadata = Self.metadata(history: CommitMetadata.historyLimit)
        #expect(metadata.line.utf8.count <= CommitMetadata.maxBytes)
        #expect(metadata.line.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F })
        #expect(try CommitMetadata(line: metadata.line) == metadata)
    }

    @Test func `a new partition commits before it counts as live, and then writes a checkpoint`() {
        var machine = WorkerMachine(settings: WorkerLife.settings, ruleSet: Self.ruleSets[0])
        var positions: [(partition: Int32, offset: Int64)]?
        for case .assign(let given) in machine.handle(.assigned([Self.claim(nil)]), now: 0, wallClock: 5) { positions = given }
        #expect(positions?.isEmpty == true)
        #expect(machine.tasks[0]?.phase == .born)
        var plans: [FlushPlan] = []
        for case .flush(let plan) in machine.handle(.tick, now: 0, wallClock: 5) { plans.append(plan) }
        #expect(plans.first?.offsets.first?.position.offset == 0)
        var names: [String] = []
        for action in machine.handle(.flushed(.committed), now: 1, wallClock: 5) {
            switch action {
            case .wentLive: names.append("live")
            case .writeCheckpoint: names.append("checkpoint")
            case .assign(let given): names.append("read \(given.map(\.offset))")
            case .captureMembership, .claim, .claimAgain, .load, .locate, .flush, .replaying, .writeScores, .refused, .switched, .stopped: names.append("other")
            }
        }
        #expect(names == ["live", "checkpoint", "read [0]"])
    }

    @Test func `the transaction that aborts three times in a row refuses its partition`() {
        var machine = WorkerMachine(settings: WorkerLife.settings, ruleSet: Self.ruleSets[0])
        _ = machine.handle(.assigned([Self.claim(nil)]), now: 0, wallClock: 5)
        var refusals: [Refusal] = []
        for attempt in 0..<3 {
            _ = machine.handle(.tick, now: Int64(attempt) * 2_000, wallClock: 5)
            for case .refused(_, let why) in machine.handle(.flushed(.aborted("no space", isTransient: false)), now: Int64(attempt) * 2_000, wallClock: 5) {
                refusals.append(why)
            }
        }
        #expect(refusals == [.abortedThrice(offset: 0, end: 0, cause: "no space")])
    }
}

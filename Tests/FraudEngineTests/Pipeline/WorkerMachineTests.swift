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
        life.run(batch: 25)
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

    // MARK: Events and actions

    private static func claim(_ committed: CommittedPosition?, newestCheckpoint: Int64? = nil, logStart: Int64 = 0, logEnd: Int64 = 100) -> Claim {
        Claim(partition: 0, committed: committed, logStart: logStart, logEnd: logEnd, birthOffset: logStart, newestCheckpoint: newestCheckpoint)
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
        for case .refused(_, let why) in machine.handle(.assigned([claim]), now: 0, wallClock: 0) { return why }
        return nil
    }

    @Test func `what cannot be continued is refused before anything is read`() {
        let good = Self.metadata().line
        #expect(Self.refusal(Self.claim(nil)) == nil)
        #expect(Self.refusal(Self.claim(CommittedPosition(offset: 50, metadata: good))) == nil)
        #expect(Self.refusal(Self.claim(nil, newestCheckpoint: 7)) == .checkpointWithoutOffset(checkpoint: 7))
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
            case .load, .flush, .writeScores, .refused, .switched, .stopped: names.append("other")
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
            for case .refused(_, let why) in machine.handle(.flushed(.aborted("no space")), now: Int64(attempt) * 2_000, wallClock: 5) { refusals.append(why) }
        }
        #expect(refusals == [.abortedThrice(offset: 0, cause: "no space")])
    }
}

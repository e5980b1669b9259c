import FraudEngine

/// What the shell's worker does for its machine: calls of clients, each of which may block.
extension WorkerProcess {
    /// Whether the thread goes on at once.
    func perform(_ action: WorkerAction) -> Bool {
        switch action {
        case .captureMembership(let epoch):
            membership = consumer.metadata
            membershipEpoch = epoch
        case .claim(let partitions): return claim(partitions) { [unowned self] in resume(.event(.assigned($0))) }
        case .claimAgain(let partition): return claim([partition]) { [unowned self] in resume(.event(.claimedAgain($0[0]))) }
        case .assign(let positions):
            if !isRevoking { consumer.assign(positions) } else if positions.isEmpty { finishRevoke() }
        case .load(let partition, let claim, let committed): checkpoints.load(partition, claim, committed)
        case .locate(let partition, let claim, let time):
            let offset = world.inputs[Int(partition)].offset(at: time)
            world.time.after(.milliseconds(2)) { [weak self] in
                self?.deliver { [weak self] in self?.resume(.event(.located(partition: partition, claim: claim, offset: offset))) }
            }
            return false
        case .flush(let plan):
            world.checks.flushed(plan, self)
            world.trace("\(self) begins a transaction of \(plan.offsets.map { "partition \($0.partition) to \($0.position.offset)" })")
            transaction = machine.transaction(plan, now: world.time.milliseconds)
            produced = 0
            agenda.append(.call)
        case .writeScores(let changes, let epochs): scores.offer(changes, epochs)
        case .writeCheckpoint(let snapshot, let header): checkpoints.write(snapshot, header)
        case .refused(let partition, let why):
            world.trace("\(self) refuses partition \(partition): \(why.message)")
            world.count(.partitionRefused)
            world.checks.refused(partition, why)
        case .replaying(let partition, let from, let until): world.trace("\(self) replays partition \(partition) from \(from) to \(until)")
        case .wentLive(let partition): wentLive(partition)
        case .switched(let partition, let entry):
            world.count(.rulesSwitched)
            world.trace("\(self) switches partition \(partition) to rules \(entry.sequence) at \(entry.fromOffset)")
        case .stopped: break
        }
        return true
    }

    private func wentLive(_ partition: Int32) {
        guard let task = machine.tasks[partition] else { return }
        world.trace("\(self) partition \(partition) live at \(task.machine.next) from \(task.recoveredFrom)")
        switch task.recoveredFrom {
        case "birth": world.count(.recoveredFromBirth)
        case "log": world.count(.recoveredFromLog)
        default: world.count(.recoveredFromCheckpoint)
        }
    }

    private func finishRevoke() {
        isRevoking = false
        membership = nil
        consumer.unassign()
    }

    /// What the group knows first, then the log, then the store.
    private func claim(_ partitions: [Int32], _ done: @escaping ([Claim]) -> Void) -> Bool {
        committed(partitions) { [unowned self] positions in
            let ends = partitions.map { world.inputs[Int($0)].stable }
            world.time.after(.milliseconds(3)) { [weak self] in
                self?.deliver { [weak self] in
                    guard let self else { return }
                    done(
                        zip(partitions, ends).map { partition, end in
                            Claim(
                                partition: partition, committed: positions[partition], logStart: 0, logEnd: end, birthOffset: 0,
                                newestCheckpoint: self.world.checkpoints.newestOffset(partition), partitionCount: self.world.scenario.partitions)
                        })
                }
            }
        }
        return false
    }

    /// `rd_kafka_committed`: waits for transactions that are still open.
    private func committed(_ partitions: [Int32], _ done: @escaping ([Int32: CommittedPosition]) -> Void) {
        world.request(
            self, .fetchOffsets, .group, serve: { [world] reply in reply(world.group.fetch(partitions)) },
            answered: { [unowned self] (positions: [Int32: CommittedPosition]?) in
                guard let positions else {
                    world.count(.offsetsUnstable)
                    return world.time.after(.milliseconds(50)) { [weak self] in self?.deliver { [weak self] in self?.committed(partitions, done) } }
                }
                done(positions)
            })
    }

    // MARK: The transaction

    /// Makes the call that the transaction's machine asks for.
    func call() -> Bool {
        guard let running = transaction else { preconditionFailure("a call belongs to a transaction") }
        if let kind = running.call.step, let effect = world.stepFault(host, kind) {
            world.trace("\(self) before \(kind.rawValue): \(effect)")
            world.strike(self, effect)
            if !isAlive { return false }
            if isPaused {
                deliver { [unowned self] in resume(.call) }
                return false
            }
        }
        switch running.call {
        case .begin: answered(producer.begin())
        case .produce: answered(producer.produce(records(of: running.plan)))
        case .sendOffsets:
            guard let membership, membershipEpoch == running.plan.assignmentEpoch else {
                world.checks.violated("\(self) sends offsets of assignment \(running.plan.assignmentEpoch) with metadata of \(membershipEpoch)")
                return false
            }
            producer.sendOffsets(running.plan.offsets, membership) { [unowned self] in answered($0) }
        case .commit: producer.commit { [unowned self] in answered($0) }
        case .abort: producer.abort { [unowned self] in answered($0) }
        case .replaceProducer(let why, _):
            world.count(.producerReplaced)
            world.trace("\(self) replaces its producer: \(why)")
            producer.destroy()
            producer = ProducerClient(world, self, name: "g.w\(host)")
            producer.initialise { [unowned self] in answered(.done) }
        case .readCommitted: committed(running.plan.offsets.map(\.partition)) { [unowned self] in answered(.positions($0), isSettling: true) }
        case .end(let outcome):
            transaction = nil
            noteOutcome(outcome)
            agenda.append(.event(.flushed(outcome)))
            return true
        case .leave:
            end(.fenced)
            return false
        }
        return false
    }

    /// A broker also takes the identity from a producer whose transaction it ended. Whether another process has it the consumer hears with its next
    /// heartbeat (`StreamWorker.isIdentityLost`).
    private func settleIdentity(_ fault: ClientFault, until deadline: Int64) {
        if consumer.fatal != nil { return take(.failed(fault)) }
        if world.time.now < deadline {
            return world.time.after(.milliseconds(50)) { [weak self] in self?.deliver { [weak self] in self?.settleIdentity(fault, until: deadline) } }
        }
        take(.failed(ClientFault(reaction: .replaceClient, isTransient: true, text: fault.text)))
    }

    private func answered(_ answer: TransactionMachine.Answer, isSettling: Bool = false) {
        guard isAlive else { return }
        if case .failed(let fault) = answer, fault.text == ProducerClient.fencedText {
            return settleIdentity(fault, until: world.time.now + ConsumerClient.heartbeatInterval + .seconds(1))
        }
        take(answer, isSettling: isSettling)
    }

    private func take(_ answer: TransactionMachine.Answer, isSettling: Bool = false) {
        transaction?.answer(answer, now: world.time.milliseconds)
        agenda.append(.call)
        if isSettling, case .end(let outcome)? = transaction?.call {
            switch outcome {
            case .committed: world.count(.unknownOutcomeCommitted)
            case .aborted: world.count(.unknownOutcomeAborted)
            case .foreign: world.count(.transactionForeign)
            }
        }
        pump()
    }

    private func noteOutcome(_ outcome: TransactionOutcome) {
        switch outcome {
        case .committed: world.count(.transactionCommitted)
        case .aborted(let why, _):
            world.count(.transactionAborted)
            world.trace("\(self) transaction aborted: \(why)")
            if machine.tasks.values.contains(where: { $0.mustCommit }) { world.count(.switchInFlight) }
        case .foreign: world.trace("\(self) somebody else has committed")
        }
    }

    /// The outbox's records of the plan's partitions that are not queued yet.
    private func records(of plan: FlushPlan) -> [(place: Int, record: OutputRecord)] {
        var records: [(place: Int, record: OutputRecord)] = []
        let bytes = machine.outbox.bytes.array()
        while produced < machine.outbox.entries.count {
            let entry = machine.outbox.entries[produced]
            produced += 1
            guard plan.covers(entry.partition) else { continue }
            let record = OutputRecord(
                kind: entry.kind, source: entry.partition, key: entry.key.map { Array(bytes[$0]) }, value: entry.value.map { Array(bytes[$0]) },
                headers: Array(bytes[entry.headers]))
            records.append((World.place(of: record), record))
        }
        return records
    }
}

extension TransactionMachine.Call {
    fileprivate var step: StepKind? {
        switch self {
        case .begin: .begin
        case .produce: .produce
        case .sendOffsets: .sendOffsets
        case .commit: .commit
        case .abort: .abort
        case .replaceProducer: .replaceProducer
        case .readCommitted: .readCommitted
        case .end: .ended
        case .leave: nil
        }
    }
}

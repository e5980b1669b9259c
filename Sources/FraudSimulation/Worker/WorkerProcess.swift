import FraudEngine

/// A process with one worker: its machine, the thread that does what the machine asks for, its clients, its threads for checkpoints and scores. Stopped
/// and woken, it goes on where it was; killed, it leaves what it has sent.
final class WorkerProcess: CustomStringConvertible {
    enum Work {
        case action(WorkerAction)
        case event(WorkerEvent)
        /// The next call of the transaction that runs.
        case call
        /// Ends a read in which a callback ran.
        case afterCallback
        case afterRead([(partition: Int32, record: InputRecord)])
        case tick
        case turn
        case closed
    }

    /// Why a process has ended.
    enum End { case killed, stopped, fenced, failed }

    let world: World
    let host: Int
    let number: Int
    let settings: WorkerSettings
    private(set) var isAlive = true
    private(set) var isPaused = false
    private var pausedAt: Int64 = 0
    /// What was to happen while it was stopped.
    private var backlog: [() -> Void] = []
    var machine: WorkerMachine
    private(set) var consumer: ConsumerClient!
    var producer: ProducerClient!
    var scores: ScoreThread!
    private(set) var checkpoints: CheckpointThread!
    var membership: Membership?
    var membershipEpoch: UInt64 = 0
    var inbox: [WorkerEvent] = []
    /// What the thread has to do, the next last.
    var agenda: [Work] = []
    var transaction: TransactionMachine?
    var produced = 0
    /// What the read that a callback interrupts has taken so far.
    var taken: [(partition: Int32, record: InputRecord)] = []
    /// A callback has run in this read, which may still wait for records.
    var mayWaitAgain = false
    var isRevoking = false
    var stopDeadline: Int64?
    var reportedAt: Int64 = 0
    /// Asked for by SIGTERM: when it is started again.
    var restart: Int64?

    var description: String { "w\(host)#\(number)" }

    init(_ world: World, host: Int, number: Int, ruleSet: RuleSet) {
        self.world = world
        self.host = host
        self.number = number
        settings = SimulationRules.settings(world.scenario, seed: UInt64(host * 1_000 + number + 1))
        machine = WorkerMachine(settings: settings, ruleSet: ruleSet)
        consumer = ConsumerClient(world, self, instance: "w\(host)")
        producer = ProducerClient(world, self, name: "g.w\(host)")
        scores = ScoreThread(world, self)
        checkpoints = CheckpointThread(world, self)
    }

    /// The service's start: the transactional id is taken over before the group is joined.
    func start() {
        producer.initialise { [unowned self] in
            consumer.join()
            scores.start()
            agenda = [.turn]
            pump()
        }
    }

    // MARK: Life

    /// Lets something happen in this process: later where it is stopped, never where it is dead.
    func deliver(_ body: @escaping () -> Void) {
        guard isAlive else { return }
        if isPaused { backlog.append(body) } else { body() }
    }

    func pause() {
        guard isAlive, !isPaused else { return }
        isPaused = true
        pausedAt = world.time.now
    }

    func wake() {
        guard isAlive, isPaused else { return }
        isPaused = false
        if world.time.now - pausedAt > GroupCoordinator.sessionTimeout { world.count(.zombieWoke) }
        world.trace("\(self) wakes")
        let late = backlog
        backlog.removeAll()
        world.time.after(world.random.among(0...3_000)) { [weak self] in self?.deliver { self?.consumer.checkSession() } }
        for body in late { world.time.after(world.random.among(0...2_000)) { [weak self] in self?.deliver(body) } }
    }

    func end(_ why: End) {
        guard isAlive else { return }
        isAlive = false
        backlog.removeAll()
        agenda.removeAll()
        taken.removeAll()
        producer.destroy()
        world.trace("\(self) has ended: \(why)")
        if machine.tasks.values.contains(where: { $0.mustCommit }) { world.count(.switchInFlight) }
        if why == .fenced { world.count(.processFenced) }
        world.ended(self, why)
    }

    /// Lets go of what refers back to it; nothing may happen in it any more.
    func dissolve() {
        backlog = []
        agenda = []
        consumer = nil
        producer = nil
        scores = nil
        checkpoints = nil
    }

    /// SIGTERM
    func stop(restart: Int64) {
        guard self.restart == nil else { return }
        self.restart = restart
        inbox.append(.stop)
    }

    // MARK: The thread

    func handle(_ event: WorkerEvent) {
        let actions = machine.handle(event, now: world.time.milliseconds, wallClock: World.wallClock + world.time.milliseconds)
        if case .assigned = event { for case .wentLive in actions { world.count(.partitionParkedBack) } }
        agenda += actions.reversed().map { Work.action($0) }
    }

    /// Does what is to be done until a call blocks.
    func pump() {
        var steps = 0
        while isAlive, let work = agenda.popLast() {
            steps += 1
            if steps > 100_000 { return world.checks.violated("\(self) turns in a circle") }
            if let kind = work.step, let effect = world.stepFault(host, kind) {
                world.trace("\(self) before \(kind.rawValue): \(effect)")
                world.strike(self, effect)
                if !isAlive { return }
                if isPaused {
                    agenda.append(work)
                    return deliver { [unowned self] in pump() }
                }
            }
            guard perform(work) else { return }
        }
    }

    /// Goes on after a call has answered.
    func resume(_ work: Work) {
        guard isAlive else { return }
        agenda.append(work)
        pump()
    }

    private func perform(_ work: Work) -> Bool {
        switch work {
        case .turn: return read()
        case .afterCallback: return continueRead()
        case .afterRead(let records): fold(records)
        case .tick:
            handle(.tick)
            report()
        case .event(let event): handle(event)
        case .action(let action): return perform(action)
        case .call: return call()
        case .closed:
            end(.stopped)
            return false
        }
        return true
    }
}

extension WorkerProcess.Work {
    /// What a fault may strike before.
    var step: StepKind? {
        switch self {
        case .turn: return .read
        case .afterRead(let records): return records.isEmpty ? nil : .fold
        case .tick: return .tick
        case .action(let action):
            switch action {
            case .claim, .claimAgain: return .claim
            case .load: return .load
            case .writeScores: return .writeScores
            case .writeCheckpoint: return .writeCheckpoint
            case .captureMembership, .assign, .locate, .flush, .refused, .replaying, .wentLive, .switched, .stopped: return nil
            }
        case .event(.revoked): return .revoked
        case .event, .call, .afterCallback, .closed: return nil
        }
    }
}

import FraudEngine

/// Brokers, stores and processes of one run, in virtual time on one thread.
final class World {
    /// Unix milliseconds at the beginning.
    static let wallClock: Int64 = 1_700_000_000_000
    private static let outputPartitions = 2
    /// Many times what a run takes: more of them means that time stands still.
    private static let mostSteps = 3_000_000

    let scenario: Scenario
    let time = Timeline()
    var random: SimulationRandom
    private(set) var coverage = Coverage()
    private(set) var history: [String]?
    private(set) var inputs: [InputPartition]
    private(set) var outputs: [OutputPartition]
    private(set) var group: GroupCoordinator!
    private(set) var transactions: TransactionCoordinator!
    private(set) var checkpoints: CheckpointStore!
    private(set) var redis: ScoreStore!
    private(set) var checks: Checks!
    /// By host: the process that has its identity; nil while none runs.
    private(set) var processes: [WorkerProcess?]
    /// Those that were taken for dead.
    private(set) var zombies: [WorkerProcess] = []
    /// All that ever ran.
    private var everyone: [WorkerProcess] = []
    private(set) var newestRules = 0
    private var started = 0
    private var upstreamTransactions = 0
    private var stepCounts: [[Int]]
    private var requestCounts: [[Int]]
    private var nodesDownUntil: [Int64] = [0, 0, 0]
    private var unauthorizedUntil: Int64 = 0
    private var slowMarkersUntil: Int64 = 0

    init(_ scenario: Scenario, tells: Bool) {
        self.scenario = scenario
        random = SimulationRandom(seed: scenario.seed ^ 0xA5A5_5A5A_1234_4321)
        history = tells ? [] : nil
        inputs = (0..<scenario.partitions).map { _ in InputPartition() }
        outputs = (0..<(Outbox.Kind.allCases.count * Self.outputPartitions)).map { _ in OutputPartition() }
        processes = Array(repeating: nil, count: scenario.workers)
        stepCounts = Array(repeating: Array(repeating: 0, count: StepKind.allCases.count), count: scenario.workers)
        requestCounts = Array(repeating: Array(repeating: 0, count: RequestKind.allCases.count), count: scenario.workers)
        group = GroupCoordinator(self)
        transactions = TransactionCoordinator(self)
        checkpoints = CheckpointStore(self)
        redis = ScoreStore(self)
        checks = Checks(self)
    }

    /// The output partition that a record goes to.
    static func place(of record: OutputRecord) -> Int {
        let hash = record.key.map { $0.reduce(0) { ($0 &* 31 &+ Int($1)) & 0xffff } } ?? Int(record.source)
        return Int(record.kind.rawValue) * outputPartitions + hash % outputPartitions
    }

    func count(_ kind: CoverageKind, _ count: Int = 1) { coverage.add(kind, count) }

    func trace(_ text: @autoclosure () -> String) {
        guard history != nil else { return }
        let milliseconds = time.now / 1_000
        history?.append("\(String(repeating: " ", count: max(0, 7 - String(milliseconds).count)))\(milliseconds) ms  \(text())")
    }

    // MARK: The run

    /// Runs to the end or the first thing that is wrong.
    func run() {
        transactions.start()
        for arrival in scenario.arrivals { time.after(arrival.at) { [unowned self] in arrive(arrival) } }
        for case .timed(let at, let effect) in scenario.faults { time.after(at) { [unowned self] in strike(effect) } }
        for host in 0..<scenario.workers { time.after(random.among(0...800_000)) { [unowned self] in start(host) } }
        time.after(scenario.healsAt) { [unowned self] in heal() }
        let limit = scenario.healsAt + scenario.bound
        var steps = 0
        while checks.violation == nil, !checks.isOver, steps < Self.mostSteps, time.step(until: limit) { steps += 1 }
        if checks.violation == nil, !checks.isOver { checks.stuck() }
        for process in processes { process?.end(.killed) }
        for process in zombies { process.end(.killed) }
    }

    /// Lets go of everything after a run: what waits refers to processes, and these to the world.
    func dissolve() {
        time.clear()
        for process in everyone { process.dissolve() }
        // Fetches wait in them.
        inputs = []
        everyone = []
        processes = []
        zombies = []
        group = nil
        transactions = nil
        checkpoints = nil
        redis = nil
        checks = nil
    }

    private func arrive(_ arrival: Arrival) {
        let input = inputs[arrival.partition]
        let (commits, delay): (Bool, Int64)
        switch arrival.transaction {
        case .none: return input.append(arrival.drafts, transaction: nil)
        case .commits(let after): (commits, delay) = (true, after)
        case .aborts(let after): (commits, delay) = (false, after)
        }
        upstreamTransactions += 1
        let number = upstreamTransactions
        input.append(arrival.drafts, transaction: number)
        count(commits ? .upstreamCommitted : .upstreamAborted)
        time.after(delay) { input.finish(transaction: number, commits: commits) }
    }

    // MARK: Processes

    private func start(_ host: Int) {
        guard processes[host] == nil else { return }
        started += 1
        let process = WorkerProcess(self, host: host, number: started, ruleSet: SimulationRules.sets[newestRules])
        processes[host] = process
        everyone.append(process)
        trace("\(process) starts")
        process.start()
    }

    func ended(_ process: WorkerProcess, _ why: WorkerProcess.End) {
        guard processes[process.host] === process else { return }
        processes[process.host] = nil
        guard why != .killed else { return }
        let delay = process.restart ?? .milliseconds(500)
        time.after(delay) { [unowned self] in start(process.host) }
    }

    /// Whether it struck.
    @discardableResult
    func strike(_ process: WorkerProcess, _ effect: ProcessEffect) -> Bool {
        guard process.isAlive, time.now < scenario.healsAt else { return false }
        switch effect {
        case .kill(let restart):
            count(.processKilled)
            process.end(.killed)
            time.after(restart) { [unowned self] in start(process.host) }
        case .pause(let length):
            guard !process.isPaused else { return false }
            count(.processPaused)
            process.pause()
            time.after(length) { process.wake() }
        case .replace(let wakes):
            guard !process.isPaused, processes[process.host] === process else { return false }
            count(.processReplaced)
            process.pause()
            zombies.append(process)
            processes[process.host] = nil
            start(process.host)
            time.after(wakes) { process.wake() }
        case .stop(let restart):
            count(.processStopped)
            process.stop(restart: restart)
        }
        return true
    }

    private func strike(_ effect: WorldEffect) {
        trace("\(effect)")
        switch effect {
        case .process(let host, let effect): if let process = processes[host] { strike(process, effect) }
        case .transactionCoordinatorDown(let length): take(.transactions, down: length)
        case .groupCoordinatorDown(let length): take(.group, down: length)
        case .brokerDown(let length): take(.broker, down: length)
        case .unauthorized(let length):
            count(.unauthorized)
            unauthorizedUntil = time.now + length
        case .slowMarkers(let length): slowMarkersUntil = time.now + length
        case .slowCheckpoints(let length): checkpoints.slowUntil = time.now + length
        case .failingCheckpoints(let length): checkpoints.failingUntil = time.now + length
        case .tearCheckpoints: checkpoints.tear()
        case .flipCheckpoints: checkpoints.flip()
        case .loseNewestCheckpoints: checkpoints.loseNewest()
        case .loseAllCheckpoints: checkpoints.loseAll()
        case .foreignCheckpoints: checkpoints.addForeign()
        case .redisDown(let length): redis.downUntil = time.now + length
        case .redisEmptied: redis.empty()
        case .offerRules(let index):
            newestRules = index
            for process in processes { process?.inbox.append(.rulesOffered(SimulationRules.sets[index])) }
        }
    }

    func take(_ node: Node, down length: Int64) {
        count(.coordinatorDown)
        nodesDownUntil[Self.index(node)] = time.now + length
    }

    func downUntil(_ node: Node) -> Int64 { nodesDownUntil[Self.index(node)] }

    private static func index(_ node: Node) -> Int {
        switch node {
        case .broker: 0
        case .transactions: 1
        case .group: 2
        }
    }

    var isUnauthorized: Bool { time.now < unauthorizedUntil }

    /// Microseconds until a marker is written.
    func markerDelay() -> Int64 { time.now < slowMarkersUntil ? random.among(100_000...3_000_000) : random.among(300...8_000) }

    func stepFault(_ host: Int, _ kind: StepKind) -> ProcessEffect? {
        let index = StepKind.allCases.firstIndex(of: kind)!
        stepCounts[host][index] += 1
        guard time.now < scenario.healsAt else { return nil }
        for case .step(host, kind, stepCounts[host][index], let effect) in scenario.faults {
            coverage.add(effect, before: kind)
            return effect
        }
        return nil
    }

    func requestFault(_ host: Int, _ kind: RequestKind) -> RequestEffect? {
        let index = RequestKind.allCases.firstIndex(of: kind)!
        requestCounts[host][index] += 1
        guard time.now < scenario.healsAt else { return nil }
        for case .request(host, kind, requestCounts[host][index], let effect) in scenario.faults {
            switch effect {
            // Counted where they strike.
            case .before, .after: break
            default: coverage.add(effect, on: kind)
            }
            return effect
        }
        return nil
    }

    /// Strikes the process on that side of its request.
    func strike(_ process: WorkerProcess, _ side: RequestEffect, _ effect: ProcessEffect, of kind: RequestKind) {
        if strike(process, effect) { coverage.add(side, on: kind) }
    }

    // MARK: The end

    /// Faults end: what is down comes up, who is stopped wakes, who is dead is started; an operator starts those again that refuse a partition.
    private func heal() {
        trace("everything heals")
        nodesDownUntil = [0, 0, 0]
        (unauthorizedUntil, slowMarkersUntil) = (0, 0)
        (checkpoints.slowUntil, checkpoints.failingUntil, redis.downUntil) = (0, 0, 0)
        for process in zombies { process.wake() }
        for process in processes { process?.wake() }
        for host in processes.indices where processes[host] == nil { time.after(.seconds(1)) { [unowned self] in start(host) } }
        operate()
        look()
    }

    private func operate() {
        for host in processes.indices {
            guard let process = processes[host], !process.machine.refused.isEmpty else { continue }
            process.end(.killed)
            time.after(.milliseconds(300)) { [unowned self] in start(host) }
        }
        time.after(.seconds(15)) { [unowned self] in operate() }
    }

    /// Done when everything has been complete for some seconds: a loss in Redis shows only with the next marks.
    private func look(completeSince: Int64? = nil) {
        let since = checks.isComplete() ? completeSince ?? time.now : nil
        if let since, time.now - since >= .seconds(4) { return checks.finish() }
        time.after(.milliseconds(500)) { [unowned self] in look(completeSince: since) }
    }
}

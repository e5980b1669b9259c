import FraudEngine
internal import HTTPServer
import Kafka
import Redis
import Postgres
import RuleFiles
import Synchronization
import Threads

/// The whole service: workers, checkpoint thread, score writer, rule watcher and the HTTP servers, from start to a graceful end.
///
/// Its methods may be called from any thread but block: `start` while brokers and store are checked, `stop` up to `shutdown.grace`.
package final class Service: Sendable {
    let settings: Settings
    let version: String
    let log: Log
    let metrics: Metrics
    let boards: [WorkerBoard]
    /// Of the input.
    private let partitionCount: Int
    let rules: RuleWatcher
    let scores: ScoreWriter?
    private let inboxes: [WorkerInbox]
    let checkpoints: CheckpointThread
    private let failure = Mutex<WorkerFailure?>(nil)
    private let stopping = Atomic(false)
    private let isLeftUndone = Atomic(false)
    private let running = Mutex(Running())
    /// One signal for each worker that ended.
    private let ended = Semaphore()

    /// What has to be ended again.
    private struct Running {
        var servers: [HTTPServer] = []
        var checkpointThread: DedicatedThread?
        var scoreThread: DedicatedThread?
        var ruleThread: DedicatedThread?
        var workerThreads: [DedicatedThread] = []
    }

    private init(
        _ settings: Settings, version: String, log: Log, initial: LoadedRuleSet, store: CheckpointStore, workerSettings: WorkerSettings, workers: Int
    ) {
        self.settings = settings
        self.version = version
        self.log = log
        let metrics = Metrics(version: version)
        self.metrics = metrics
        let inboxes = (0..<workers).map { _ in WorkerInbox() }
        self.inboxes = inboxes
        boards = (0..<workers).map { _ in WorkerBoard() }
        partitionCount = workerSettings.partitionCount
        checkpoints = CheckpointThread(open: { store.open() }, settings: workerSettings, log: log, metrics: metrics)
        scores = settings.redis.map { ScoreWriter(url: $0, group: settings.group, metrics: metrics, log: log) }
        rules = RuleWatcher(
            settings, initial: initial, log: log, metrics: metrics, store: { loaded in Self.store(loaded, store) },
            offer: { set in for inbox in inboxes { inbox.post(.rulesOffered(set)) } })
    }

    // MARK: Start

    /// Checks what it needs and starts everything.
    ///
    /// - Parameters:
    ///   - isEmbedded: the brokers are librdkafka's mock cluster, which tells nothing about topics.
    ///   - drains: somebody looks at `drainProgress`.
    package static func start(
        _ settings: Settings, version: String, log: Log, isEmbedded: Bool = false, drains: Bool = false
    ) throws(StartFailure) -> Service {
        let prepared = try prepare(settings, log: log, isEmbedded: isEmbedded, isPatient: true)
        let service = Service(
            settings, version: version, log: log, initial: prepared.rules, store: prepared.store, workerSettings: prepared.workerSettings,
            workers: min(settings.workers, prepared.findings.inputPartitions))
        try service.listen(partitions: prepared.findings.inputPartitions)
        service.startThreads(prepared, drains: drains)
        return service
    }

    /// Looks at everything that a start needs, and leaves nothing running.
    package static func check(_ settings: Settings, log: Log) throws(StartFailure) {
        _ = try prepare(settings, log: log, isEmbedded: false, isPatient: false)
        if let address = settings.postgres { try Database.check(address) }
        guard let url = settings.redis else { return }
        if let problem = ScoreReader.problem(connecting: url) {
            throw StartFailure(.unreachable, "\(RedisAddress(url)) does not answer: \(problem); check redis.url")
        }
    }

    private struct Prepared {
        var rules: LoadedRuleSet
        var findings: StartChecks.Findings
        var store: CheckpointStore
        var workerSettings: WorkerSettings
    }

    private static func prepare(_ settings: Settings, log: Log, isEmbedded: Bool, isPatient: Bool) throws(StartFailure) -> Prepared {
        let loaded: LoadedRuleSet
        switch RuleFiles.load(directory: settings.rules.directory, baseWindowMilliseconds: settings.windows.size) {
        case .success(let good): loaded = good
        case .failure(let diagnostics):
            throw StartFailure(.usage, diagnostics.text + UnloadedRules.ofSettings(settings.rules.directory, diagnostics).sentence)
        }
        if let address = settings.postgres { try checkSchema(address, settings, log) }
        let store = CheckpointStore(settings)
        do throws(StoreProblem) { try store.open().prepare() } catch { throw StartFailure(error, store) }
        let findings = try StartChecks.run(settings, log: log, describesTopics: !isEmbedded, isPatient: isPatient)
        if let problem = Self.store(loaded, store) { throw StartFailure(.refused, problem) }
        return Prepared(rules: loaded, findings: findings, store: store, workerSettings: workerSettings(settings, findings))
    }

    /// A schema that is behind stops a start; a database that is down does not, unless checkpoints are in it.
    private static func checkSchema(_ address: PostgresAddress, _ settings: Settings, _ log: Log) throws(StartFailure) {
        do throws(StartFailure) { try Database.check(address) } catch {
            guard error.code == .unreachable, settings.checkpoint.store != .postgres else { throw error }
            log.warning("the schema was not checked", [.error: error.message])
        }
    }

    private static func store(_ loaded: LoadedRuleSet, _ store: CheckpointStore) -> String? {
        do throws(StoreProblem) {
            try store.open().store(ruleSet: loaded.set.hash, bundle: loaded.bundle.encoded)
            return nil
        } catch {
            return "the rule set cannot be stored for recovery: \(error)"
        }
    }

    private static func workerSettings(_ settings: Settings, _ findings: StartChecks.Findings) -> WorkerSettings {
        var generator = SystemRandomNumberGenerator()
        var worker = WorkerSettings(
            windows: settings.windows, mapping: settings.input.mapping,
            output: OutputContext(
                group: settings.group, inputTopic: settings.input.topic, deadLetterMaxBytes: findings.deadLetterMaxBytes,
                lateMaxBytes: findings.lateMaxBytes),
            group: settings.group, topic: settings.input.topic,
            foldHash: FoldHash.text(windows: settings.windows, mapping: settings.input.mapping), partitionCount: findings.inputPartitions,
            seed: generator.next())
        worker.outputDelay = settings.commit.outputDelay
        worker.commitInterval = settings.commit.interval
        worker.commitMaxRecords = settings.commit.maxRecords
        worker.checkpointMaxAge = settings.checkpoint.maxAge
        worker.checkpointMaxDebt = Int64(settings.checkpoint.maxDebt)
        return worker
    }

    private func listen(partitions: Int) throws(StartFailure) {
        let hooks = HTTPServerHooks(
            log: { [log] line in log.warning("the HTTP server reports a problem", [.error: line]) },
            observe: { [metrics] seen in metrics.requestAnswered(route: seen.route, code: seen.status, seconds: seen.seconds) })
        let admin = AdminSources(
            readiness: { [unowned self] in readiness }, metricsText: { [unowned self] in Array(metrics.render(partitions: samples).utf8) },
            statusJSON: { [unowned self] in Array(statusJSON.utf8) }, reload: { [rules] in rules.reload() })
        let reader = settings.redis.map { url in
            ScoreReader(
                url: url, group: settings.group, topic: settings.input.topic, partitionCount: partitions, graceMilliseconds: settings.windows.grace,
                policy: { [rules] in rules.current.loaded.set.policy })
        }
        try listen(settings.adminListen, "admin.listen", AdminRoutes.routes(admin), hooks)
        let scores = ScoreSources(
            risk: { reader?.risk($0) ?? .notConfigured }, risks: { reader?.risks($0) ?? .notConfigured },
            leaderboard: { reader?.leaderboard(limit: $0) ?? .notConfigured })
        try listen(settings.httpListen, "http.listen", DataRoutes.routes(scores), hooks)
    }

    private func listen(_ address: HostPort, _ key: String, _ routes: [HTTPRoute], _ hooks: HTTPServerHooks) throws(StartFailure) {
        do throws(HTTPServerError) {
            let server = try HTTPServer.start(listen: ListenAddress(host: address.host, port: address.port), routes: routes, hooks: hooks)
            running.withLock { $0.servers.append(server) }
            log.info("listening", [.setting: key, .address: "\(HostPort(host: address.host, port: server.port))"])
        } catch {
            stopServers(graceSeconds: 0)
            throw StartFailure(.refused, "\(error); free the address, or choose another with \(key)")
        }
    }

    private func startThreads(_ prepared: Prepared, drains: Bool) {
        let settings = settings
        let environment = WorkerEnvironment(
            settings: prepared.workerSettings,
            names: OutputTopicNames(
                alerts: settings.output.alerts, shadow: settings.output.shadow, late: settings.output.late, deadLetters: settings.output.deadLetters),
            outputPartitions: prepared.findings.outputPartitions, consumerProperties: settings.consumerProperties,
            producerProperties: settings.producerProperties, birth: BirthPolicy(settings.input.start), checkpoints: checkpoints,
            store: prepared.store, cures: CureContext(settings), scores: scores, metrics: metrics, log: log,
            // The rest is for the thread that waits for it.
            shutdownGrace: settings.shutdownGrace * 4 / 5, heartbeatMilliseconds: settings.consumerMilliseconds("heartbeat.interval.ms"),
            drains: drains)
        running.withLock { running in
            running.checkpointThread = DedicatedThread.start("checkpoints") { [checkpoints] in checkpoints.run() }
            running.ruleThread = DedicatedThread.start("rules") { [rules] in rules.run() }
            if let scores { running.scoreThread = DedicatedThread.start("scores") { scores.run() } }
            for index in boards.indices {
                running.workerThreads.append(DedicatedThread.start("worker-\(index)") { [self] in work(index, environment) })
            }
        }
        log.info("started", [.version: version, .instance: settings.instance, .topic: settings.input.topic, .ruleSet: prepared.rules.set.hash.hexadecimal])
    }

    /// A worker thread's body.
    private func work(_ index: Int, _ environment: WorkerEnvironment) {
        do throws(WorkerFailure) {
            var epoch: UInt64 = 0
            repeat {
                let worker = try StreamWorker(
                    environment, ruleSet: rules.current.loaded.set, index: index, instance: settings.instance, inbox: inboxes[index], board: boards[index],
                    assignmentEpoch: epoch)
                epoch = try run(worker)
            } while epoch > 0 && !isStopping
        } catch {
            failure.withLock { $0 = $0 ?? error }
            log.error("a worker ended, the service stops", [.worker: "\(index)", .error: "\(error)"])
        }
        ended.signal()
    }

    /// Runs the worker to its end: 0; or until it lost an identity that nobody else has: the epoch for the next.
    private func run(_ worker: StreamWorker) throws(WorkerFailure) -> UInt64 {
        do throws(WorkerFailure) {
            try worker.loop()
            return 0
        } catch {
            guard case .fenced(let why) = error else { throw error }
            worker.abandon()
            if isStopping { return endLost(why) }
            let member = StaticMember(
                id: worker.groupInstance, group: settings.group, clientProperties: settings.clientProperties,
                sessionMilliseconds: settings.consumerMilliseconds("session.timeout.ms"))
            let isHeld: Bool
            do throws(KafkaError) { isHeld = try member.isHeldByAnother(unless: { isStopping }) } catch { throw .client("\(error)") }
            if isHeld { throw .fenced(why) }
            if isStopping { return endLost(why) }
            log.warning("lost its place in the group to an earlier request of its own; joins again", [.error: why])
            return worker.machine.assignmentEpoch + 1
        }
    }

    private func endLost(_ why: String) -> UInt64 {
        isLeftUndone.store(true, ordering: .relaxed)
        log.warning("lost its place in the group while it stopped; what it had not committed is done again", [.error: why])
        return 0
    }

    // MARK: While it runs

    /// Why it cannot go on; nil while it can.
    package var trouble: StartFailure? { failure.withLock { $0 }.map { StartFailure($0, settings: settings) } }

    /// The data port as it was bound.
    package var dataPort: UInt16 { running.withLock { $0.servers.last?.port ?? 0 } }

    /// The admin port as it was bound.
    package var adminPort: UInt16 { running.withLock { $0.servers.first?.port ?? 0 } }

    var isStopping: Bool { stopping.load(ordering: .relaxed) }

    /// Every worker has its partitions, and all of them are live or refused.
    package var isSettled: Bool {
        boards.allSatisfy { board in
            let seen = board.latest
            return seen.isMember && seen.isAssigned && seen.loading.isEmpty && seen.partitions.allSatisfy { $0.state == "live" }
        }
    }

    /// Offsets that its live partitions have yet to read, as far as the last fetches tell.
    var lag: Int64 { boards.reduce(0) { sum, board in board.latest.partitions.reduce(sum) { $0 + $1.lag } } }

    /// How far a drain is.
    var drainProgress: DrainProgress {
        var refusedCount = 0
        var progress = boards.reduce(into: DrainProgress(isSettled: isSettled, partitions: [:])) { progress, board in
            let seen = board.latest
            progress.loadingCount += seen.loading.count
            refusedCount += seen.refused.count
            for one in seen.partitions { progress.partitions[one.partition] = .init(next: one.next, remaining: one.remaining) }
        }
        progress.isWhole = progress.partitions.count + refusedCount >= partitionCount
        return progress
    }

    /// Milliseconds until the group gives the partitions of an instance that died to others: its session, and a rebalance.
    var takeover: Int64 { settings.consumerMilliseconds("session.timeout.ms") + 5_000 }

    /// Totals by outcome over the partitions it holds, as committed or about to be.
    package var totals: [(outcome: String, records: UInt64)] {
        Outcome.allCases.map { outcome in
            let sum = boards.reduce(UInt64(0)) { sum, board in
                board.latest.partitions.reduce(sum) { $0 + $1.totals.records[Int(outcome.rawValue)] }
            }
            return ("\(outcome.name)", sum)
        }
    }

    package func reloadRules() { rules.requestReload() }

    // MARK: Stop

    /// After `stop`: a checkpoint is missing, or something was not committed. A restart does it again; a drain has to be.
    var leavesWork: Bool { isLeftUndone.load(ordering: .relaxed) || !checkpoints.unwritten.isEmpty }

    /// Finishes the transactions, writes checkpoints at the committed offsets, and closes without leaving the group.
    package func stop() -> ExitCode {
        stopping.store(true, ordering: .relaxed)
        log.info("stopping")
        let deadline = Clock.monotonicMilliseconds() + settings.shutdownGrace
        rules.close()
        for inbox in inboxes { inbox.post(.stop) }
        let parts = running.withLock { running in
            defer { running = Running() }
            return running
        }
        var isComplete = true
        for _ in parts.workerThreads where !ended.wait(milliseconds: deadline - Clock.monotonicMilliseconds()) { isComplete = false }
        guard isComplete else {
            // Lets go of requests that wait for a reload, so that the servers can end.
            _ = rules.waitUntilEnded(milliseconds: 0)
            log.error("a worker did not end within shutdown.grace; what it had not committed is done again after the restart")
            return trouble?.code ?? .unreachable
        }
        for thread in parts.workerThreads { thread.join() }
        checkpoints.close()
        if checkpoints.waitUntilEnded(milliseconds: deadline - Clock.monotonicMilliseconds()) {
            parts.checkpointThread?.join()
        } else {
            isLeftUndone.store(true, ordering: .relaxed)
            log.warning("the checkpoint store did not answer within shutdown.grace; the restart replays more")
        }
        if let scores {
            if !scores.waitUntilDrained(milliseconds: max(0, deadline - Clock.monotonicMilliseconds())) {
                log.warning("scores were not all written within shutdown.grace; they are written after the restart")
            }
            scores.close()
            parts.scoreThread?.join()
        }
        if rules.waitUntilEnded(milliseconds: deadline - Clock.monotonicMilliseconds()) {
            parts.ruleThread?.join()
        } else {
            log.warning("the rule watcher did not end within shutdown.grace")
        }
        for server in parts.servers { server.stop(graceSeconds: Int(max(0, min(2_000, deadline - Clock.monotonicMilliseconds()))) / 1_000) }
        log.info("stopped")
        return trouble?.code ?? .ok
    }

    private func stopServers(graceSeconds: Int) {
        let servers = running.withLock { running in
            defer { running.servers = [] }
            return running.servers
        }
        for server in servers { server.stop(graceSeconds: graceSeconds) }
    }
}

extension BirthPolicy {
    init(_ start: Settings.InputStart) {
        switch start {
        case .earliest: self = .earliest
        case .latest: self = .latest
        case .time(let time): self = .time(time)
        }
    }
}

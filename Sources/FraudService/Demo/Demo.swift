import FraudEngine
import Kafka
import RuleFiles
import Threads

/// `tripline demo`: the whole service on an embedded broker, with made-up or given payments, and nothing to set up.
enum Demo {
    static let defaultRate = 1_000
    private static let partitions: Int32 = 4
    /// The mock cluster keeps 5 MiB per partition, about 20,000 payments.
    private static let headroom: Int64 = 20_000

    static func run(_ demo: Invocation.Demo, _ given: Settings, version: String, output: Invocation.OutputFormat) -> ExitCode {
        ProcessSignals.block()
        let log = Log(level: given.logLevel == .info ? .warning : given.logLevel, format: .text)
        var folder: String?
        defer { if let folder { clean(folder, log) } }
        do throws(StartFailure) {
            let source = try source(demo, given)
            let made = try temporaryFolder()
            folder = made
            let redis = RedisProcess(folder: made)
            let broker = try embeddedBroker(given)
            defer { broker.stop() }
            let settings = settings(given, demo, broker: broker, redis: redis, folder: made)
            let service = try Service.start(settings, version: version, log: log, isEmbedded: true)
            introduce(settings, service, hasRedis: redis != nil, demo)
            return try play(demo, source, settings, service, output, log)
        } catch {
            return ServeCommand.fail(error)
        }
    }

    // MARK: Set-up

    private static func source(_ demo: Invocation.Demo, _ settings: Settings) throws(StartFailure) -> PaymentFeed.Source {
        guard let path = demo.payments else { return .generated(seed: UInt64(Clock.wallMicroseconds())) }
        let bytes: [UInt8]
        do throws(FileSystem.Problem) { bytes = try FileSystem.read(path) } catch { throw StartFailure(.usage, "--payments: \(error)") }
        var lines: [(account: [UInt8], json: [UInt8])] = []
        for (number, line) in bytes.split(separator: UInt8(ascii: "\n")).enumerated() where !line.allSatisfy({ $0 == 32 || $0 == 13 }) {
            let json = Array(line)
            guard let account = JSONMember.string(settings.input.mapping.accountID, in: json) else {
                throw StartFailure(
                    .usage, "\(path):\(number + 1): this line has no text member '\(settings.input.mapping.accountID)'; one JSON payment a line is expected")
            }
            lines.append((account, json))
        }
        guard !lines.isEmpty else { throw StartFailure(.usage, "\(path): the file has no payments") }
        return .lines(lines)
    }

    private static func temporaryFolder() throws(StartFailure) -> String {
        do throws(FileSystem.Problem) { return try FileSystem.makeTemporaryFolder("tripline-demo") } catch { throw StartFailure(.refused, "\(error)") }
    }

    private static func clean(_ folder: String, _ log: Log) {
        do throws(FileSystem.Problem) { try FileSystem.removeFolder(folder) } catch {
            log.warning("the demo's folder is left behind", [.path: folder, .error: "\(error)"])
        }
    }

    private static func embeddedBroker(_ settings: Settings) throws(StartFailure) -> EmbeddedBroker {
        do throws(KafkaError) {
            let broker = try EmbeddedBroker()
            let output = settings.output
            for topic in [settings.input.topic, output.alerts, output.shadow, output.late, output.deadLetters] {
                try broker.createTopic(topic, partitions: partitions)
            }
            return broker
        } catch {
            throw StartFailure(.refused, "the embedded broker did not start: \(error)")
        }
    }

    private static func settings(
        _ given: Settings, _ demo: Invocation.Demo, broker: EmbeddedBroker, redis: RedisProcess?, folder: String
    ) -> Settings {
        var settings = given
        // A fetch waits on the mock until its time is over, records or not.
        settings.kafka = Settings.Kafka(
            bootstrapServers: broker.bootstrapServers, properties: KafkaProperties(),
            consumerProperties: KafkaProperties([("fetch.wait.max.ms", "5"), ("allow.auto.create.topics", "true")]), producerProperties: KafkaProperties())
        settings.checkpoint.store = .directory(folder)
        // A rebalance would ask for offsets that the mock has forgotten.
        settings.workers = 1
        settings.input.start = .earliest
        settings.postgres = nil
        settings.redis = redis.map { RedisURL(host: "127.0.0.1", port: $0.port) }
        settings.adminListen = HostPort(host: "127.0.0.1", port: 0)
        if let listen = demo.listen {
            settings.httpListen = listen
        } else if !LocalPort.isFree(settings.httpListen.port) {
            settings.httpListen = HostPort(host: "127.0.0.1", port: 0)
        }
        return settings
    }

    private static func introduce(_ settings: Settings, _ service: Service, hasRedis: Bool, _ demo: Invocation.Demo) {
        let address = HostPort(host: settings.httpListen.host, port: service.dataPort)
        Terminal.note(
            """
            Tripline demo: the service with the rules in '\(settings.rules.directory)', on an embedded broker.
            The embedded broker (librdkafka's mock cluster) keeps nothing and settles no offsets: for a look, not for a proof of exactly-once.
            scores:  \(hasRedis ? "http://\(address)/v1/accounts/{account_id}/risk" : "off, because redis-server is not installed (apt install redis-server)")
            status:  http://127.0.0.1:\(service.adminPort)/status   metrics: http://127.0.0.1:\(service.adminPort)/metrics
            \(demo.duration.map { "It ends after \(Double($0) / 1000) s" } ?? "Ctrl-C ends it"); the group joins in about 3 s.

            """)
    }

    // MARK: The show

    private static func play(
        _ demo: Invocation.Demo, _ source: PaymentFeed.Source, _ settings: Settings, _ service: Service, _ output: Invocation.OutputFormat, _ log: Log
    ) throws(StartFailure) -> ExitCode {
        let alerts = AlertReader(
            properties: settings.consumerProperties, topic: settings.output.alerts, partitions: partitions, log: log,
            show: { alert in DemoReport.show(alert, output) },
            first: { account in
                guard settings.redis != nil else { return }
                Terminal.note("try: curl http://\(HostPort(host: settings.httpListen.host, port: service.dataPort))/v1/accounts/\(account)/risk\n")
            })
        let reader = DedicatedThread.start("alert-reader") { alerts.run() }
        let feed = PaymentFeed(
            source, rate: demo.rate ?? defaultRate, topic: settings.input.topic, properties: settings.clientProperties, headroom: headroom,
            readCount: { service.totals.reduce(0) { $0 + Int64($1.records) } })
        while !service.isSettled, service.trouble == nil {
            if ProcessSignals.next(milliseconds: 50) == .stop { break }
        }
        let start = Clock.monotonicMilliseconds()
        let producing = DedicatedThread.start("payments") { feed.run() }
        watch(service, feed, until: demo.duration.map { start + $0 })
        feed.stop()
        producing.join()
        settle(service, feed)
        let seconds = Double(Clock.monotonicMilliseconds() - start) / 1_000
        let totals = service.totals
        let code = service.stop()
        alerts.stop()
        reader.join()
        if let problem = feed.problem { throw StartFailure(.unreachable, "the payments could not be produced: \(problem)") }
        DemoReport(seconds: seconds, sent: feed.sentCount, wasHeldBack: feed.wasHeldBack, totals: totals, seen: alerts.latest).print(output)
        return code
    }

    private static func watch(_ service: Service, _ feed: PaymentFeed, until: Int64?) {
        while service.trouble == nil, !feed.isDone, Clock.monotonicMilliseconds() < until ?? Int64.max {
            switch ProcessSignals.next(milliseconds: 50) {
            case .stop: return
            case .reload: service.reloadRules()
            case nil: break
            }
        }
    }

    /// Waits until what was sent is read, at most ten seconds.
    private static func settle(_ service: Service, _ feed: PaymentFeed) {
        let deadline = Clock.monotonicMilliseconds() + 10_000
        while Clock.monotonicMilliseconds() < deadline, service.trouble == nil,
            service.totals.reduce(0, { $0 + Int64($1.records) }) < feed.sentCount
        { Clock.pause(milliseconds: 20) }
    }
}

import FraudEngine
import Glibc
import Kafka

/// `tripline bench`: this program's `serve` against the configured brokers, first over a backlog longer than any queue, then at a steady rate,
/// alternating with a bare consume-and-commit loop over the same records.
///
/// What is measured runs in processes of its own and is looked at from outside; what the brokers need comes on top where they share the machine.
struct Bench {
    static let partitions: Int32 = 4

    let options: Invocation.Bench
    let given: Settings
    /// As the user gave them, for the processes that are measured.
    let common: [String]
    let name = "tripline-bench-\(Clock.wallMilliseconds())"
    let folder: String
    let log: Log
    /// The run whose topic is in use: each reads the same backlog, without what the one before added at the steady rate.
    private var run = 1
    /// Payments added at the steady rate by this run.
    private var fed: Int64 = 0

    static func run(_ options: Invocation.Bench, _ settings: Settings, _ invocation: Invocation) -> ExitCode {
        ProcessSignals.block()
        do throws(StartFailure) {
            switch options.part {
            case .state: try StateBench.run(options, settings, invocation.output)
            case .bareLoop(let topic, nil): Terminal.data(try BareLoop.run(settings, topic: topic, payments: options.payments).json + "\n")
            case .bareLoop(let topic, let alerts?): try BareRelay.run(settings, from: topic, to: alerts)
            case .recovery:
                var bench = try Bench(options, settings, invocation)
                defer { bench.clean() }
                try bench.measureRecovery().print(invocation.output)
            case .service:
                var bench = try Bench(options, settings, invocation)
                defer { bench.clean() }
                try bench.measure().print(invocation.output)
            }
            return .ok
        } catch {
            return ServeCommand.fail(error)
        }
    }

    private init(_ options: Invocation.Bench, _ settings: Settings, _ invocation: Invocation) throws(StartFailure) {
        self.options = options
        given = settings
        log = Log(level: .warning, format: .text)
        var words: [String] = []
        if let config = invocation.config { words += ["--config", config] }
        for assignment in invocation.settings where assignment.flag == "--set" { words += ["--set", assignment.text] }
        common = words
        folder = try Self.withFiles { () throws(FileSystem.Problem) in try FileSystem.makeTemporaryFolder("tripline-bench") }
    }

    var inputTopic: String { "\(name)-payments-\(run)" }

    func outputs(_ group: String) -> [String] { ["alerts", "shadow", "late", "dlq"].map { "\(group)-\($0)" } }

    // MARK: The run

    private mutating func measure() throws(StartFailure) -> BenchReport {
        let rules = if let given = options.rules { given } else { try BenchRules.write(into: "\(folder)/rules") }
        let redis = given.redis == nil ? RedisProcess(folder: folder) : nil
        if given.redis == nil, redis == nil { Terminal.note("bench: redis-server is not installed, so no scores are written\n") }
        var report = BenchReport(payments: options.payments, accounts: accounts, rate: options.rate, hasRedis: given.redis != nil || redis != nil)
        for number in 1...options.runs {
            (run, fed) = (number, 0)
            try createTopics([inputTopic])
            Terminal.note("bench: run \(run) of \(options.runs): producing \(options.payments) payments to \(inputTopic) on \(given.kafka.bootstrapServers)\n")
            try produceBacklog()
            Terminal.note("bench: run \(run) of \(options.runs): the bare loop\n")
            let bare = try bareLoop()
            let group = "\(name)-\(run)"
            try createTopics(outputs(group) + ["\(group)-bare"])
            Terminal.note("bench: run \(run) of \(options.runs): the service over the backlog\n")
            let service = try BenchService(
                common: common, group: group, topic: inputTopic, outputs: outputs(group), rules: rules, redis: redis?.port, folder: "\(folder)/\(run)")
            let backlog = try service.measureBacklog(payments: Int64(options.payments) + fed)
            var live: BenchReport.Live?
            var bareLive: BenchReport.Live?
            if options.seconds > 0 {
                Terminal.note("bench: run \(run) of \(options.runs): \(options.rate) payments/s, to warm up and for \(options.seconds) s\n")
                let measured = try load(alerts: outputs(group)[0], warmUp: LiveLoad.warmUpAfterBacklog).measure(service.process)
                fed += measured.sent
                try service.wait(until: Int64(options.payments) + fed)
                live = measured
            }
            let checkpoints = service.checkpointsWritten
            service.stop()
            if live != nil {
                Terminal.note("bench: run \(run) of \(options.runs): the bare loop at the same rate\n")
                bareLive = try measureBareLive(to: "\(group)-bare")
            }
            report.runs.append(BenchReport.Run(bare: bare, backlog: backlog, live: live, bareLive: bareLive, checkpoints: checkpoints))
        }
        return report
    }

    private var accounts: Int { options.accounts ?? 100_000 }

    private func bareLoop() throws(StartFailure) -> BareLoop.Result {
        let output = "\(folder)/bare-\(Clock.monotonicNanoseconds())"
        let child = try bareProcess(["--payments", "\(options.payments)"], output)
        var code = child.poll()
        while code == nil {
            try Self.pause(milliseconds: 20)
            code = child.poll()
        }
        let text = try Self.withFiles { () throws(FileSystem.Problem) in String(decoding: try FileSystem.read(output), as: UTF8.self) }
        guard code == 0, let result = BareLoop.Result(json: text) else { throw StartFailure(.unreachable, "the bare loop ended with \(code ?? 0): \(text)") }
        return result
    }

    private mutating func measureBareLive(to topic: String) throws(StartFailure) -> BenchReport.Live {
        let child = try bareProcess(["--to", topic], "\(folder)/bare-\(Clock.monotonicNanoseconds())")
        let measured = try load(alerts: topic, warmUp: LiveLoad.shortWarmUp).measure(child)
        fed += measured.sent
        child.end()
        return measured
    }

    private func bareProcess(_ words: [String], _ output: String) throws(StartFailure) -> ChildProcess {
        try Self.withFiles { () throws(FileSystem.Problem) in
            try ChildProcess(["/proc/self/exe", "bench", "--bare", inputTopic] + words + common, output: output)
        }
    }

    private func load(alerts: String, warmUp: Int) -> LiveLoad {
        // Another seed each time: the same ids again would be duplicates.
        LiveLoad(
            settings: given, rate: options.rate, warmUp: warmUp, seconds: options.seconds, accounts: accounts, seed: 2 + UInt64(fed),
            payments: inputTopic, alerts: alerts, log: log)
    }

    static func withFiles<Value>(_ body: () throws(FileSystem.Problem) -> Value) throws(StartFailure) -> Value {
        do throws(FileSystem.Problem) { return try body() } catch { throw StartFailure(.refused, "\(error)") }
    }

    /// Waits, and ends the run where the user asks for it.
    static func pause(milliseconds: Int) throws(StartFailure) {
        if case .stop = ProcessSignals.next(milliseconds: milliseconds) { throw StartFailure(.findings, "bench: stopped before the end; nothing is reported") }
    }

    // MARK: Set-up

    func createTopics(_ names: [String], partitions: Int32 = Bench.partitions) throws(StartFailure) {
        do throws(KafkaError) {
            let admin = try Admin(properties: given.clientProperties)
            defer { admin.destroy() }
            try admin.checkReachable(timeoutMilliseconds: 5_000)
            _ = try admin.createTopics(names.map { NewTopic(name: $0, partitionCount: partitions) }, timeoutMilliseconds: 10_000)
        } catch {
            throw StartFailure(.unreachable, "\(error.message); bench needs a broker: set kafka.bootstrap_servers")
        }
    }

    private func clean() {
        do throws(FileSystem.Problem) { try FileSystem.removeFolder(folder) } catch {
            log.warning("a folder is left behind", [.path: folder, .error: "\(error)"])
        }
        do throws(KafkaError) {
            let admin = try Admin(properties: given.clientProperties)
            defer { admin.destroy() }
            let left = try admin.topics(timeoutMilliseconds: 5_000).filter { $0.hasPrefix(name) }
            if !left.isEmpty { try admin.deleteTopics(left, timeoutMilliseconds: 10_000) }
        } catch {
            log.warning("topics are left behind", [.topic: "\(name)-…", .error: "\(error)"])
        }
    }

    /// Four hours of payments, up to now.
    private func produceBacklog() throws(StartFailure) {
        do throws(KafkaError) {
            let producer = try PlainProducer(properties: given.clientProperties)
            let output = try producer.register(topic: inputTopic)
            var generator = PaymentGenerator(seed: 1, rate: max(1, options.payments / 14_400), accounts: accounts)
            var key = ByteWriter(capacity: 64)
            var value = ByteWriter(capacity: 512)
            let end = Clock.wallMilliseconds()
            for index in 0..<options.payments {
                key.removeAll()
                value.removeAll()
                let time = end - 14_400_000 + Int64(index) * 14_400_000 / Int64(options.payments)
                PaymentGenerator.append(account: generator.next(at: time, to: &value), to: &key)
                try producer.produce(
                    output, key: UnsafeRawBufferPointer(start: key.bytes, count: key.count),
                    value: UnsafeRawBufferPointer(start: value.bytes, count: value.count), timestamp: time)
            }
            try producer.flush(timeoutMilliseconds: 60_000)
            producer.destroy()
        } catch {
            throw StartFailure(.unreachable, "the backlog could not be produced: \(error)")
        }
    }
}

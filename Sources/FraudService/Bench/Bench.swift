import FraudEngine
import Glibc
import Kafka

/// `tripline bench`: the service against the configured brokers, first over a backlog longer than any queue, then at a steady rate.
///
/// Producer, service and the reader of alerts share this process; what the brokers need comes on top where they run on the same machine.
enum Bench {
    private static let partitions: Int32 = 4
    private static let backlog = 2_000_000
    private static let liveRate = 20_000
    private static let liveSeconds = 20

    static func run(_ given: Settings, version: String, output: Invocation.OutputFormat) -> ExitCode {
        ProcessSignals.block()
        let log = Log(level: given.logLevel == .info ? .warning : given.logLevel, format: .text)
        do throws(StartFailure) {
            let settings = try settings(given)
            defer { clean(settings, log) }
            try createTopics(settings)
            Terminal.note("bench: producing \(backlog) payments to \(settings.input.topic) on \(settings.kafka.bootstrapServers)\n")
            try produceBacklog(settings)
            Terminal.note("bench: reading the backlog\n")
            let service = try Service.start(settings, version: version, log: log)
            let first = measureBacklog(service)
            Terminal.note("bench: \(liveRate) payments/s for \(liveSeconds) s\n")
            let second = measureLive(service, settings, log)
            let code = service.stop()
            BenchReport(workers: service.boards.count, partitions: Int(partitions), backlog: first, live: second).print(output)
            return code
        } catch {
            return ServeCommand.fail(error)
        }
    }

    // MARK: Set-up

    private static func settings(_ given: Settings) throws(StartFailure) -> Settings {
        var settings = given
        let name = "tripline-bench-\(Clock.wallMilliseconds())"
        settings.group = name
        settings.input.topic = "\(name)-payments"
        settings.input.start = .earliest
        settings.output = Settings.Output(
            alerts: "\(name)-alerts", shadow: "\(name)-shadow", late: "\(name)-late", deadLetters: "\(name)-dlq")
        settings.httpListen = HostPort(host: "127.0.0.1", port: 0)
        settings.adminListen = HostPort(host: "127.0.0.1", port: 0)
        do throws(FileSystem.Problem) {
            settings.checkpoint.directory = try FileSystem.makeTemporaryFolder("tripline-bench")
        } catch {
            throw StartFailure(.refused, "\(error)")
        }
        return settings
    }

    private static func topics(_ settings: Settings) -> [String] {
        [settings.input.topic, settings.output.alerts, settings.output.shadow, settings.output.late, settings.output.deadLetters]
    }

    private static func createTopics(_ settings: Settings) throws(StartFailure) {
        do throws(KafkaError) {
            let admin = try Admin(properties: settings.clientProperties)
            defer { admin.destroy() }
            try admin.checkReachable(timeoutMilliseconds: 5_000)
            _ = try admin.createTopics(topics(settings).map { NewTopic(name: $0, partitionCount: partitions) }, timeoutMilliseconds: 10_000)
        } catch {
            throw StartFailure(.unreachable, "\(error.message); bench needs a broker: set kafka.bootstrap_servers")
        }
    }

    private static func clean(_ settings: Settings, _ log: Log) {
        do throws(FileSystem.Problem) { try FileSystem.removeFolder(settings.checkpoint.directory) } catch {
            log.warning("the checkpoint folder is left behind", [.path: settings.checkpoint.directory, .error: "\(error)"])
        }
        do throws(KafkaError) {
            let admin = try Admin(properties: settings.clientProperties)
            defer { admin.destroy() }
            try admin.deleteTopics(topics(settings), timeoutMilliseconds: 10_000)
        } catch {
            log.warning("topics are left behind", [.topic: topics(settings).joined(separator: " "), .error: "\(error)"])
        }
    }

    /// Payments as if they had come at the live rate, up to now.
    private static func produceBacklog(_ settings: Settings) throws(StartFailure) {
        do throws(KafkaError) {
            let producer = try PlainProducer(properties: settings.clientProperties)
            let output = try producer.register(topic: settings.input.topic)
            var generator = PaymentGenerator(seed: 1, rate: liveRate)
            var key = ByteWriter(capacity: 64)
            var value = ByteWriter(capacity: 512)
            let start = Clock.wallMilliseconds() - Int64(backlog / liveRate) * 1_000
            for index in 0..<backlog {
                key.removeAll()
                value.removeAll()
                let time = start + Int64(index) * 1_000 / Int64(liveRate)
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

    // MARK: Measuring

    private static func readCount(_ service: Service) -> Int64 { service.totals.reduce(0) { $0 + Int64($1.records) } }

    private static func measureBacklog(_ service: Service) -> BenchReport.Backlog {
        while !service.isSettled, service.trouble == nil { Clock.pause(milliseconds: 10) }
        let processor = ProcessUse.processorSeconds()
        let start = Clock.monotonicNanoseconds()
        let before = readCount(service)
        var last = before
        var lastChange = start
        var longestPause: Int64 = 0
        while service.trouble == nil, last < Int64(backlog) {
            Clock.pause(milliseconds: 10)
            let now = Clock.monotonicNanoseconds()
            let count = readCount(service)
            if count != last {
                longestPause = max(longestPause, now - lastChange)
                lastChange = now
                last = count
            }
        }
        return BenchReport.Backlog(
            payments: last - before, seconds: Double(Clock.monotonicNanoseconds() - start) / 1e9,
            processorSeconds: ProcessUse.processorSeconds() - processor, longestPauseMilliseconds: longestPause / 1_000_000,
            residentBytes: ProcessUse.residentBytes())
    }

    private static func measureLive(_ service: Service, _ settings: Settings, _ log: Log) -> BenchReport.Live {
        let from = Clock.wallMilliseconds()
        let alerts = AlertReader(
            properties: settings.consumerProperties, topic: settings.output.alerts, partitions: partitions, since: from, log: log, show: { _ in })
        let reader = DedicatedThread.start("alert-reader") { alerts.run() }
        let before = readCount(service)
        let feed = PaymentFeed(
            .generated(seed: 2, burstEvery: 200), rate: liveRate, topic: settings.input.topic, properties: settings.clientProperties, headroom: Int64.max,
            readCount: { 0 })
        let start = Clock.monotonicNanoseconds()
        let processor = ProcessUse.processorSeconds()
        let producing = DedicatedThread.start("payments") { feed.run() }
        Clock.pause(milliseconds: liveSeconds * 1_000)
        feed.stop()
        producing.join()
        let deadline = Clock.monotonicMilliseconds() + 30_000
        while readCount(service) - before < feed.sentCount, Clock.monotonicMilliseconds() < deadline { Clock.pause(milliseconds: 20) }
        let seconds = Double(Clock.monotonicNanoseconds() - start) / 1e9
        alerts.stop()
        reader.join()
        return BenchReport.Live(
            sent: feed.sentCount, read: readCount(service) - before, seconds: seconds, processorSeconds: ProcessUse.processorSeconds() - processor,
            latencies: alerts.latest.latencies.sorted(), residentBytes: ProcessUse.residentBytes())
    }
}

/// What this process has used.
enum ProcessUse {
    /// User and system time of all threads.
    static func processorSeconds() -> Double {
        var usage = rusage()
        guard getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 else { return 0 }
        func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
        return seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }

    /// Resident memory now, from /proc/self/statm; 0 where it cannot be read.
    static func residentBytes() -> Int {
        do throws(SmallFile.Problem) {
            let fields = String(decoding: try SmallFile.read("/proc/self/statm"), as: UTF8.self).split(separator: " ")
            return fields.count > 1 ? (Int(fields[1]) ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE))) : 0
        } catch {
            return 0
        }
    }
}

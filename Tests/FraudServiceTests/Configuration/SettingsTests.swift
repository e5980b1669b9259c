import FraudEngine
import Kafka
import RuleFiles
import Testing

@testable import FraudService

/// Loads settings from text, with a made-up machine.
struct Given {
    var file: String?
    var environment: [String: String] = [:]
    var sets: [String] = []
    var files: [String: String] = [:]
    var isTerminal = false

    func load(path: String? = nil) -> Result<Settings, RuleDiagnostics> {
        let file = file
        let files = files
        let surroundings = Surroundings(hostName: "host-1", processorCount: 3, isTerminal: isTerminal, workingFolder: "/work") { path in
            let text = path == "tripline.yaml" ? file : files[path]
            return text.map { .success(Array($0.utf8)) } ?? .failure(SmallFile.Problem(reason: "No such file or directory", isMissing: true))
        }
        return Settings.load(
            path: path, environment: environment, sets: sets.map { SettingAssignment(flag: "--set", text: $0) }, surroundings: surroundings)
    }

    /// `code@line: message` of each, in order.
    var problems: [String] {
        switch load() {
        case .success: []
        case .failure(let diagnostics): diagnostics.all.map { "\($0.code)@\($0.position.map { "\($0.line):\($0.column)" } ?? $0.file): \($0.message)" }
        }
    }

    var text: String {
        switch load() {
        case .success: ""
        case .failure(let diagnostics): diagnostics.text
        }
    }
}

struct SettingsTests {
    @Test func `without anything given the documented defaults hold`() throws {
        let settings = try Given().load().get()
        #expect(settings.group == "tripline")
        #expect(settings.instance == "host-1")
        #expect(settings.workers == 3)
        #expect(settings.kafka.bootstrapServers == "127.0.0.1:9092")
        #expect(settings.input.topic == "payments")
        #expect(settings.input.start == .earliest)
        #expect(settings.input.mapping == .init())
        #expect(settings.windows.size == 300_000)
        #expect(settings.windows.grace == 60_000)
        #expect(settings.rules == .init(source: .directory, directory: "rules", poll: 1_000))
        #expect(settings.output == .init(alerts: "fraud-alerts", shadow: "fraud-alerts-shadow", late: "payments-late", deadLetters: "payments-dlq"))
        #expect(settings.commit == .init(outputDelay: 12, interval: 1_000, maxRecords: 50_000))
        #expect(settings.checkpoint == .init(store: .directory("/var/lib/tripline"), maxAge: 60_000, maxDebt: 1_000_000))
        #expect(settings.redis == nil)
        #expect(settings.httpListen == HostPort(host: "127.0.0.1", port: 8080))
        #expect(settings.adminListen == HostPort(host: "127.0.0.1", port: 9464))
        #expect(settings.logLevel == .info)
        #expect(settings.logFormat == .json)
        #expect(settings.shutdownGrace == 25_000)
    }

    @Test func `a worker that is told nothing does as the documented defaults say`() throws {
        let settings = try Given().load().get()
        let worker = WorkerSettings(settings, partitionCount: 1)
        #expect(Settings.Commit(outputDelay: worker.outputDelay, interval: worker.commitInterval, maxRecords: worker.commitMaxRecords) == settings.commit)
        #expect(worker.checkpointMaxAge == settings.checkpoint.maxAge)
        #expect(worker.checkpointMaxDebt == Int64(settings.checkpoint.maxDebt))
    }

    @Test func `every default and every example is a value of its key`() {
        for key in SettingKey.all {
            #expect(Given(sets: ["\(key.path)=\(key.example)"]).problems == [], "\(key.path)")
            if let text = key.defaultText { #expect(Given(sets: ["\(key.path)=\(text)"]).problems == [], "\(key.path)") }
            #expect((key.defaultText == nil) != (key.absence == nil), "\(key.path)")
        }
    }

    @Test func `flags win over the environment, the environment over the file`() throws {
        var given = Given(file: "time:\n  grace: 10s\n  window: 1m\ngroup: g\n", environment: ["TRIPLINE_TIME_GRACE": "20s", "TRIPLINE_TIME_WINDOW": "2m"])
        given.sets = ["time.grace=30s"]
        let settings = try given.load().get()
        #expect(settings.windows.grace == 30_000)
        #expect(settings.windows.size == 120_000)
        #expect(settings.group == "g")
        let origins = settings.shown.filter { ["time.grace", "time.window", "group", "workers"].contains($0.path) }.map {
            "\($0.path)=\($0.value) \($0.origin)"
        }
        #expect(
            origins == [
                "group=g tripline.yaml:4", "workers=3 default", "time.window=2m environment TRIPLINE_TIME_WINDOW", "time.grace=30s --set",
            ])
    }

    @Test func `log lines are text on a terminal unless told otherwise`() throws {
        #expect(try Given(isTerminal: true).load().get().logFormat == .text)
        #expect(try Given(sets: ["log.format=json"], isTerminal: true).load().get().logFormat == .json)
    }

    @Test func `an absent file is an error only if it was named`() throws {
        #expect(throws: Never.self) { try Given().load().get() }
        guard case .failure(let diagnostics) = Given().load(path: "other.yaml") else { throw Unexpected() }
        #expect(diagnostics.text == "other.yaml: error[C005]: cannot read the configuration that --config names: No such file or directory\n")
    }

    @Test func `all problems are reported at once`() {
        let given = Given(
            file: "time:\n  windwo: 5m\n  grace: 1 minute\nworkers: 0\n", environment: ["TRIPLINE_GRUOP": "x", "TRIPLINE_LOG_LEVEL": "loud"],
            sets: ["commit.interval=5ms"])
        #expect(
            given.problems == [
                "C001@2:3: unknown key 'time.windwo'",
                "C001@environment TRIPLINE_GRUOP: no setting has this name",
                "C002@4:10: workers: '0' is out of range; it takes a whole number from 1 to 256, for example 4",
                "C002@3:10: time.grace: '1 minute' is not a duration; it takes a duration from 0s to 1d, for example 60s",
                "C002@--set: commit.interval: '5ms' is out of range; it takes a duration from 10ms to 1m, for example 1s",
                "C002@environment TRIPLINE_LOG_LEVEL: log.level: 'loud' is not one of them; it takes error, warning, info or debug, for example info",
            ])
    }

    @Test func `windows without length and negative grace are refused`() {
        #expect(
            Given(sets: ["time.window=0s"]).problems == ["C002@--set: time.window: '0s' is out of range; it takes a duration from 1s to 1d, for example 5m"])
        #expect(Given(sets: ["time.grace=-1s"]).problems == ["C002@--set: time.grace: '-1s' is negative; it takes a duration from 0s to 1d, for example 60s"])
        #expect(
            Given(sets: ["time.grace=60"]).problems == [
                "C002@--set: time.grace: '60' has no unit (ms, s, m, h, d); it takes a duration from 0s to 1d, for example 60s"
            ])
    }

    @Test func `a slip in a key is shown with its line and the key that was meant`() {
        let text = Given(file: "kafka:\n  bootstrap_server: a:1\n").text
        #expect(text.contains("tripline.yaml:2:3: error[C001]: unknown key 'kafka.bootstrap_server'\n"))
        #expect(text.contains("2 |  bootstrap_server: a:1\n"))
        #expect(text.contains("did you mean 'bootstrap_servers'?"))
        #expect(Given(file: "bootstrap_servers: a:1\n").text.contains("did you mean 'kafka.bootstrap_servers'?"))
        #expect(Given(file: "time.window: 5m\n").text.contains("time: → window:"))
        #expect(Given(environment: ["TRIPLINE_REDIS_ULR": "x"]).text.contains("did you mean TRIPLINE_REDIS_URL?"))
        #expect(Given(sets: ["grace=5s"]).text.contains("did you mean 'time.grace'?"))
        #expect(Given(sets: ["time.grace"]).text.contains("is not key=value"))
    }

    @Test func `variables that Kubernetes makes for a service of that name are not settings`() throws {
        let environment = [
            "TRIPLINE_SERVICE_HOST": "10.0.0.1", "TRIPLINE_SERVICE_PORT": "8080", "TRIPLINE_SERVICE_PORT_HTTP": "8080", "TRIPLINE_PORT": "tcp://10.0.0.1:8080",
            "TRIPLINE_PORT_8080_TCP_ADDR": "10.0.0.1", "TRIPLINE_ADMIN_SERVICE_HOST": "10.0.0.2", "PATH": "/bin",
        ]
        #expect(Given(environment: environment).problems == [])
    }

    @Test func `keys of later versions are named as such`() {
        #expect(Given(file: "http:\n  tls:\n    cert: a\n    key: b\n").problems.count == 2)
        #expect(
            Given(environment: ["TRIPLINE_RULES_APPROVALS": "2"]).problems == [
                "C003@environment TRIPLINE_RULES_APPROVALS: rules.approvals is not available in this version"
            ])
        #expect(Given(sets: ["rules.source=postgres"]).problems.first?.contains("'postgres' is not available in this version") == true)
        #expect(Given(sets: ["input.format=debezium"]).problems.first?.contains("'debezium' is not available in this version") == true)
    }

    @Test func `checkpoints in PostgreSQL need its address`() throws {
        #expect(
            Given(sets: ["checkpoint.store=postgres"]).problems == ["C004@--set: checkpoint.store is postgres, but postgres.url is not given"])
        let settings = try Given(sets: ["checkpoint.store=postgres", "postgres.url=postgresql://db/x"]).load().get()
        #expect(settings.checkpoint.store == .postgres)
        #expect(Given(sets: ["checkpoint.store=postgresql"]).problems.count == 1)
    }

    @Test func `a mapping where text belongs and text where a mapping belongs are refused`() {
        #expect(Given(file: "group: {a: b}\n").problems == ["C002@1:8: group: it takes 1 to 100 letters, digits, '.', '_' or '-', this is a mapping"])
        #expect(Given(file: "time: 5m\n").problems == ["C002@1:7: time: keys stand below it, this is text"])
        #expect(Given(file: "- a\n").problems == ["C002@1:1: a configuration is a mapping, this is a list"])
        #expect(Given(file: "time:\nredis:\n  url:\n").problems == [])
    }

    @Test func `topics and members are told apart`() {
        #expect(Given(file: "output:\n  alerts: payments\n").problems == ["C004@2:11: input.topic and output.alerts are the same topic 'payments'"])
        #expect(Given(sets: ["output.late=x", "output.shadow=x"]).problems == ["C004@--set: output.shadow and output.late are the same topic 'x'"])
        #expect(Given(sets: ["input.fields.amount=currency"]).problems.count == 1)
        #expect(Given(sets: ["commit.output_delay=2s"]).problems == ["C004@--set: commit.output_delay is longer than commit.interval"])
        #expect(Given(sets: ["http.listen=127.0.0.1:9464"]).problems.count == 1)
        #expect(Given(sets: ["http.listen=127.0.0.1:0", "admin.listen=127.0.0.1:0"]).problems == [])
    }

    @Test func `servers may be a list`() throws {
        let settings = try Given(file: "kafka:\n  bootstrap_servers: [\"a:1\", \"b:2\"]\n").load().get()
        #expect(settings.kafka.bootstrapServers == "a:1,b:2")
    }

    @Test func `where to start takes a time`() throws {
        #expect(try Given(sets: ["input.start=latest"]).load().get().input.start == .latest)
        #expect(try Given(sets: ["input.start=1970-01-01T00:00:01.5Z"]).load().get().input.start == .time(1_500))
        #expect(try Given(sets: ["input.start=1970-01-01T07:00:00+07:00"]).load().get().input.start == .time(0))
        for text in ["yesterday", "2026-02-30T00:00:00Z", "2026-11-23", "2026-11-23T00:00:00", "2026-11-23T24:00:00Z", "2026-11-23T00:00:00.Z"] {
            #expect(Given(sets: ["input.start=\(text)"]).problems.count == 1, "\(text)")
        }
    }

    @Test func `sizes may have a unit`() throws {
        #expect(try Given(sets: ["input.max_bytes=1MiB"]).load().get().input.mapping.maxBytes == 1 << 20)
        #expect(Given(sets: ["input.max_bytes=1MB"]).problems.count == 1)
        #expect(Given(sets: ["input.max_bytes=99999999999GiB"]).problems.count == 1)
        #expect(
            Given(sets: ["input.max_bytes=10"]).problems == [
                "C002@--set: input.max_bytes: '10' is out of range; it takes a size from 1KiB to 16MiB, in bytes or with KiB or MiB, for example 1MiB"
            ])
    }
}

struct Unexpected: Error {}

import FraudEngine
import Kafka
import Postgres
import RuleFiles

/// The service's settings, checked. Immutable after loading.
package struct Settings: Sendable {
    package enum InputFormat: String, Sendable, CaseIterable { case json }

    /// Where a group without committed offsets begins.
    package enum InputStart: Sendable, Equatable {
        case earliest
        case latest
        /// At the first record with this Kafka timestamp or a later one, Unix milliseconds.
        case time(Int64)
    }

    package enum RulesSource: String, Sendable, CaseIterable { case directory }

    package struct Kafka: Sendable, Equatable {
        /// `host:port`, separated by commas.
        package var bootstrapServers: String
        /// Given by the user, for all clients; reserved ones are not among them.
        package var properties: KafkaProperties
        package var consumerProperties: KafkaProperties
        package var producerProperties: KafkaProperties
    }

    package struct Input: Sendable, Equatable {
        package var topic: String
        package var format: InputFormat
        package var start: InputStart
        /// With `input.max_bytes` and `time.max_ahead` in it.
        package var mapping: InputMapping
    }

    package struct Rules: Sendable, Equatable {
        package var source: RulesSource
        package var directory: String
        /// Milliseconds.
        package var poll: Int64
    }

    /// Topics; no two are the same, and none is the input.
    package struct Output: Sendable, Equatable {
        package var alerts: String
        package var shadow: String
        package var late: String
        package var deadLetters: String
    }

    package struct Commit: Sendable, Equatable {
        /// Milliseconds; at most `interval`.
        package var outputDelay: Int64
        /// Milliseconds.
        package var interval: Int64
        package var maxRecords: Int
    }

    package enum CheckpointPlace: Sendable, Equatable {
        /// Its path.
        case directory(String)
        /// The database of `postgres.url`, which is there then.
        case postgres
    }

    package struct Checkpoint: Sendable, Equatable {
        package var store: CheckpointPlace
        /// Milliseconds.
        package var maxAge: Int64
        /// Records.
        package var maxDebt: Int
    }

    package var group: String
    package var instance: String
    package var workers: Int
    package var kafka: Kafka
    package var input: Input
    package var windows: TumblingWindows
    package var rules: Rules
    package var output: Output
    package var commit: Commit
    package var checkpoint: Checkpoint
    /// nil: no scores.
    package var redis: RedisURL?
    /// nil: no database.
    package var postgres: PostgresAddress?
    package var httpListen: HostPort
    package var adminListen: HostPort
    package var logLevel: LogLevel
    package var logFormat: LogFormat
    /// Milliseconds.
    package var shutdownGrace: Int64
    /// Every key in the order of the documentation, as it may be shown.
    package private(set) var shown: [ShownSetting]
    /// The file that was read, from the root on; nil: none.
    package private(set) var file: String?
}

/// A setting's value as people may see it: secrets stand as `***`.
package struct ShownSetting: Sendable, Equatable {
    package var path: String
    package var value: String
    package var origin: SettingOrigin
}

// MARK: For other processes

extension Settings {
    /// The options that give another command these settings in the same environment, each with a blank in front, as a shell takes them. What
    /// `--set` gave of secrets is left out, and what only says how to log.
    package var commandOptions: String {
        var words: [String] = file.map { ["--config", $0] } ?? []
        for setting in shown where setting.value != "***" && !setting.path.hasPrefix("log.") {
            guard case .flag = setting.origin else { continue }
            words += ["--set", "\(setting.path)=\(setting.value)"]
        }
        return words.map { " " + ShellWord.quoted($0) }.joined()
    }
}

// MARK: For Kafka's clients

extension Settings {
    /// What every client gets: the brokers and the properties for all.
    package var clientProperties: KafkaProperties {
        var properties = kafka.properties
        properties.set("bootstrap.servers", kafka.bootstrapServers)
        return properties
    }

    /// What a worker's consumer gets, but for its `group.instance.id`.
    package var consumerProperties: KafkaProperties {
        var properties = clientProperties.merging(kafka.consumerProperties)
        properties.set("group.id", group)
        return properties
    }

    /// A consumer's time as it holds, milliseconds.
    package func consumerMilliseconds(_ key: String) -> Int64 {
        guard let text = Consumer.defaults.merging(consumerProperties).value(of: key), let value = Int64(text) else {
            preconditionFailure("\(key) has a default, and is a number")
        }
        return value
    }

    /// What a worker's producer gets, but for its `transactional.id`.
    /// Records of any size that the input lets in can be written, unless the configuration says otherwise.
    package var producerProperties: KafkaProperties {
        let size = Self.outputBytes(forInput: input.mapping.maxBytes)
        return KafkaProperties([("message.max.bytes", "\(max(1_000_000, size))")]).merging(clientProperties).merging(kafka.producerProperties)
    }

    /// How long an open transaction may hide what stands behind it, milliseconds: `transaction.timeout.ms`, and a little.
    var openTransaction: Int64 { TransactionalProducer.timeoutMilliseconds(producerProperties) + 2_000 }

    /// What a late payment or dead letter may need: the record as it came, and 64 KiB for headers.
    static func outputBytes(forInput bytes: Int) -> Int64 { Int64(bytes) + 65_536 }
}

// MARK: Loading

extension Settings {
    /// The file that is read where none is named, if it is there.
    package static let defaultPath = "tripline.yaml"

    /// Reads the settings: default < file < environment < flag.
    /// - Parameters:
    ///   - path: the file, which must be there; nil: `tripline.yaml` in the working folder, if there is one.
    ///   - environment: variables; those that do not begin with `TRIPLINE_` are not looked at.
    ///   - sets: in the order given on the command line.
    /// - Returns: settings that hold together, or all that is wrong: C001 unknown key, C002 no such value, C003 not available in this version,
    ///   C004 settings that contradict each other, C005 unreadable file, C006 refused Kafka property; E0xx as for all YAML files.
    package static func load(
        path: String?, environment: [String: String], sets: [SettingAssignment] = [], surroundings: Surroundings = .current
    ) -> Result<Settings, RuleDiagnostics> {
        var reader = SettingsReader(readFile: surroundings.readFile)
        var file: String?
        switch surroundings.readFile(path ?? defaultPath) {
        case .success(let bytes):
            reader.read(file: path ?? defaultPath, bytes: bytes)
            file = surroundings.absolute(path ?? defaultPath)
        case .failure(let problem) where path == nil && problem.isMissing: break
        case .failure(let problem):
            let named = path == nil ? "" : " that --config names"
            let message = "cannot read the configuration\(named): \(problem.reason)"
            reader.diagnostics.add(RuleDiagnostic(code: "C005", file: path ?? defaultPath, message: message))
        }
        reader.read(environment: environment)
        reader.read(flags: sets)
        var settings = Settings(&reader, surroundings)
        settings?.file = file
        settings?.check(&reader)
        guard let settings, !reader.diagnostics.hasErrors else { return .failure(reader.diagnostics) }
        return .success(settings)
    }

    /// nil where even defaults could not stand in for what is wrong; the reader knows why.
    private init?(_ reader: inout SettingsReader, _ surroundings: Surroundings) {
        typealias Table = SettingTable
        group = reader.value(Table.group)
        instance = reader.value(Table.instance, or: surroundings.hostName)
        workers = reader.value(Table.workers, or: surroundings.processorCount)
        kafka = Kafka(
            bootstrapServers: reader.value(Table.bootstrapServers), properties: reader.properties("kafka.properties"),
            consumerProperties: reader.properties("kafka.consumer_properties"), producerProperties: reader.properties("kafka.producer_properties"))
        input = Input(
            topic: reader.value(Table.topic), format: reader.value(Table.format), start: reader.value(Table.start), mapping: Self.mapping(&reader))
        let (size, grace) = (reader.value(Table.window), reader.value(Table.grace))
        do throws(TumblingWindows.Refusal) {
            windows = try TumblingWindows(size: size, grace: grace)
        } catch {
            reader.diagnostics.add(RuleDiagnostic(code: "C004", file: "", message: "time.window and time.grace: \(error)"))
            return nil
        }
        rules = Rules(source: reader.value(Table.rulesSource), directory: reader.value(Table.rulesDirectory), poll: reader.value(Table.rulesPoll))
        output = Output(
            alerts: reader.value(Table.alerts), shadow: reader.value(Table.shadow), late: reader.value(Table.late),
            deadLetters: reader.value(Table.deadLetters))
        commit = Commit(
            outputDelay: reader.value(Table.outputDelay), interval: reader.value(Table.commitInterval), maxRecords: reader.value(Table.commitMaxRecords))
        checkpoint = Checkpoint(store: reader.value(Table.store), maxAge: reader.value(Table.maxAge), maxDebt: reader.value(Table.maxDebt))
        redis = reader.optional(Table.redis)
        postgres = reader.optional(Table.postgres)
        httpListen = reader.value(Table.httpListen)
        adminListen = reader.value(Table.adminListen)
        logLevel = reader.value(Table.logLevel)
        logFormat = reader.value(Table.logFormat, or: surroundings.isTerminal ? .text : .json)
        shutdownGrace = reader.value(Table.shutdownGrace)
        shown = Self.shown(reader, instance: instance, workers: workers, logFormat: logFormat)
    }

    private static func mapping(_ reader: inout SettingsReader) -> InputMapping {
        typealias Table = SettingTable
        var mapping = InputMapping()
        mapping.paymentID = reader.value(Table.paymentID)
        mapping.accountID = reader.value(Table.accountID)
        mapping.amount = reader.value(Table.amountField)
        mapping.currency = reader.value(Table.currency)
        mapping.occurredAt = reader.value(Table.occurredAt)
        mapping.amountStyle = reader.value(Table.amount)
        mapping.timeStyle = reader.value(Table.time)
        mapping.keyStyle = reader.value(Table.key)
        mapping.maxBytes = reader.value(Table.maxBytes)
        mapping.maxAheadMilliseconds = reader.value(Table.maxAhead)
        return mapping
    }

    private static func shown(_ reader: SettingsReader, instance: String, workers: Int, logFormat: LogFormat) -> [ShownSetting] {
        let computed = ["instance": instance, "workers": "\(workers)", "log.format": logFormat.rawValue]
        return SettingTable.all.flatMap { key -> [ShownSetting] in
            if SettingTable.isProperties(key.path) {
                return (reader.properties[key.path] ?? []).map { property in
                    let value = KafkaProperties.isSecret(property.key) ? "***" : property.value.text
                    return ShownSetting(path: "\(key.path).\(property.key)", value: value, origin: property.value.origin)
                }
            }
            guard let given = reader.given[key.path] else {
                return [ShownSetting(path: key.path, value: computed[key.path] ?? key.defaultText ?? "", origin: .standard)]
            }
            return [ShownSetting(path: key.path, value: key.isSecret ? "***" : given.text, origin: given.origin)]
        }
    }

    /// What single values cannot show.
    private func check(_ reader: inout SettingsReader) {
        checkDistinct(
            [
                ("input.topic", input.topic), ("output.alerts", output.alerts), ("output.shadow", output.shadow), ("output.late", output.late),
                ("output.dead_letters", output.deadLetters),
            ], "topic", &reader)
        checkDistinct(
            [
                ("input.fields.payment_id", input.mapping.paymentID), ("input.fields.account_id", input.mapping.accountID),
                ("input.fields.amount", input.mapping.amount), ("input.fields.currency", input.mapping.currency),
                ("input.fields.occurred_at", input.mapping.occurredAt),
            ], "member", &reader)
        if commit.outputDelay > commit.interval {
            report("commit.output_delay", "commit.interval", "commit.output_delay is longer than commit.interval", &reader)
        }
        if checkpoint.store == .postgres, postgres == nil {
            report("checkpoint.store", "postgres.url", "checkpoint.store is postgres, but postgres.url is not given", &reader)
        }
        if httpListen == adminListen, httpListen.port != 0 {
            report("admin.listen", "http.listen", "http.listen and admin.listen are the same address \(httpListen)", &reader)
        }
    }

    private func checkDistinct(_ settings: [(path: String, value: String)], _ what: String, _ reader: inout SettingsReader) {
        for (index, later) in settings.enumerated() {
            guard let earlier = settings[..<index].first(where: { $0.value == later.value }) else { continue }
            report(later.path, earlier.path, "\(earlier.path) and \(later.path) are the same \(what) '\(later.value)'", &reader)
        }
    }

    /// Reports at whichever of the two was given.
    private func report(_ path: String, _ other: String, _ message: String, _ reader: inout SettingsReader) {
        let value = reader.given[path] ?? reader.given[other]
        let diagnostic = value?.diagnostic("C004", message) ?? RuleDiagnostic(code: "C004", file: "", message: message)
        reader.diagnostics.add(diagnostic)
    }
}

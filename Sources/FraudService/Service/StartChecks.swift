import FraudEngine
import Kafka

/// What is looked at before a service starts: brokers, topics, what they promise.
struct StartChecks {
    /// What the checks learned.
    struct Findings: Sendable {
        var inputPartitions: Int
        /// By `Outbox.Kind`.
        var outputPartitions: [Int32]
        /// Bytes of key, value and headers.
        var deadLetterMaxBytes: Int
        var lateMaxBytes: Int
    }

    private static let timeout: Int32 = 5_000
    /// A record's framing, bytes.
    private static let framing: Int64 = 4_096
    /// An alert: ids, reason and evidence, bytes.
    static let alertBytes: Int64 = 65_536

    let settings: Settings
    let log: Log
    private let admin: Admin
    private let patience: StartPatience

    /// - Parameters:
    ///   - describesTopics: false leaves out the topics' properties, which the embedded broker does not tell.
    ///   - isPatient: asks brokers that do not answer again for a while; a command says at once that they do not.
    static func run(_ settings: Settings, log: Log, describesTopics: Bool, isPatient: Bool) throws(StartFailure) -> Findings {
        let admin: Admin
        do throws(KafkaError) {
            admin = try Admin(properties: settings.clientProperties)
        } catch {
            throw StartFailure(.usage, "kafka.properties: \(error.message)")
        }
        defer { admin.destroy() }
        let patience = StartPatience(log: log, limit: isPatient ? StartPatience.limit : 0)
        return try StartChecks(settings: settings, log: log, admin: admin, patience: patience).run(describesTopics: describesTopics)
    }

    private func run(describesTopics: Bool) throws(StartFailure) -> Findings {
        do throws(KafkaError) {
            try patience.ask { () throws(KafkaError) in try admin.checkReachable(timeoutMilliseconds: Self.timeout) }
        } catch {
            throw StartFailure(.unreachable, "\(error.message); check kafka.bootstrap_servers and whether the brokers are up")
        }
        let names = [settings.input.topic, settings.output.alerts, settings.output.shadow, settings.output.late, settings.output.deadLetters]
        let counts = try partitionCounts(names)
        var deadLetterMaxBytes = try producerMaxBytes()
        var lateMaxBytes = deadLetterMaxBytes
        if describesTopics {
            for name in names {
                guard let configuration = try configuration(name) else { continue }
                try check(name, configuration)
                if name == settings.output.deadLetters { deadLetterMaxBytes = min(deadLetterMaxBytes, configuration.maxMessageBytes) }
                if name == settings.output.late { lateMaxBytes = min(lateMaxBytes, configuration.maxMessageBytes) }
            }
        }
        return Findings(
            inputPartitions: Int(counts[0]), outputPartitions: Array(counts.dropFirst()), deadLetterMaxBytes: Int(deadLetterMaxBytes - Self.framing),
            lateMaxBytes: Int(lateMaxBytes - Self.framing))
    }

    /// What the largest record of an output topic may have, bytes: a late payment or dead letter goes with its original value and headers.
    private func neededBytes(_ name: String) -> Int64 {
        name == settings.output.late || name == settings.output.deadLetters ? Settings.outputBytes(forInput: settings.input.mapping.maxBytes) : Self.alertBytes
    }

    private func producerMaxBytes() throws(StartFailure) -> Int64 {
        let needed = neededBytes(settings.output.late)
        let limit = settings.producerProperties.value(of: "message.max.bytes").flatMap(Int64.init) ?? needed
        guard limit >= needed else {
            throw StartFailure(
                .usage,
                "kafka.producer_properties: message.max.bytes=\(limit) is less than input.max_bytes and 64 KiB, \(needed), which a late payment or dead "
                    + "letter may need; remove it, or lower input.max_bytes")
        }
        return limit
    }

    private func partitionCounts(_ names: [String]) throws(StartFailure) -> [Int32] {
        var counts: [Int32] = []
        var missing: [String] = []
        for name in names {
            do throws(KafkaError) {
                let count = try patience.ask { () throws(KafkaError) in try admin.partitionCount(of: name, timeoutMilliseconds: Self.timeout) }
                if let count { counts.append(count) } else { missing.append(name) }
            } catch {
                throw StartFailure(error.isUnauthorized ? .refused : .unreachable, "topic '\(name)': \(error.message)")
            }
        }
        guard missing.isEmpty else {
            let servers = settings.kafka.bootstrapServers
            let commands = missing.map {
                "  kafka-topics.sh --bootstrap-server \(servers) --create --topic \($0) --partitions 12 --config cleanup.policy=delete"
            }
            let what = missing.count == 1 ? "the topic '\(missing[0])' does" : "the topics \(missing.map { "'\($0)'" }.joined(separator: ", ")) do"
            throw StartFailure(.refused, "\(what) not exist on \(servers); create with as many partitions as you need:\n" + commands.joined(separator: "\n"))
        }
        return counts
    }

    /// nil where this client may not ask.
    private func configuration(_ name: String) throws(StartFailure) -> TopicConfiguration? {
        do throws(KafkaError) {
            return try patience.ask { () throws(KafkaError) in try admin.configuration(ofTopic: name, timeoutMilliseconds: Self.timeout) }
        } catch {
            guard error.isUnauthorized || error.isUnsupported else { throw StartFailure(.unreachable, "topic '\(name)': \(error.message)") }
            log.warning("the topic's properties cannot be read; make sure that it is not compacted", [.topic: name, .error: "\(error)"])
            return nil
        }
    }

    private func check(_ name: String, _ configuration: TopicConfiguration) throws(StartFailure) {
        if configuration.cleanupPolicy.contains("compact") {
            throw StartFailure(
                .refused,
                "the topic '\(name)' is compacted (cleanup.policy=\(configuration.cleanupPolicy)): records with the same key would vanish; mend it with\n"
                    + "  kafka-configs.sh --bootstrap-server \(settings.kafka.bootstrapServers) --alter --topic \(name) --add-config cleanup.policy=delete")
        }
        let needed = neededBytes(name)
        if name != settings.input.topic, configuration.maxMessageBytes < needed {
            throw StartFailure(
                .refused,
                "the topic '\(name)' takes records of \(configuration.maxMessageBytes) bytes (max.message.bytes), but up to \(needed) may be written to it; "
                    + "mend it with\n  kafka-configs.sh --bootstrap-server \(settings.kafka.bootstrapServers) --alter --topic \(name) "
                    + "--add-config max.message.bytes=\(needed)")
        }
        guard name == settings.input.topic, configuration.retentionMilliseconds >= 0 else { return }
        let neededTime = settings.windows.size + settings.windows.grace + settings.checkpoint.maxAge
        if configuration.retentionMilliseconds < neededTime {
            throw StartFailure(
                .refused,
                "the topic '\(name)' keeps records for \(configuration.retentionMilliseconds) ms, but window, grace and checkpoint age need \(neededTime) ms "
                    + "for a recovery (a day or more is advised); mend it with\n  kafka-configs.sh --bootstrap-server \(settings.kafka.bootstrapServers) "
                    + "--alter --topic \(name) --add-config retention.ms=\(max(neededTime, 86_400_000))")
        }
        if configuration.retentionMilliseconds < 86_400_000 {
            log.warning(
                "the input topic keeps records for less than a day", [.topic: name, .milliseconds: "\(configuration.retentionMilliseconds)"])
        }
    }
}

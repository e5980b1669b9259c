import FraudEngine
import Kafka
import RuleFiles

extension DoctorKafka {
    /// What a topic has to be.
    private struct Role {
        var name: String
        var isInput = false
        /// Bytes that a record which is written to it may need.
        var needs: Int64 = 0
    }

    private static let day: Int64 = 86_400_000

    /// The input's partition count; nil where it cannot go on.
    func lookAtTopics(_ report: inout DoctorReport) -> Int? {
        let output = settings.output
        let large = Settings.outputBytes(forInput: settings.input.mapping.maxBytes)
        let roles = [
            Role(name: settings.input.topic, isInput: true), Role(name: output.alerts, needs: StartChecks.alertBytes),
            Role(name: output.shadow, needs: StartChecks.alertBytes), Role(name: output.late, needs: large), Role(name: output.deadLetters, needs: large),
        ]
        var partitions: Int?
        for role in roles {
            let count = look(role, &report)
            if role.isInput { partitions = count }
        }
        lookAtProducer(needs: large, &report)
        if let partitions, partitions < settings.workers {
            report.add(.ok("workers", "\(settings.workers) here, but \(partitions) partitions in all: the rest are idle"))
        }
        return partitions
    }

    private func look(_ role: Role, _ report: inout DoctorReport) -> Int? {
        let what = "topic \(role.name)"
        do throws(KafkaError) {
            guard let topic = try admin.topic(role.name, timeoutMilliseconds: Self.timeout) else {
                let cure =
                    "kafka-topics.sh --bootstrap-server \(settings.kafka.bootstrapServers) --create --topic \(role.name) --partitions 12 "
                    + "--config cleanup.policy=delete"
                report.add(.fail(what, .refused, "it does not exist", cure))
                return nil
            }
            var findings: [Finding] = []
            if topic.leaderlessCount > 0 {
                findings.append(.fail(what, .unreachable, "\(topic.leaderlessCount) partitions have no leader", "see which broker is down"))
            }
            if topic.inSyncCount < topic.replicaCount {
                findings.append(
                    .warn(what, "\(topic.inSyncCount) of \(topic.replicaCount) copies are in step", "see which broker is down or behind"))
            }
            let properties = try properties(role, what, &findings)
            if let properties { judge(role, what, topic, properties, &findings) }
            if findings.isEmpty { findings.append(.ok(what, summary(topic, properties))) }
            for finding in findings { report.add(finding) }
            return topic.partitionCount
        } catch {
            report.add(
                .fail(what, error.isUnauthorized ? .refused : .unreachable, error.message, error.isUnauthorized ? Self.rightsCure : "see the brokers' logs"))
            return nil
        }
    }

    /// nil, with a warning, where this client may not ask.
    private func properties(_ role: Role, _ what: String, _ findings: inout [Finding]) throws(KafkaError) -> KafkaProperties? {
        do throws(KafkaError) {
            return try admin.properties(of: .topic(role.name), timeoutMilliseconds: Self.timeout)
        } catch {
            guard error.isUnauthorized || error.isUnsupported else { throw error }
            findings.append(.warn(what, "its properties may not be read: it may be compacted, or forget too soon", Self.rightsCure))
            return nil
        }
    }

    private func judge(_ role: Role, _ what: String, _ topic: TopicDescription, _ properties: KafkaProperties, _ findings: inout [Finding]) {
        func number(_ key: String) -> Int64 { properties.value(of: key).flatMap { Int64($0) } ?? 0 }
        func alter(_ change: String) -> String {
            "kafka-configs.sh --bootstrap-server \(settings.kafka.bootstrapServers) --alter --topic \(role.name) --add-config \(change)"
        }
        if properties.value(of: "cleanup.policy")?.contains("compact") ?? false {
            findings.append(.fail(what, .refused, "it is compacted: records with the same key would vanish", alter("cleanup.policy=delete")))
        }
        if role.isInput { judgeRetention(what, number("retention.ms"), number("retention.bytes"), alter, &findings) }
        let largest = number("max.message.bytes")
        if role.needs > largest {
            findings.append(
                .fail(
                    what, .refused, "it takes records of \(largest) bytes, but up to \(role.needs) may be written to it",
                    alter("max.message.bytes=\(role.needs)")))
        }
        let least = number("min.insync.replicas")
        if topic.replicaCount == 1 {
            findings.append(.warn(what, "each record is kept once: a lost disk loses it", "raise the replication factor to 3 in production"))
        } else if least < 2 {
            findings.append(.warn(what, "an acknowledged record may be on one broker only (min.insync.replicas \(least))", alter("min.insync.replicas=2")))
        } else if least >= topic.replicaCount {
            findings.append(
                .warn(what, "no broker may fail: \(least) of \(topic.replicaCount) copies must be in step", alter("min.insync.replicas=\(least - 1)")))
        }
    }

    private func judgeRetention(
        _ what: String, _ time: Int64, _ bytes: Int64, _ alter: (String) -> String, _ findings: inout [Finding]
    ) {
        let needed = settings.windows.size + settings.windows.grace + settings.checkpoint.maxAge
        if time >= 0, time < needed {
            let detail =
                "records are kept for \(DurationText.text(milliseconds: time)); window, grace and checkpoint age need \(DurationText.text(milliseconds: needed))"
            findings.append(.fail(what, .refused, detail, alter("retention.ms=\(Self.day)")))
        } else if time >= 0, time < Self.day {
            findings.append(
                .warn(what, "records are kept for \(DurationText.text(milliseconds: time)); a day is advised", alter("retention.ms=\(Self.day)")))
        }
        if bytes >= 0 {
            findings.append(
                .warn(
                    what, "a partition keeps \(bytes) bytes, however young the records are",
                    "make sure that a day fits, or \(alter("retention.bytes=-1"))"))
        }
    }

    private func summary(_ topic: TopicDescription, _ properties: KafkaProperties?) -> String {
        let retention = properties?.value(of: "retention.ms").flatMap { Int64($0) }
        let kept = retention.map { $0 < 0 ? ", kept for ever" : ", kept \(DurationText.text(milliseconds: $0))" } ?? ""
        return "\(topic.partitionCount) partitions, \(topic.replicaCount) copies\(kept)"
    }

    /// librdkafka refuses a larger record before any broker sees it.
    private func lookAtProducer(needs: Int64, _ report: inout DoctorReport) {
        let most = settings.producerProperties.value(of: "message.max.bytes").flatMap { Int64($0) } ?? needs
        report.add(
            most >= needs
                ? .ok("producer", "it takes records of \(most) bytes (message.max.bytes)")
                : .fail(
                    "producer", .usage, "it takes records of \(most) bytes (message.max.bytes), but up to \(needs) may be written",
                    "remove message.max.bytes from kafka.producer_properties, or lower input.max_bytes"))
    }
}

internal import CRdKafka

/// librdkafka properties in the order they were given; a key given again takes the later value.
package struct KafkaProperties: Sendable, Equatable {
    package struct Entry: Sendable, Equatable {
        package let key: String
        package let value: String
    }

    package private(set) var entries: [Entry] = []

    package init() {}

    package init(_ pairs: [(key: String, value: String)]) {
        for pair in pairs { set(pair.key, pair.value) }
    }

    package mutating func set(_ key: String, _ value: String) {
        let entry = Entry(key: key, value: value)
        if let index = entries.firstIndex(where: { $0.key == key }) {
            entries[index] = entry
        } else {
            entries.append(entry)
        }
    }

    package func value(of key: String) -> String? { entries.first { $0.key == key }?.value }

    /// These properties with `other` laid over them, key by key.
    package func merging(_ other: KafkaProperties) -> KafkaProperties {
        var merged = self
        for entry in other.entries { merged.set(entry.key, entry.value) }
        return merged
    }

    /// Asks librdkafka whether it knows every key and takes every value, without making a client.
    ///
    /// Throws librdkafka's own text for the first that it refuses.
    package func validate() throws(KafkaError) {
        var configuration = Configuration()
        for entry in entries { try configuration.set(entry.key, entry.value) }
    }

    /// Whether the value of `key` must never be shown.
    package static func isSecret(_ key: String) -> Bool {
        key == "sasl.oauthbearer.config" || key == "ssl_key" || key.hasSuffix(".pem") || key.hasSuffix(".key")
            || ["password", "secret", "assertion"].contains { part in key.contains(part) }
    }

    /// Why `key` may not be passed through with `value`, naming the remedy; nil where it may.
    ///
    /// These properties carry the service's promises, or have a setting of their own.
    package static func reservedViolation(key: String, value: String) -> String? {
        reservedViolation(key: key, value: value, librdkafka: rd_kafka_version())
    }

    /// - Parameter version: of librdkafka, as it counts it: 0xMMmmrrxx.
    static func reservedViolation(key: String, value: String, librdkafka version: Int32) -> String? {
        if let remedy = ownSettings[key] { return "\(key) is set by the service: \(remedy)" }
        if let rule = fixedValues[key], !rule.allowed.contains(value) {
            return "\(key)=\(value) is refused: \(rule.remedy)"
        }
        if key == Assignors.property, let why = Assignors(value).violation(librdkafka: version) { return "\(key)=\(value) is refused: \(why)" }
        return nil
    }

    private static let ownSettings: [String: String] = [
        "bootstrap.servers": "use kafka.bootstrap_servers",
        "metadata.broker.list": "use kafka.bootstrap_servers",
        "group.id": "use the service's group setting",
        "group.instance.id": "use the service's instance setting",
        "transactional.id": "it follows from group and instance",
        "enable.auto.commit": "offsets are committed in the transaction; remove it",
        "enable.auto.offset.store": "offsets are committed in the transaction; remove it",
        "auto.commit.interval.ms": "offsets are committed in the transaction; remove it",
        "auto.commit.enable": "offsets are committed in the transaction; remove it",
        "enable.partition.eof": "the end of a partition is not an event here; remove it",
        "delivery.report.only.error": "commits would wait for reports that never come; remove it",
        "enable.gapless.guarantee": "transactions give it already; remove it",
        "plugin.library.paths": "code is not loaded from configuration; remove it",
        "log.queue": "log lines go to the service's log; remove it",
        "enabled_events": "events are served by callbacks; remove it",
    ]

    private static let fixedValues: [String: (allowed: [String], remedy: String)] = [
        "isolation.level": (["read_committed"], "aborted payments must stay invisible; remove it"),
        "enable.idempotence": (["true"], "transactions need it; remove it"),
        "acks": (["all", "-1"], "transactions need all; remove it"),
        "request.required.acks": (["all", "-1"], "transactions need all; remove it"),
        "auto.offset.reset": (["error"], "where to start is decided by `offsets reset`; remove it"),
        "topic.auto.offset.reset": (["error"], "where to start is decided by `offsets reset`; remove it"),
        "partitioner": (["murmur2_random"], "outputs are partitioned as Java clients do it; remove it"),
        "group.protocol": (["classic"], "assignments are answered by this process; remove it"),
    ]
}

internal import CRdKafka

/// Asks a cluster about itself, and creates topics. For start-up checks, tools and tests.
///
/// Confined to one thread. Every call blocks up to its timeout.
package final class Admin {
    let client: ClientHandle
    private let bootstrapServers: String

    /// - Parameters:
    ///   - properties: `bootstrap.servers` must be among them.
    ///   - log: takes librdkafka's log lines; without it they are dropped.
    /// - Throws: librdkafka's text for the first property it refuses.
    package init(properties: KafkaProperties, log: KafkaLogHandler? = nil) throws(KafkaError) {
        guard let servers = properties.value(of: "bootstrap.servers") else {
            throw KafkaError.invalid("an admin client needs bootstrap.servers")
        }
        bootstrapServers = servers
        let configuration = try Configuration(
            defaults: Admin.defaults, properties: properties, fixed: KafkaProperties())
        let events = ClientEvents(log: log)
        events.register(in: configuration)
        client = try ClientHandle(RD_KAFKA_PRODUCER, configuration, events: events)
    }

    private static let defaults = KafkaProperties([
        ("client.id", "tripline-admin"),
        ("socket.nagle.disable", "true"),
        ("reconnect.backoff.ms", "50"),
        ("reconnect.backoff.max.ms", "1000"),
        ("allow.auto.create.topics", "false"),
        ("enable.metrics.push", "false"),
    ])

    /// Checks that a broker answers. Otherwise throws what was tried last and why it failed.
    package func checkReachable(timeoutMilliseconds: Int32) throws(KafkaError) {
        _ = try withMetadata(topic: nil, timeoutMilliseconds: timeoutMilliseconds) { $0.pointee.broker_cnt }
    }

    /// How many partitions the topic has; nil where it does not exist.
    package func partitionCount(of topic: String, timeoutMilliseconds: Int32) throws(KafkaError) -> Int32? {
        guard let handle = rd_kafka_topic_new(client.pointer, topic, nil) else {
            throw KafkaError.invalid("bad topic name: \(topic)")
        }
        defer { rd_kafka_topic_destroy(handle) }
        let answer = try withMetadata(topic: handle, timeoutMilliseconds: timeoutMilliseconds) { metadata in
            metadata.pointee.topics.map { (error: $0.pointee.err, partitions: Int32($0.pointee.partition_cnt)) }
        }
        guard let answer else { return nil }
        switch answer.error {
        case RD_KAFKA_RESP_ERR_NO_ERROR: return answer.partitions
        case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC: return nil
        default: throw KafkaError(answer.error)
        }
    }

    /// The names of all topics, in the order of their bytes.
    package func topics(timeoutMilliseconds: Int32) throws(KafkaError) -> [String] {
        try withMetadata(topic: nil, timeoutMilliseconds: timeoutMilliseconds) { metadata in
            UnsafeBufferPointer(start: metadata.pointee.topics, count: Int(metadata.pointee.topic_cnt))
                .compactMap { $0.topic.map { String(cString: $0) } }
                .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        }
    }

    /// The members of a consumer group.
    ///
    /// - Returns: the group's state in Kafka's words (`Empty`, `Stable`, …) and its members; nil where it does not exist.
    package func group(_ name: String, timeoutMilliseconds: Int32) throws(KafkaError) -> GroupDescription? {
        var list: UnsafePointer<rd_kafka_group_list>?
        try check(
            rd_kafka_list_groups(client.pointer, name, &list, timeoutMilliseconds), "describe the group \(name)")
        guard let list else { return nil }
        defer { rd_kafka_group_list_destroy(list) }
        guard list.pointee.group_cnt > 0 else { return nil }
        let group = list.pointee.groups[0]
        try check(group.err, "describe the group \(name)")
        let state = group.state.map { String(cString: $0) } ?? ""
        if state == "Dead" { return nil }
        let members = UnsafeBufferPointer(start: group.members, count: Int(group.member_cnt)).map { member in
            GroupMember(id: member.member_id.map { String(cString: $0) } ?? "", host: member.client_host.map { String(cString: $0) } ?? "")
        }
        return GroupDescription(state: state, members: members)
    }

    /// Frees the client within about the timeout. Nothing may be called after it.
    @discardableResult
    package func destroy(timeoutMilliseconds: Int32 = 5_000) -> Bool {
        client.destroy(timeoutMilliseconds: timeoutMilliseconds)
    }

    /// Lends the cluster's answer: about one topic, or about all.
    func withMetadata<Result>(
        topic: OpaquePointer?, timeoutMilliseconds: Int32, _ body: (UnsafePointer<rd_kafka_metadata>) -> Result
    ) throws(KafkaError) -> Result {
        var metadata: UnsafePointer<rd_kafka_metadata>?
        let code = rd_kafka_metadata(client.pointer, topic == nil ? 1 : 0, topic, &metadata, timeoutMilliseconds)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let metadata else { throw unreachable(code) }
        defer { rd_kafka_metadata_destroy(metadata) }
        return body(metadata)
    }

    /// The reason that librdkafka reported while it tried, in place of a bare "timed out".
    private func unreachable(_ code: rd_kafka_resp_err_t) -> KafkaError {
        rd_kafka_poll(client.pointer, 0)
        var reason: KafkaError?
        while let error = client.events.removeFirstError() {
            // "All brokers down" only sums up what was said before.
            if reason == nil || error.code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN.rawValue { reason = error }
        }
        let text = reason?.message ?? String(cString: rd_kafka_err2str(code))
        return KafkaError(
            reason.map { rd_kafka_resp_err_t(rawValue: $0.code) } ?? code,
            message: "no Kafka broker answers at \(bootstrapServers): \(text)", isRetriable: true)
    }
}

/// A consumer group as its coordinator sees it.
package struct GroupDescription: Sendable, Equatable {
    /// Kafka's word, for example `Empty` or `Stable`.
    package let state: String
    package let members: [GroupMember]

    package var memberCount: Int { members.count }
}

/// A member of a consumer group.
package struct GroupMember: Sendable, Equatable {
    /// Of a static member its `group.instance.id`, `-`, and what the coordinator adds.
    package let id: String
    /// As the coordinator sees it, for example `/10.0.0.7`.
    package let host: String
}

internal import CRdKafka

/// A topic to create.
package struct NewTopic: Sendable {
    package var name: String
    package var partitionCount: Int32
    /// −1: the cluster's default.
    package var replicationFactor: Int32
    /// Topic properties in Kafka's words, for example `retention.ms`.
    package var configuration: [(key: String, value: String)]

    package init(
        name: String, partitionCount: Int32, replicationFactor: Int32 = -1, configuration: [(key: String, value: String)] = []
    ) {
        self.name = name
        self.partitionCount = partitionCount
        self.replicationFactor = replicationFactor
        self.configuration = configuration
    }
}

/// What a topic's properties promise about its records.
package struct TopicConfiguration: Sendable, Equatable {
    /// `delete`, `compact` or both with a comma.
    package let cleanupPolicy: String
    /// −1: records are kept for ever.
    package let retentionMilliseconds: Int64
    /// The largest batch of records that the topic takes.
    package let maxMessageBytes: Int64
}

extension Admin {
    /// Creates the topics that do not exist yet.
    /// - Returns: the names of those that existed already.
    package func createTopics(_ topics: [NewTopic], timeoutMilliseconds: Int32) throws(KafkaError) -> [String] {
        var requests: [OpaquePointer?] = []
        defer { for request in requests { rd_kafka_NewTopic_destroy(request) } }
        for topic in topics {
            let (request, text) = withTextBuffer { buffer, capacity in
                (
                    rd_kafka_NewTopic_new(topic.name, topic.partitionCount, topic.replicationFactor, buffer, capacity),
                    String(cString: buffer)
                )
            }
            guard let request else { throw KafkaError.invalid("topic \(topic.name): \(text)") }
            requests.append(request)
            for entry in topic.configuration {
                try check(rd_kafka_NewTopic_set_config(request, entry.key, entry.value), "topic \(topic.name), \(entry.key)")
            }
        }
        let event = try request(RD_KAFKA_ADMIN_OP_CREATETOPICS, timeoutMilliseconds: timeoutMilliseconds) { options, queue in
            rd_kafka_CreateTopics(client.pointer, &requests, requests.count, options, queue)
        }
        return try event.createdTopics()
    }

    /// Deletes the topics; those that do not exist count as deleted. Throws what the broker says of the first that stays.
    package func deleteTopics(_ names: [String], timeoutMilliseconds: Int32) throws(KafkaError) {
        var requests: [OpaquePointer?] = names.map { rd_kafka_DeleteTopic_new($0) }
        defer { for request in requests { rd_kafka_DeleteTopic_destroy(request) } }
        let event = try request(RD_KAFKA_ADMIN_OP_DELETETOPICS, timeoutMilliseconds: timeoutMilliseconds) { options, queue in
            rd_kafka_DeleteTopics(client.pointer, &requests, requests.count, options, queue)
        }
        try event.checkDeletedTopics()
    }

    /// Asks the cluster for the topic's properties. Needs the right to describe them.
    package func configuration(ofTopic name: String, timeoutMilliseconds: Int32) throws(KafkaError) -> TopicConfiguration {
        let properties = try properties(of: .topic(name), timeoutMilliseconds: timeoutMilliseconds)
        func number(_ key: String) throws(KafkaError) -> Int64 {
            guard let value = properties.value(of: key).flatMap({ Int64($0) }) else {
                throw KafkaError.invalid("the cluster did not tell \(key) of the topic \(name)")
            }
            return value
        }
        return TopicConfiguration(
            cleanupPolicy: properties.value(of: "cleanup.policy") ?? "", retentionMilliseconds: try number("retention.ms"),
            maxMessageBytes: try number("max.message.bytes"))
    }

    /// Asks the cluster for all properties of a topic or a broker, in Kafka's words. Needs the right to describe them.
    package func properties(of resource: AdminResource, timeoutMilliseconds: Int32) throws(KafkaError) -> KafkaProperties {
        let request: OpaquePointer? =
            switch resource {
            case .topic(let name): rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, name)
            case .broker(let id): rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_BROKER, String(id))
            }
        defer { rd_kafka_ConfigResource_destroy(request) }
        var requests = [request]
        let event = try self.request(RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, timeoutMilliseconds: timeoutMilliseconds) { options, queue in
            rd_kafka_DescribeConfigs(client.pointer, &requests, requests.count, options, queue)
        }
        return try event.properties(resource)
    }

    private func request(
        _ operation: rd_kafka_admin_op_t, timeoutMilliseconds: Int32,
        _ send: (_ options: OpaquePointer?, _ queue: OpaquePointer) -> Void
    ) throws(KafkaError) -> AdminEvent {
        guard let queue = rd_kafka_queue_new(client.pointer) else { throw KafkaError.invalid("no queue for the answer") }
        defer { rd_kafka_queue_destroy(queue) }
        let options = rd_kafka_AdminOptions_new(client.pointer, operation)
        defer { rd_kafka_AdminOptions_destroy(options) }
        let (code, text) = withTextBuffer { buffer, capacity in
            (
                rd_kafka_AdminOptions_set_request_timeout(options, timeoutMilliseconds, buffer, capacity),
                String(cString: buffer)
            )
        }
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaError.invalid(text) }
        send(options, queue)
        // The request's own timeout comes first and says more; the rest is slack.
        guard let event = rd_kafka_queue_poll(queue, timeoutMilliseconds + 1_000) else {
            throw KafkaError(RD_KAFKA_RESP_ERR__TIMED_OUT)
        }
        let answer = AdminEvent(owning: event)
        try answer.check()
        return answer
    }
}

/// Owns the answer to an admin request.
private struct AdminEvent: ~Copyable {
    private let pointer: OpaquePointer

    init(owning pointer: OpaquePointer) {
        self.pointer = pointer
    }

    deinit {
        rd_kafka_event_destroy(pointer)
    }

    func check() throws(KafkaError) {
        let code = rd_kafka_event_error(pointer)
        guard code != RD_KAFKA_RESP_ERR_NO_ERROR else { return }
        throw KafkaError(code, message: rd_kafka_event_error_string(pointer).map { String(cString: $0) })
    }

    func createdTopics() throws(KafkaError) -> [String] {
        var existing: [String] = []
        var count = 0
        guard let topics = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(pointer), &count) else {
            return existing
        }
        for index in 0..<count {
            guard let topic = topics[index], let name = rd_kafka_topic_result_name(topic) else { continue }
            let code = rd_kafka_topic_result_error(topic)
            if code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS {
                existing.append(String(cString: name))
            } else if code != RD_KAFKA_RESP_ERR_NO_ERROR {
                let text = rd_kafka_topic_result_error_string(topic).map { String(cString: $0) } ?? ""
                throw KafkaError(code, message: "create the topic \(String(cString: name)): \(text)")
            }
        }
        return existing
    }

    func checkDeletedTopics() throws(KafkaError) {
        var count = 0
        guard let topics = rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(pointer), &count) else { return }
        for index in 0..<count {
            guard let topic = topics[index], let name = rd_kafka_topic_result_name(topic) else { continue }
            let code = rd_kafka_topic_result_error(topic)
            guard code != RD_KAFKA_RESP_ERR_NO_ERROR, code != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART else { continue }
            throw KafkaError(code, message: "delete the topic \(String(cString: name)): \(String(cString: rd_kafka_err2str(code)))")
        }
    }

    func properties(_ asked: AdminResource) throws(KafkaError) -> KafkaProperties {
        var count = 0
        let result = rd_kafka_event_DescribeConfigs_result(pointer)
        guard let resources = rd_kafka_DescribeConfigs_result_resources(result, &count), count == 1, let resource = resources[0]
        else { throw KafkaError.invalid("no answer about \(asked)") }
        let code = rd_kafka_ConfigResource_error(resource)
        if code != RD_KAFKA_RESP_ERR_NO_ERROR {
            let text = rd_kafka_ConfigResource_error_string(resource).map { String(cString: $0) }
            throw KafkaError(code, message: text)
        }
        var entryCount = 0
        let entries = rd_kafka_ConfigResource_configs(resource, &entryCount)
        return KafkaProperties(
            (0..<entryCount).compactMap { index in
                guard let entry = entries?[index], let key = rd_kafka_ConfigEntry_name(entry),
                    let value = rd_kafka_ConfigEntry_value(entry)
                else { return nil }
                return (key: String(cString: key), value: String(cString: value))
            })
    }
}

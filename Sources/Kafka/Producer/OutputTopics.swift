internal import CRdKafka

/// A topic that was registered with a producer; good for that producer only.
package struct OutputTopic: Sendable {
    package let name: String
    let index: Int
}

/// Owns a producer's topic handles. They are made at start, because the first record to a topic without one waits up to a
/// second for metadata (librdkafka before 2.10.1), and freed before the client.
struct OutputTopics: ~Copyable {
    private var handles: [OpaquePointer] = []
    private var topics: [OutputTopic] = []

    deinit {
        for handle in handles { rd_kafka_topic_destroy(handle) }
    }

    mutating func register(_ name: String, client: OpaquePointer) throws(KafkaError) -> OutputTopic {
        if let known = topics.first(where: { $0.name == name }) { return known }
        guard let handle = rd_kafka_topic_new(client, name, nil) else {
            throw KafkaError(rd_kafka_last_error(), message: "topic \(name): \(String(cString: rd_kafka_err2str(rd_kafka_last_error())))")
        }
        let topic = OutputTopic(name: name, index: handles.count)
        handles.append(handle)
        topics.append(topic)
        return topic
    }

    mutating func destroy() {
        for handle in handles { rd_kafka_topic_destroy(handle) }
        handles = []
        topics = []
    }

    subscript(topic: OutputTopic) -> OpaquePointer { handles[topic.index] }
}

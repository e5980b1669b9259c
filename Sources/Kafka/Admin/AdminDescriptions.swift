internal import CRdKafka

/// What an admin client may ask properties of.
package enum AdminResource: Sendable, Equatable, CustomStringConvertible {
    case topic(String)
    case broker(Int32)

    package var description: String {
        switch self {
        case .topic(let name): "the topic \(name)"
        case .broker(let id): "the broker \(id)"
        }
    }
}

/// A topic as the cluster's metadata have it.
package struct TopicDescription: Sendable, Equatable {
    package let partitionCount: Int
    /// The fewest copies of a partition, and the fewest that are in step.
    package let replicaCount: Int
    package let inSyncCount: Int
    /// Partitions that nobody leads at the moment.
    package let leaderlessCount: Int
}

extension Admin {
    /// The ids of the brokers that are up, ascending.
    package func brokers(timeoutMilliseconds: Int32) throws(KafkaError) -> [Int32] {
        try withMetadata(topic: nil, timeoutMilliseconds: timeoutMilliseconds) { metadata in
            UnsafeBufferPointer(start: metadata.pointee.brokers, count: Int(metadata.pointee.broker_cnt)).map(\.id).sorted()
        }
    }

    /// nil where the topic does not exist, or may not be seen.
    package func topic(_ name: String, timeoutMilliseconds: Int32) throws(KafkaError) -> TopicDescription? {
        guard let handle = rd_kafka_topic_new(client.pointer, name, nil) else { throw KafkaError.invalid("bad topic name: \(name)") }
        defer { rd_kafka_topic_destroy(handle) }
        let answer = try withMetadata(topic: handle, timeoutMilliseconds: timeoutMilliseconds) { metadata in
            metadata.pointee.topics.map { topic in
                let partitions = UnsafeBufferPointer(start: topic.pointee.partitions, count: Int(topic.pointee.partition_cnt))
                return (
                    error: topic.pointee.err,
                    description: TopicDescription(
                        partitionCount: partitions.count, replicaCount: Int(partitions.map(\.replica_cnt).min() ?? 0),
                        inSyncCount: Int(partitions.map(\.isr_cnt).min() ?? 0), leaderlessCount: partitions.count { $0.leader < 0 })
                )
            }
        }
        guard let answer else { return nil }
        switch answer.error {
        case RD_KAFKA_RESP_ERR_NO_ERROR: return answer.description
        case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC: return nil
        default: throw KafkaError(answer.error)
        }
    }
}

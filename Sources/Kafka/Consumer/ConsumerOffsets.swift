internal import CRdKafka

/// What a group has committed for a partition.
package struct CommittedOffset: Sendable, Equatable {
    package let partition: Int32
    /// The next record to read; nil where nothing is committed.
    package let offset: Int64?
    /// The text committed with it; nil where there is none.
    package let metadata: String?
}

/// A partition's first offset and the one after its last record. Offsets may have holes between them.
package struct Watermarks: Sendable, Equatable {
    package let low: Int64
    package let high: Int64
}

extension Consumer {
    /// Asks the group's coordinator. Waits for offsets of transactions that are still open, at most until they time out.
    ///
    /// May be called in the rebalance callback, before `assign`.
    package func committed(
        _ partitions: [Int32], topic: String, timeoutMilliseconds: Int32
    ) throws(KafkaError) -> [CommittedOffset] {
        if partitions.isEmpty { return [] }
        let list = PartitionList(topic: topic, partitions: partitions)
        try check(
            rd_kafka_committed(client.pointer, list.pointer, timeoutMilliseconds), "read the committed offsets of \(topic)")
        try list.checkElements("read the committed offsets of \(topic)")
        return list.elements.map { element in
            let bytes = UnsafeRawBufferPointer(start: element.metadata, count: element.metadata_size)
            return CommittedOffset(
                partition: element.partition, offset: element.offset < 0 ? nil : element.offset,
                metadata: bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self))
        }
    }

    /// Commits offsets outside of a transaction, from a consumer that is not subscribed: for a group without members, the broker refuses
    /// it otherwise. Blocks until the coordinator has answered, at most librdkafka's own request timeouts.
    ///
    /// - Throws: the first partition's error; others may be committed then.
    package func commit(_ offsets: [(partition: Int32, offset: Int64, metadata: String)], topic: String) throws(KafkaError) {
        if offsets.isEmpty { return }
        let list = PartitionList(topic: topic, commits: offsets)
        try check(rd_kafka_commit(client.pointer, list.pointer, 0), "commit the offsets of \(topic)")
        try list.checkElements("commit the offsets of \(topic)")
    }

    /// The member's present generation and ids.
    package func groupMetadata() -> GroupMetadata {
        guard let present = presentMetadata() else { preconditionFailure("a consumer with group.id has group metadata") }
        return present
    }

    /// The same; nil where a consumer that closes has left its group already.
    func presentMetadata() -> GroupMetadata? {
        rd_kafka_consumer_group_metadata(client.pointer).map { GroupMetadata(owning: $0) }
    }

    /// How many partitions the topic has now, by the broker's answer and not by what this client remembers.
    package func partitionCount(of topic: String, timeoutMilliseconds: Int32) throws(KafkaError) -> Int {
        guard let handle = rd_kafka_topic_new(client.pointer, topic, nil) else { throw KafkaError.invalid("bad topic name: \(topic)") }
        defer { rd_kafka_topic_destroy(handle) }
        var metadata: UnsafePointer<rd_kafka_metadata>?
        try check(rd_kafka_metadata(client.pointer, 0, handle, &metadata, timeoutMilliseconds), "count the partitions of \(topic)")
        guard let metadata else { return 0 }
        defer { rd_kafka_metadata_destroy(metadata) }
        guard let found = metadata.pointee.topics else { return 0 }
        try check(found.pointee.err, "count the partitions of \(topic)")
        return Int(found.pointee.partition_cnt)
    }

    /// Asks the partition's leader.
    package func watermarks(
        partition: Int32, topic: String, timeoutMilliseconds: Int32
    ) throws(KafkaError) -> Watermarks {
        var low: Int64 = 0
        var high: Int64 = 0
        try check(
            rd_kafka_query_watermark_offsets(client.pointer, topic, partition, &low, &high, timeoutMilliseconds),
            "read the watermarks of \(topic), partition \(partition)")
        return Watermarks(low: low, high: high)
    }

    /// As the last fetch brought them, without asking anybody; nil before the first fetch.
    package func cachedWatermarks(partition: Int32, topic: String) -> Watermarks? {
        var low: Int64 = 0
        var high: Int64 = 0
        guard rd_kafka_get_watermark_offsets(client.pointer, topic, partition, &low, &high) == RD_KAFKA_RESP_ERR_NO_ERROR,
            high >= 0
        else { return nil }
        return Watermarks(low: max(low, 0), high: high)
    }

    /// The first offset whose record's timestamp is at or after the given one, in Unix milliseconds; nil where all are older.
    package func offsets(
        forTimes times: [(partition: Int32, timestamp: Int64)], topic: String, timeoutMilliseconds: Int32
    ) throws(KafkaError) -> [(partition: Int32, offset: Int64?)] {
        if times.isEmpty { return [] }
        let list = PartitionList(topic: topic, offsets: times.map { (partition: $0.partition, offset: $0.timestamp) })
        try check(
            rd_kafka_offsets_for_times(client.pointer, list.pointer, timeoutMilliseconds), "find offsets by time in \(topic)")
        try list.checkElements("find offsets by time in \(topic)")
        return list.elements.map { (partition: $0.partition, offset: $0.offset < 0 ? nil : $0.offset) }
    }
}

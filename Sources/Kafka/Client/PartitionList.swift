internal import CRdKafka
internal import Glibc

/// Owns a list of a topic's partitions with an offset, perhaps a metadata text, and an error each.
struct PartitionList: ~Copyable {
    let pointer: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>

    init(capacity: Int) {
        pointer = rd_kafka_topic_partition_list_new(Int32(capacity))
    }

    init(topic: String, partitions: [Int32]) {
        self.init(capacity: partitions.count)
        for partition in partitions { append(topic: topic, partition: partition) }
    }

    init(topic: String, offsets: [(partition: Int32, offset: Int64)]) {
        self.init(capacity: offsets.count)
        for entry in offsets { append(topic: topic, partition: entry.partition, offset: entry.offset) }
    }

    init(topic: String, commits: [(partition: Int32, offset: Int64, metadata: String)]) {
        self.init(capacity: commits.count)
        for entry in commits {
            append(topic: topic, partition: entry.partition, offset: entry.offset)
            setMetadata(entry.metadata)
        }
    }

    deinit {
        rd_kafka_topic_partition_list_destroy(pointer)
    }

    private func append(topic: String, partition: Int32, offset: Int64? = nil) {
        let element = rd_kafka_topic_partition_list_add(pointer, topic, partition)
        if let offset { element?.pointee.offset = offset }
    }

    /// Gives the last element its metadata text, which the list frees.
    private func setMetadata(_ text: String) {
        var text = text
        text.withUTF8 { bytes in
            guard !bytes.isEmpty, let copy = malloc(bytes.count) else { return }
            copy.copyMemory(from: UnsafeRawPointer(bytes.baseAddress!), byteCount: bytes.count)
            let last = pointer.pointee.elems + Int(pointer.pointee.cnt) - 1
            last.pointee.metadata = copy
            last.pointee.metadata_size = bytes.count
        }
    }

    var elements: UnsafeMutableBufferPointer<rd_kafka_topic_partition_t> {
        UnsafeMutableBufferPointer(start: pointer.pointee.elems, count: Int(pointer.pointee.cnt))
    }

    /// Throws the first error that stands with a partition.
    func checkElements(_ context: String) throws(KafkaError) {
        for element in elements where element.err != RD_KAFKA_RESP_ERR_NO_ERROR {
            let text = String(cString: rd_kafka_err2str(element.err))
            throw KafkaError(
                element.err, message: "\(context), partition \(element.partition): \(text)", partition: element.partition)
        }
    }
}

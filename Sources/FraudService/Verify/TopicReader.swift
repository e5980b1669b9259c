import Kafka
import ReferenceFold

/// Reads topics with everything that records have, as an application would: read_committed, without joining a group, committing nothing.
///
/// Confined to one thread; every call blocks.
final class TopicReader {
    /// Milliseconds without a record, an end or an error.
    private static let patience: Int64 = 30_000
    private static let timeout: Int32 = 10_000

    private let consumer: Consumer

    init(_ settings: Settings) throws(StartFailure) {
        do throws(KafkaError) {
            consumer = try Consumer(properties: settings.consumerProperties, reportsEnd: true)
        } catch {
            throw StartFailure(.usage, "kafka.properties, kafka.consumer_properties: \(error.message)")
        }
    }

    func end() { consumer.close() }

    /// First and one past the last offset of each partition.
    func watermarks(_ topic: String) throws(StartFailure) -> [Watermarks] {
        try ask("the topic '\(topic)' cannot be looked at") { () throws(KafkaError) in
            var marks: [Watermarks] = []
            for partition in 0..<Int32(clamping: try consumer.partitionCount(of: topic, timeoutMilliseconds: Self.timeout)) {
                marks.append(try consumer.watermarks(partition: partition, topic: topic, timeoutMilliseconds: Self.timeout))
            }
            return marks
        }
    }

    /// Asked again while a leader moves.
    private func ask<Answer>(_ what: String, _ question: () throws(KafkaError) -> Answer) throws(StartFailure) -> Answer {
        let deadline = Clock.monotonicMilliseconds() + Self.patience
        while true {
            do {
                return try question()
            } catch {
                if error.isUnauthorized { throw StartFailure(.refused, "\(what): \(error.message); \(DoctorKafka.rightsCure)") }
                if error.isUnknownTopicOrPartition { throw StartFailure(.refused, "\(what): it does not exist") }
                guard Clock.monotonicMilliseconds() < deadline else { throw StartFailure(.unreachable, "\(what): \(error); see the brokers' logs") }
                Clock.pause(milliseconds: 50)
            }
        }
    }

    /// Hands over the committed records of partitions, each from its offset on to its end, or up to the offset given in `until`.
    ///
    /// - Returns: where to go on: behind the last record of each.
    @discardableResult
    func read(
        _ topic: String, from starts: [Int32: Int64], until ends: [Int32: Int64] = [:], _ take: (Int32, PlainRecord) -> Void
    ) throws(StartFailure) -> [Int32: Int64] {
        var positions = starts
        var open = Set(starts.keys.filter { starts[$0] ?? 0 < ends[$0] ?? .max })
        guard !open.isEmpty else { return positions }
        var heardAt = Clock.monotonicMilliseconds()
        do throws(KafkaError) {
            try consumer.read(topic, from: open.sorted().map { ($0, starts[$0] ?? 0) })
            var batch = RecordBatch(capacity: 1_000)
            while !open.isEmpty, Clock.monotonicMilliseconds() - heardAt < Self.patience {
                consumer.poll(into: &batch, timeoutMilliseconds: 100)
                if !batch.isEmpty { heardAt = Clock.monotonicMilliseconds() }
                for index in 0..<batch.count {
                    let (partition, offset) = (batch.records[index].partition, batch.records[index].offset)
                    if offset < ends[partition] ?? .max {
                        take(partition, PlainRecord(batch, index))
                        positions[partition] = offset + 1
                    }
                    if offset >= (ends[partition] ?? .max) - 1 { open.remove(partition) }
                }
                batch.destroy()
                while let error = consumer.nextError() {
                    if error.isPartitionEnd, let partition = error.partition { open.remove(partition) }
                    if error.isOffsetOutOfRange || error.isUnauthorized || error.isFatal { throw error }
                }
            }
            try consumer.unassign()
        } catch {
            throw StartFailure(error.isUnauthorized ? .refused : .unreachable, "the topic '\(topic)' cannot be read: \(error.message)")
        }
        guard open.isEmpty else { throw StartFailure(.unreachable, "the topic '\(topic)' cannot be read: nothing comes; see the brokers' logs") }
        return positions
    }
}

extension PlainRecord {
    /// A copy of a batch's record.
    init(_ batch: borrowing RecordBatch, _ index: Int) {
        let record = batch.records[index]
        var headers: [PlainHeader] = []
        batch.visitHeaders(of: index) { name, value in headers.append(PlainHeader(name: Bytes(name), value: value.map { Bytes($0) })) }
        self.init(
            offset: record.offset, timestamp: record.timestamp == KafkaRecord.absentTimestamp ? nil : record.timestamp,
            key: record.key.map { Bytes(UnsafeRawBufferPointer(start: $0, count: record.keyCount)) },
            value: record.value.map { Bytes(UnsafeRawBufferPointer(start: $0, count: record.valueCount)) }, headers: headers)
    }
}

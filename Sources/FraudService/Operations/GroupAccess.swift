import FraudEngine
import Kafka

/// The group and its input topic, seen and set from outside of the group: it never becomes a member.
///
/// Confined to one thread; every call blocks.
final class GroupAccess {
    private static let timeout: Int32 = 10_000
    /// Milliseconds without a record, an end or an error.
    private static let patience: Int64 = 30_000
    private static let batchCapacity = 1_000

    let settings: Settings
    private let admin: Admin
    private let consumer: Consumer
    private let run: UnsafeMutablePointer<RawRecord>

    private var topic: String { settings.input.topic }

    init(_ settings: Settings) throws(StartFailure) {
        self.settings = settings
        run = .allocate(capacity: PaymentBatch.capacity)
        do throws(KafkaError) {
            admin = try Admin(properties: settings.clientProperties)
            consumer = try Consumer(properties: settings.consumerProperties, reportsEnd: true)
        } catch {
            throw StartFailure(.usage, "kafka.properties, kafka.consumer_properties: \(error.message)")
        }
        do throws(KafkaError) {
            try admin.checkReachable(timeoutMilliseconds: 5_000)
        } catch {
            throw StartFailure(.unreachable, "\(error.message); check kafka.bootstrap_servers and whether the brokers are up")
        }
    }

    deinit { run.deallocate() }

    func end() {
        consumer.close()
        admin.destroy()
    }

    /// One question to the brokers, asked again while a leader or coordinator moves.
    private func ask<Answer>(_ question: () throws(KafkaError) -> Answer) throws(StartFailure) -> Answer {
        let deadline = Clock.monotonicMilliseconds() + max(TransactionMachine.giveUpAfter, settings.openTransaction)
        while true {
            do {
                return try question()
            } catch {
                if error.isUnauthorized { throw StartFailure(.refused, "\(error.message); \(DoctorKafka.rightsCure)") }
                if error.isUnknownTopicOrPartition {
                    throw StartFailure(.refused, "the topic '\(topic)' does not exist on \(settings.kafka.bootstrapServers), or has not that partition")
                }
                guard Clock.monotonicMilliseconds() < deadline else { throw StartFailure(.unreachable, "\(error); see the brokers' logs") }
                Clock.pause(milliseconds: 50)
            }
        }
    }

    // MARK: The group

    /// nil: it does not exist, or has nothing any more.
    func group() throws(StartFailure) -> GroupDescription? {
        try ask { () throws(KafkaError) in try admin.group(settings.group, timeoutMilliseconds: Self.timeout) }
    }

    /// Throws, naming them, while the group has members: what is committed is theirs then.
    func requireNoMembers() throws(StartFailure) {
        guard let group = try group(), !group.members.isEmpty else { return }
        let members = group.members.map { "\($0.id) (\($0.host))" }.sorted().joined(separator: ", ")
        throw StartFailure(
            .refused,
            "the group '\(settings.group)' has members: \(members); stop every instance and try again: "
                + "a stopped one is a member until session.timeout.ms (10 s) is over")
    }

    /// What is committed; waits for transactions that are still open.
    func committed(_ partitions: [Int32]) throws(StartFailure) -> [Int32: CommittedPosition] {
        let found = try ask { () throws(KafkaError) in try consumer.committed(partitions, topic: topic, timeoutMilliseconds: Self.timeout) }
        var positions: [Int32: CommittedPosition] = [:]
        for committed in found {
            guard let offset = committed.offset else { continue }
            positions[committed.partition] = CommittedPosition(offset: offset, metadata: committed.metadata ?? "")
        }
        return positions
    }

    /// Commits all of them in one request, and reads them back.
    func commit(_ positions: [(partition: Int32, position: CommittedPosition)]) throws(StartFailure) {
        let offsets = positions.map { (partition: $0.partition, offset: $0.position.offset, metadata: $0.position.metadata) }
        do throws(KafkaError) { try consumer.commit(offsets, topic: topic) } catch {
            try requireNoMembers()
            throw StartFailure(error.isUnauthorized ? .refused : .unreachable, "\(error.message); see `tripline offsets show` for what is committed now")
        }
        let committed = try committed(positions.map(\.partition))
        for (partition, position) in positions where committed[partition] != position {
            throw StartFailure(.refused, "partition \(partition): another position is committed than was sent; see `tripline offsets show`")
        }
    }

    // MARK: The log

    func partitionCount() throws(StartFailure) -> Int {
        try ask { () throws(KafkaError) in try consumer.partitionCount(of: topic, timeoutMilliseconds: Self.timeout) }
    }

    func watermarks(_ partition: Int32) throws(StartFailure) -> Watermarks {
        try ask { () throws(KafkaError) in try consumer.watermarks(partition: partition, topic: topic, timeoutMilliseconds: Self.timeout) }
    }

    /// The first record with this Kafka timestamp or a later one; nil: all are older.
    func offset(_ partition: Int32, at time: Int64) throws(StartFailure) -> Int64? {
        try ask { () throws(KafkaError) in
            try consumer.offsets(forTimes: [(partition: partition, timestamp: time)], topic: topic, timeoutMilliseconds: Self.timeout).first?.offset
        }
    }

    /// Hands over the committed records of `offsets`, in runs of at most 64, and perhaps some behind. Ends where they or the log end.
    func read(_ partition: Int32, _ offsets: Range<Int64>, _ take: (UnsafeBufferPointer<RawRecord>) -> Void) throws(StartFailure) {
        guard !offsets.isEmpty else { return }
        let isRead: Bool
        do throws(KafkaError) {
            // What is left of an earlier reading would end this one.
            while let error = consumer.nextError() { if error.isFatal { throw error } }
            try consumer.read(topic, from: [(partition, offsets.lowerBound)])
            isRead = try readAssigned(partition, until: offsets.upperBound, take)
            try consumer.unassign()
        } catch {
            throw StartFailure(error.isUnauthorized ? .refused : .unreachable, "partition \(partition) cannot be read: \(error.message)")
        }
        guard isRead else { throw StartFailure(.unreachable, "partition \(partition) cannot be read: nothing comes; see the brokers' logs") }
    }

    /// False: nothing came for long.
    private func readAssigned(_ partition: Int32, until end: Int64, _ take: (UnsafeBufferPointer<RawRecord>) -> Void) throws(KafkaError) -> Bool {
        var batch = RecordBatch(capacity: Self.batchCapacity)
        var heardAt = Clock.monotonicMilliseconds()
        while Clock.monotonicMilliseconds() - heardAt < Self.patience {
            consumer.poll(into: &batch, timeoutMilliseconds: 100)
            let records = batch.records
            if !records.isEmpty { heardAt = Clock.monotonicMilliseconds() }
            var start = 0
            while start < records.count {
                let count = min(PaymentBatch.capacity, records.count - start)
                for index in 0..<count { run[index] = RawRecord(records[start + index]) }
                take(UnsafeBufferPointer(start: run, count: count))
                start += count
            }
            if let last = records.last?.offset, last >= end - 1 { return true }
            batch.destroy()
            while let error = consumer.nextError() {
                if error.isPartitionEnd, error.partition == partition { return true }
                if error.isOffsetOutOfRange || error.isUnauthorized || error.isFatal { throw error }
            }
        }
        return false
    }
}

extension RawRecord {
    init(_ record: KafkaRecord) {
        self.init(
            value: record.value, valueCount: record.valueCount, key: record.key, keyCount: record.keyCount, offset: record.offset, timestamp: record.timestamp)
    }
}

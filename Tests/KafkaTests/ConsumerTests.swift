import Testing

@testable import Kafka

/// A cluster whose partition 0 holds `0`, `1`, … with the timestamps 1000, 1001, ….
private func filledCluster(_ count: Int) throws -> Cluster {
    let cluster = try Cluster()
    let producer = try cluster.plainProducer()
    defer { producer.destroy() }
    let topic = try producer.register(topic: Cluster.topic)
    for number in 0..<count {
        try producer.produce(topic, partition: 0, key: "k\(number)", value: "\(number)", timestamp: 1_000 + Int64(number))
    }
    try producer.flush(timeoutMilliseconds: 30_000)
    return cluster
}

/// The macros of the tests copy what they look at, and a batch cannot be copied.
private func expectEmpty(_ batch: borrowing RecordBatch, sourceLocation: SourceLocation = #_sourceLocation) {
    let isEmpty = batch.isEmpty && batch.records.isEmpty
    #expect(isEmpty, sourceLocation: sourceLocation)
}

@Suite(.makesClients) struct `A consumer's assignment` {
    @Test func `is read from the offsets given, and anew when it is given anew`() throws {
        let cluster = try filledCluster(10)
        defer { cluster.stop() }
        let consumer = try cluster.consumer()
        defer { consumer.close() }
        try consumer.read(Cluster.topic, from: [(partition: 0, offset: 3)])
        #expect(receive(7, from: consumer).map(\.value) == ["3", "4", "5", "6", "7", "8", "9"])
        try consumer.assign([(partition: 0, offset: 8), (partition: 1, offset: 0)])
        #expect(receive(2, from: consumer).map(\.offset) == [8, 9])
    }

    @Test func `that has ended delivers nothing more`() throws {
        let cluster = try filledCluster(10)
        defer { cluster.stop() }
        let consumer = try cluster.consumer()
        defer { consumer.close() }
        try consumer.read(Cluster.topic, from: [(partition: 0, offset: 0)])
        #expect(receive(10, from: consumer).count == 10)
        try consumer.assign([(partition: 0, offset: 0)])
        try consumer.unassign()
        var batch = RecordBatch(capacity: 10)
        for _ in 0..<20 {
            consumer.poll(into: &batch, timeoutMilliseconds: 5)
            expectEmpty(batch)
        }
    }

    /// librdkafka (#5573) dies of an assertion when it is told to stop a partition that it is stopping already.
    @Test func `may change many times, and back, before a record comes`() throws {
        let cluster = try filledCluster(3)
        defer { cluster.stop() }
        let consumer = try cluster.consumer()
        defer { consumer.close() }
        try consumer.read(Cluster.topic, from: [(partition: 0, offset: 0), (partition: 1, offset: 0)])
        for round in 0..<300 {
            try consumer.assign([(partition: 0, offset: Int64(round % 3)), (partition: 1, offset: 0)])
            try consumer.assign([(partition: 0, offset: 1)])
            if round % 10 == 0 { try consumer.unassign() }
        }
        try consumer.assign([(partition: 0, offset: 1)])
        #expect(receive(2, from: consumer).map(\.value) == ["1", "2"])
    }

    @Test func `beyond the log's end is an error of its partition, until it is assigned anew`() throws {
        let cluster = try filledCluster(3)
        defer { cluster.stop() }
        let consumer = try cluster.consumer()
        defer { consumer.close() }
        try consumer.read(Cluster.topic, from: [(partition: 0, offset: 1_000)])
        var error: KafkaError?
        poll(consumer) {
            error = consumer.nextError() ?? error
            return error?.isOffsetOutOfRange == true
        }
        #expect(error?.partition == 0)
        #expect(error?.isFatal == false)
        #expect(consumer.fatalError == nil)
        try consumer.assign([(partition: 0, offset: 2)])
        #expect(receive(1, from: consumer).map(\.value) == ["2"])
    }

    @Test func `read to its end is told to who asked for it, and read on`() throws {
        let cluster = try filledCluster(3)
        defer { cluster.stop() }
        let properties = cluster.properties([("group.id", "g"), ("fetch.wait.max.ms", "5")])
        let consumer = try Consumer(properties: properties, reportsEnd: true)
        defer { consumer.close() }
        for start in [0, 3] as [Int64] {
            try consumer.read(Cluster.topic, from: [(partition: 0, offset: start)])
            var end: KafkaError?
            poll(consumer) {
                end = consumer.nextError() ?? end
                return end != nil
            }
            #expect(end?.isPartitionEnd == true)
            #expect(end?.partition == 0)
        }
    }

    @Test func `of a broker that goes down is read on when it comes back`() throws {
        let cluster = try filledCluster(3)
        defer { cluster.stop() }
        let consumer = try cluster.consumer()
        defer { consumer.close() }
        try consumer.read(Cluster.topic, from: [(partition: 0, offset: 0)])
        #expect(receive(3, from: consumer).count == 3)
        try cluster.broker.setUp(false)
        var errors: [String] = []
        poll(consumer) {
            if let error = consumer.nextError() { errors.append(error.name) }
            return errors.contains("_TRANSPORT") || errors.contains("_ALL_BROKERS_DOWN")
        }
        try cluster.broker.setUp(true)
        let producer = try cluster.plainProducer()
        defer { producer.destroy() }
        try producer.produce(producer.register(topic: Cluster.topic), partition: 0, key: nil, value: "after")
        try producer.flush(timeoutMilliseconds: 30_000)
        #expect(receive(1, from: consumer).map(\.value) == ["after"])
        #expect(consumer.fatalError == nil)
    }
}

@Suite(.makesClients) struct `A member of a group` {
    @Test(arguments: [true, false]) func `gets its partitions, and gives them up when it leaves or the group has forgotten it`(isForgotten: Bool) throws {
        let cluster = try filledCluster(2)
        defer { cluster.stop() }
        let consumer = try cluster.consumer(group: "g", [("heartbeat.interval.ms", "50")])
        var events: [RebalanceEvent] = []
        consumer.onRebalance = { [unowned consumer] event in
            events.append(event)
            guard case .assigned(let partitions) = event else { return }
            do throws(KafkaError) { try consumer.assign(partitions.map { (partition: $0, offset: 0) }) } catch { Issue.record("\(error)") }
        }
        try consumer.subscribe(Cluster.topic)
        #expect(receive(2, from: consumer).map(\.value) == ["0", "1"])
        #expect(events == [.assigned([0, 1])])
        if isForgotten {
            // UNKNOWN_MEMBER_ID
            cluster.broker.failNext(.heartbeat, codes: [25])
            poll(consumer) { events.count == 2 }
        }
        #expect(consumer.close())
        #expect(events == [.assigned([0, 1]), .revoked([0, 1], lost: isForgotten)])
        #expect(consumer.close())
        #expect(events.count == 2)
    }

    @Test func `whose instance id another process has taken is dead, and must leave`() throws {
        let cluster = try Cluster()
        defer { cluster.stop() }
        let consumer = try cluster.consumer(group: "g", [("heartbeat.interval.ms", "50"), ("group.instance.id", "i")])
        defer { consumer.close() }
        var isAssigned = false
        consumer.onRebalance = { if case .assigned = $0 { isAssigned = true } }
        try consumer.subscribe(Cluster.topic)
        // Nobody answers the assignment: the consumer does it itself, with nothing.
        poll(consumer) { isAssigned }
        #expect(consumer.fatalError == nil)
        // FENCED_INSTANCE_ID
        cluster.broker.failNext(.heartbeat, codes: [82])
        poll(consumer) { consumer.fatalError != nil }
        #expect(consumer.fatalError?.isFenced == true)
        #expect(consumer.fatalError?.reaction == .leave)
    }
}

@Suite(.makesClients) struct `A batch` {
    @Test func `holds no more than its capacity, and nothing of the poll before`() throws {
        let cluster = try filledCluster(10)
        defer { cluster.stop() }
        let consumer = try cluster.consumer()
        defer { consumer.close() }
        try consumer.read(Cluster.topic, from: [(partition: 0, offset: 0)])
        for capacity in [1, 3] {
            try consumer.assign([(partition: 0, offset: 0)])
            var batch = RecordBatch(capacity: capacity)
            var offsets: [Int64] = []
            for _ in 0..<3_000 where offsets.count < 10 {
                consumer.poll(into: &batch, timeoutMilliseconds: 10)
                let count = batch.count
                #expect(count <= capacity)
                offsets += batch.records.map(\.offset)
            }
            #expect(offsets == Array(0..<10))
            for _ in 0..<2 {
                batch.destroy()
                expectEmpty(batch)
            }
        }
    }

    @Test func `that is polled with no time takes what is queued, perhaps nothing`() throws {
        let cluster = try Cluster()
        defer { cluster.stop() }
        let consumer = try cluster.consumer()
        defer { consumer.close() }
        try consumer.read(Cluster.topic, from: [(partition: 0, offset: 0)])
        var batch = RecordBatch(capacity: 1)
        consumer.poll(into: &batch, timeoutMilliseconds: 0)
        expectEmpty(batch)
    }

    @Test func `outlives a consumer that is polled again, but is empty before the close`() throws {
        let cluster = try filledCluster(4)
        defer { cluster.stop() }
        let consumer = try cluster.consumer()
        try consumer.read(Cluster.topic, from: [(partition: 0, offset: 0)])
        var first = RecordBatch(capacity: 2), second = RecordBatch(capacity: 2)
        for _ in 0..<3_000 where first.isEmpty { consumer.poll(into: &first, timeoutMilliseconds: 10) }
        for _ in 0..<3_000 where second.isEmpty { consumer.poll(into: &second, timeoutMilliseconds: 10) }
        let offsets = [first.records.first?.offset, second.records.first?.offset]
        #expect(offsets[0] == 0)
        #expect(offsets[1].map { $0 > 0 } == true)
        first.destroy()
        second.destroy()
        #expect(consumer.close())
        consumer.poll(into: &first, timeoutMilliseconds: 10)
        expectEmpty(first)
    }

    @Test func `finds the last header of a name`() throws {
        let cluster = try Cluster()
        defer { cluster.stop() }
        let producer = try cluster.producer()
        defer { producer.destroy() }
        let topic = try producer.register(topic: Cluster.topic)
        try producer.begin()
        try producer.produce(topic, "v", headers: [("a", "1"), ("b", nil), ("a", "2"), ("c", "")])
        try producer.produce(topic, "w")
        try producer.commit(timeoutMilliseconds: 30_000)
        let consumer = try cluster.consumer()
        defer { consumer.close() }
        try consumer.read(Cluster.topic, from: [(partition: 0, offset: 0)])
        var batch = RecordBatch(capacity: 10)
        for _ in 0..<3_000 where batch.isEmpty { consumer.poll(into: &batch, timeoutMilliseconds: 10) }
        func header(_ name: String, _ index: Int) -> String? {
            batch.withHeader(name, of: index) { $0.map { String(decoding: $0, as: UTF8.self) } }
        }
        let count = batch.count
        try #require(count == 2)
        #expect(header("a", 0) == "2")
        #expect(header("b", 0) == nil)
        #expect(header("c", 0) == "")
        #expect(header("d", 0) == nil)
        #expect(header("a", 1) == nil)
    }
}

@Suite(.makesClients) struct `Offsets` {
    @Test func `of a group that has committed none are absent`() throws {
        let cluster = try Cluster()
        defer { cluster.stop() }
        let consumer = try cluster.consumer()
        defer { consumer.close() }
        let committed = try consumer.committed([0, 1], topic: Cluster.topic, timeoutMilliseconds: 30_000)
        #expect(committed.map(\.partition) == [0, 1])
        #expect(committed.allSatisfy { $0.offset == nil && $0.metadata == nil })
        #expect(try consumer.committed([], topic: Cluster.topic, timeoutMilliseconds: 0).isEmpty)
    }

    @Test func `that are committed come with their metadata`() throws {
        let partitions: [[Field]] = [
            [.int32(0), .int64(42), .text("state ü"), .int16(0)], [.int32(1), .int64(0), .text(""), .int16(0)], [.int32(2), .int64(-1), .null, .int16(0)],
        ]
        let broker = try ScriptedBroker([
            ScriptedBroker.Answer(request: 9, version: 1, fields: [.list([[.text("t"), .list(partitions)]])])
        ])
        defer { broker.stop() }
        let consumer = try Consumer(properties: KafkaProperties([("bootstrap.servers", broker.bootstrapServers), ("group.id", "g")]))
        defer { consumer.close() }
        let committed = try consumer.committed([0, 1, 2], topic: "t", timeoutMilliseconds: 30_000)
        #expect(committed.map(\.offset) == [42, 0, nil])
        #expect(committed.map(\.metadata) == ["state ü", nil, nil])
    }

    @Test func `are committed with their metadata by a consumer that is not subscribed`() throws {
        let cluster = try Cluster()
        defer { cluster.stop() }
        let consumer = try cluster.consumer()
        defer { consumer.close() }
        try consumer.commit([], topic: Cluster.topic)
        try consumer.commit([(partition: 0, offset: 7, metadata: "state ü"), (partition: 1, offset: 0, metadata: "b")], topic: Cluster.topic)
        let committed = try consumer.committed([0, 1], topic: Cluster.topic, timeoutMilliseconds: 30_000)
        #expect(committed.map(\.offset) == [7, 0])
        #expect(committed.map(\.metadata) == ["state ü", "b"])
        // UNKNOWN_MEMBER_ID, as of a group that has members.
        cluster.broker.failNext(.offsetCommit, codes: [25])
        let refused = caught { () throws(KafkaError) in try consumer.commit([(partition: 0, offset: 8, metadata: "")], topic: Cluster.topic) }
        #expect(refused?.name == "UNKNOWN_MEMBER_ID")
        #expect(refused?.message.hasPrefix("commit the offsets of t") == true)
    }

    @Test func `of a transaction that is still open are waited for`() throws {
        let cluster = try Cluster()
        defer { cluster.stop() }
        let consumer = try cluster.consumer()
        defer { consumer.close() }
        // UNSTABLE_OFFSET_COMMIT
        cluster.broker.failNext(.offsetFetch, codes: [88, 88])
        #expect(try consumer.committed([0], topic: Cluster.topic, timeoutMilliseconds: 30_000).map(\.offset) == [nil])
    }

    @Test func `that may not be read, or whose coordinator is gone, are an error in time`() throws {
        let cluster = try Cluster()
        defer { cluster.stop() }
        let consumer = try cluster.consumer()
        defer { consumer.close() }
        cluster.broker.failNext(.offsetFetch, codes: [30])
        let refused = caught { () throws(KafkaError) in _ = try consumer.committed([0], topic: Cluster.topic, timeoutMilliseconds: 30_000) }
        #expect(refused?.isUnauthorized == true)
        #expect(refused?.message.hasPrefix("read the committed offsets of t") == true)
        try cluster.broker.setUp(false)
        #expect(throws: KafkaError.self) { try consumer.committed([0], topic: Cluster.topic, timeoutMilliseconds: 100) }
    }

    @Test func `at the log's ends are asked for, or known from the last fetch`() throws {
        let cluster = try filledCluster(5)
        defer { cluster.stop() }
        let consumer = try cluster.consumer()
        defer { consumer.close() }
        #expect(consumer.cachedWatermarks(partition: 0, topic: Cluster.topic) == nil)
        let ends = try consumer.watermarks(partition: 0, topic: Cluster.topic, timeoutMilliseconds: 30_000)
        #expect(ends.low == 0)
        #expect(ends.high == 5)
        #expect(try consumer.watermarks(partition: 1, topic: Cluster.topic, timeoutMilliseconds: 30_000).high == 0)
        #expect(throws: KafkaError.self) { try consumer.watermarks(partition: 9, topic: Cluster.topic, timeoutMilliseconds: 1_000) }
        try consumer.read(Cluster.topic, from: [(partition: 0, offset: 0)])
        _ = receive(5, from: consumer)
        #expect(consumer.cachedWatermarks(partition: 0, topic: Cluster.topic) == ends)
        #expect(consumer.cachedWatermarks(partition: 1, topic: Cluster.topic) == nil)
    }

    @Test func `at the log's ends come with the statistics too`() throws {
        let cluster = try filledCluster(5)
        defer { cluster.stop() }
        let consumer = try cluster.consumer(group: "g", [("statistics.interval.ms", "100")])
        defer { consumer.close() }
        #expect(consumer.partitionEnds.isEmpty)
        try consumer.read(Cluster.topic, from: [(partition: 0, offset: 3)])
        poll(consumer) { consumer.partitionEnds.contains { $0.high == 5 } }
        #expect(consumer.partitionEnds == [PartitionEnds(partition: 0, high: 5, stable: 5)])
    }

    @Test func `are those of as many partitions as the broker has now`() throws {
        let cluster = try Cluster(partitions: 3)
        defer { cluster.stop() }
        let consumer = try cluster.consumer()
        defer { consumer.close() }
        #expect(try consumer.partitionCount(of: Cluster.topic, timeoutMilliseconds: 30_000) == 3)
        try cluster.broker.setUp(false)
        #expect(throws: KafkaError.self) { try consumer.partitionCount(of: Cluster.topic, timeoutMilliseconds: 100) }
    }

    @Test func `by time are those of the first record that is not older, absent where all are`() throws {
        let partitions: [[Field]] = [[.int32(0), .int16(0), .int64(1_002), .int64(2)], [.int32(1), .int16(0), .int64(-1), .int64(-1)]]
        let broker = try ScriptedBroker([
            ScriptedBroker.Answer(request: 2, version: 1, fields: [.list([[.text("t"), .list(partitions)]])])
        ])
        defer { broker.stop() }
        let consumer = try Consumer(properties: KafkaProperties([("bootstrap.servers", broker.bootstrapServers), ("group.id", "g")]))
        defer { consumer.close() }
        let times = [(partition: Int32(0), timestamp: Int64(1_002)), (partition: 1, timestamp: 1_003)]
        let found = try consumer.offsets(forTimes: times, topic: "t", timeoutMilliseconds: 30_000)
        #expect(found.map(\.partition) == [0, 1])
        #expect(found.map(\.offset) == [2, nil])
        #expect(try consumer.offsets(forTimes: [], topic: "t", timeoutMilliseconds: 0).isEmpty)
        // The request names the time that was asked for.
        let question = try #require(broker.requests(of: 2).first)
        #expect(question.indices.contains { question[$0...].starts(with: [0, 0, 0, 0, 0, 0, 3, 234]) })
    }
}

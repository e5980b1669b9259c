import Kafka
import Testing

@Suite(.makesClients) struct `What is committed` {
    @Test func `is read as it was written: keys, values, headers, null and empty, in order`() throws {
        let cluster = try Cluster()
        defer { cluster.stop() }
        let producer = try cluster.producer()
        defer { producer.destroy() }
        let topic = try producer.register(topic: Cluster.topic)
        try producer.begin()
        try producer.produce(topic, key: "k", "v", headers: [("a", "1"), ("none", nil), ("empty", ""), ("a", "2")], timestamp: 1_700_000_000_123)
        try producer.produce(topic, key: nil, "no key", timestamp: 2)
        try producer.produce(topic, key: "", "", timestamp: 3)
        try producer.produce(topic, key: "tombstone", nil, headers: [("", "nameless")], timestamp: 4)
        try producer.produce(topic, key: nil, nil, timestamp: 5)
        try producer.commit(timeoutMilliseconds: 30_000)
        let records = try cluster.records()
        #expect(records.map(\.key) == ["k", nil, "", "tombstone", nil])
        #expect(records.map(\.value) == ["v", "no key", "", nil, nil])
        #expect(records.map { $0.headers.map(\.description) } == [["a=1", "none=null", "empty=", "a=2"], [], [], ["=nameless"], []])
        #expect(records.map(\.offset) == [0, 1, 2, 3, 4])
        #expect(records.map(\.timestamp) == [1_700_000_000_123, 2, 3, 4, 5])
        #expect(records.map(\.partition) == [0, 0, 0, 0, 0])
    }

    @Test func `goes to the partition that was asked for`() throws {
        let cluster = try Cluster(partitions: 3)
        defer { cluster.stop() }
        let producer = try cluster.producer()
        defer { producer.destroy() }
        let topic = try producer.register(topic: Cluster.topic)
        try producer.begin()
        for partition in [2, 0, 2] as [Int32] { try producer.produce(topic, partition: partition, "\(partition)") }
        try producer.commit(timeoutMilliseconds: 30_000)
        #expect(try (0..<3).map { try cluster.records(partition: $0).map(\.value) } == [["0"], [], ["2", "2"]])
    }

    @Test func `stands in as many transactions as there were, after an abort too`() throws {
        let transactor = try Transactor(Cluster())
        defer { transactor.destroy() }
        try transactor.transact("1")
        try transactor.producer.begin()
        try transactor.sendOffsets()
        try transactor.producer.abort(timeoutMilliseconds: 30_000)
        try transactor.transact("2")
        try transactor.producer.begin()
        try transactor.producer.commit(timeoutMilliseconds: 30_000)
        try transactor.transact("3")
        #expect(try transactor.cluster.records().map(\.value) == ["1", "2", "3"])
    }

    @Test func `carries 64 KiB of value, 10,000 records and 100 headers`() throws {
        let cluster = try Cluster()
        defer { cluster.stop() }
        let producer = try cluster.producer()
        defer { producer.destroy() }
        let topic = try producer.register(topic: Cluster.topic)
        let long = String(repeating: "x", count: 65_536)
        let headers = (0..<100).map { (name: "h\($0)", value: Optional("\($0)")) }
        try producer.begin()
        try producer.produce(topic, long, headers: headers)
        for number in 0..<10_000 { try producer.produce(topic, partition: 1, "\(number)") }
        try producer.commit(timeoutMilliseconds: 30_000)
        let one = try #require(cluster.records().first)
        #expect(one.value == long)
        #expect(one.headers.map(\.description) == (0..<100).map { "h\($0)=\($0)" })
        #expect(try cluster.records(partition: 1).map(\.value) == (0..<10_000).map { "\($0)" })
    }

    @Test(
        arguments: [
            [1], [1, 0, 0, 0], [1, 0, 0, 0, 65, 0, 0, 0], [1, 0, 0, 0, 65, 2, 0, 0, 0, 66], [1, 0, 0, 0, 65, 254, 255, 255, 255],
            [255, 255, 255, 255, 65, 0, 0, 0, 0], headerBlock([("a", "b")]) + [0],
        ] as [[UInt8]])
    func `has no malformed headers: the record is refused, and the transaction goes on after its abort`(block: [UInt8]) throws {
        let transactor = try Transactor(Cluster())
        defer { transactor.destroy() }
        try transactor.producer.begin()
        let error = caught { () throws(KafkaError) in
            try transactor.producer.produce(transactor.topic, partition: 0, keyBytes: nil, valueBytes: [1], headerBytes: block, timestamp: nil)
        }
        #expect(error?.name == "_INVALID_ARG")
        #expect(error?.reaction == .abort)
        try transactor.producer.abort(timeoutMilliseconds: 30_000)
        try transactor.transact("next")
        #expect(try transactor.cluster.records().map(\.value) == ["next"])
    }

    @Test func `is in a transaction: a record outside of one, or one that is too large, is refused`() throws {
        let cluster = try Cluster()
        defer { cluster.stop() }
        let producer = try cluster.producer("id", [("message.max.bytes", "1000")])
        defer { producer.destroy() }
        let topic = try producer.register(topic: Cluster.topic)
        #expect(caught { () throws(KafkaError) in try producer.produce(topic, "v") }?.name == "_STATE")
        try producer.begin()
        let error = caught { () throws(KafkaError) in try producer.produce(topic, String(repeating: "x", count: 1_001)) }
        #expect(error?.name == "MSG_SIZE_TOO_LARGE")
        #expect(error?.reaction == .abort)
        try producer.abort(timeoutMilliseconds: 30_000)
    }

    @Test func `is queued in a queue smaller than itself`() throws {
        let cluster = try Cluster()
        defer { cluster.stop() }
        let producer = try cluster.producer("id", [("queue.buffering.max.messages", "10")])
        defer { producer.destroy() }
        let topic = try producer.register(topic: Cluster.topic)
        try producer.begin()
        for number in 0..<500 { try producer.produce(topic, "\(number)") }
        try producer.commit(timeoutMilliseconds: 30_000)
        #expect(try cluster.records().map(\.value) == (0..<500).map { "\($0)" })
    }

    @Test func `goes through the topic's one registration`() throws {
        let cluster = try Cluster()
        defer { cluster.stop() }
        let producer = try cluster.producer()
        defer { producer.destroy() }
        try cluster.broker.createTopic("u", partitions: 1)
        let first = try producer.register(topic: Cluster.topic), other = try producer.register(topic: "u")
        let again = try producer.register(topic: Cluster.topic)
        try producer.begin()
        try producer.produce(again, "t")
        try producer.produce(other, "u")
        try producer.produce(first, "t")
        try producer.commit(timeoutMilliseconds: 30_000)
        #expect(try cluster.records().map(\.value) == ["t", "t"])
        #expect(caught { () throws(KafkaError) in _ = try producer.register(topic: String(repeating: "x", count: 600)) } != nil)
    }
}

@Suite(.makesClients) struct `A plain producer` {
    @Test func `delivers single records and many at once, in order`() throws {
        let cluster = try Cluster()
        defer { cluster.stop() }
        let producer = try cluster.plainProducer()
        defer { producer.destroy() }
        let topic = try producer.register(topic: Cluster.topic)
        try producer.produce(topic, partition: 0, key: "k", value: "first", timestamp: 1)
        let key = Array("key".utf8), value = Array("value".utf8)
        try key.withUnsafeBytes { key in
            try value.withUnsafeBytes { value in
                let records = [
                    OutgoingRecord(value: value, key: key, timestamp: 2, partition: 0), OutgoingRecord(value: nil, key: key, timestamp: 3, partition: 0),
                    OutgoingRecord(value: UnsafeRawBufferPointer(start: nil, count: 0), key: nil, timestamp: 4, partition: 0),
                ]
                try records.withUnsafeBufferPointer { try producer.produce(topic, $0) }
            }
        }
        try producer.produce(topic, partition: 0, key: nil, value: nil, timestamp: 5)
        try producer.flush(timeoutMilliseconds: 30_000)
        let records = try cluster.records()
        #expect(records.map(\.value) == ["first", "value", nil, "", nil])
        #expect(records.map(\.key) == ["k", "key", "key", nil, nil])
        #expect(records.map(\.timestamp) == [1, 2, 3, 4, 5])
    }

    @Test func `stamps a record with the present time unless it is told one`() throws {
        let cluster = try Cluster()
        defer { cluster.stop() }
        let producer = try cluster.plainProducer()
        defer { producer.destroy() }
        let topic = try producer.register(topic: Cluster.topic)
        for _ in 0..<2 { try producer.produce(topic, partition: 0, key: nil, value: "v") }
        try producer.flush(timeoutMilliseconds: 30_000)
        let times = try cluster.records().map(\.timestamp)
        #expect(times[0] > 1_700_000_000_000)
        #expect(times[0] <= times[1])
    }

    @Test func `tells at the flush how many records failed, once`() throws {
        let cluster = try Cluster()
        defer { cluster.stop() }
        // One request a record, one after the other.
        let producer = try PlainProducer(properties: cluster.properties([("batch.num.messages", "1")]))
        defer { producer.destroy() }
        let topic = try producer.register(topic: Cluster.topic)
        cluster.broker.failNext(.produce, codes: [10])
        try producer.produce(topic, partition: 1, key: nil, value: "too large, says the broker")
        let error = caught { () throws(KafkaError) in try producer.flush(timeoutMilliseconds: 30_000) }
        #expect(error?.message.hasPrefix("1 records not delivered: ") == true)
        #expect(error?.name == "MSG_SIZE_TOO_LARGE")
        #expect(error?.partition == 1)
        try producer.flush(timeoutMilliseconds: 30_000)
    }

    @Test func `does not wait at the flush for a broker that is down longer than it was told`() throws {
        let cluster = try Cluster()
        defer { cluster.stop() }
        let producer = try cluster.plainProducer()
        defer { producer.destroy() }
        let topic = try producer.register(topic: Cluster.topic)
        try cluster.broker.setUp(false)
        try producer.produce(topic, partition: 0, key: nil, value: "kept")
        #expect(caught { () throws(KafkaError) in try producer.flush(timeoutMilliseconds: 50) }?.isTimedOut == true)
        try cluster.broker.setUp(true)
        try producer.flush(timeoutMilliseconds: 30_000)
        #expect(try cluster.records().map(\.value) == ["kept"])
    }
}

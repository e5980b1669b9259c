import Kafka
import Synchronization
import Testing

@Suite(.makesClients) struct `A client's end` {
    @Test func `comes with a transaction that is open, in doubt or aborted`() throws {
        let transactor = try Transactor(Cluster())
        defer { transactor.destroy() }
        let producers = try (0..<3).map { try transactor.cluster.producer("id\($0)") }
        for producer in producers {
            try producer.begin()
            try producer.produce(producer.register(topic: Cluster.topic), "open")
        }
        try transactor.cluster.broker.setRoundTrip(milliseconds: 1_000)
        #expect(caught { () throws(KafkaError) in try producers[1].commit(timeoutMilliseconds: 20) }?.reaction == .retry)
        try transactor.cluster.broker.setRoundTrip(milliseconds: 0)
        try producers[2].abort(timeoutMilliseconds: 30_000)
        for producer in producers {
            #expect(producer.destroy())
            #expect(producer.destroy())
        }
    }

    @Test func `comes with records that no broker takes`() throws {
        let cluster = try Cluster()
        defer { cluster.stop() }
        let transactional = try cluster.producer(), plain = try cluster.plainProducer()
        try cluster.broker.setUp(false)
        try transactional.begin()
        try transactional.produce(transactional.register(topic: Cluster.topic), "lost")
        try plain.produce(plain.register(topic: Cluster.topic), partition: 0, key: nil, value: "lost")
        #expect(transactional.destroy())
        #expect(plain.destroy())
    }

    @Test func `comes after that of its brokers`() throws {
        let cluster = try Cluster()
        let producer = try cluster.producer(), consumer = try cluster.consumer(), admin = try Admin(properties: cluster.properties())
        try admin.checkReachable(timeoutMilliseconds: 30_000)
        try consumer.subscribe(Cluster.topic)
        try producer.begin()
        cluster.stop()
        #expect(cluster.broker.bootstrapServers.isEmpty)
        cluster.stop()
        #expect(consumer.close())
        #expect(producer.destroy())
        #expect(admin.destroy())
    }

    @Test func `comes by itself for one that nobody ended`() throws {
        let cluster = try Cluster()
        defer { cluster.stop() }
        do {
            let producer = try cluster.producer()
            try producer.begin()
            try producer.produce(producer.register(topic: Cluster.topic), "open")
            let consumer = try cluster.consumer()
            try consumer.read(Cluster.topic, from: [(partition: 0, offset: 0)])
            let plain = try cluster.plainProducer()
            try plain.produce(plain.register(topic: Cluster.topic), partition: 0, key: nil, value: "open")
            _ = try Admin(properties: cluster.properties())
        }
        let next = try cluster.producer()
        #expect(next.destroy())
    }

    @Test func `leaves the consumer's group metadata to their owner`() throws {
        let cluster = try Cluster()
        defer { cluster.stop() }
        let consumer = try cluster.consumer()
        let group = consumer.groupMetadata()
        #expect(consumer.close())
        let producer = try cluster.producer()
        defer { producer.destroy() }
        try producer.begin()
        try producer.sendOffsets(
            [(partition: 0, offset: 1, metadata: "")], topic: Cluster.topic, group: group, timeoutMilliseconds: 30_000)
        try producer.commit(timeoutMilliseconds: 30_000)
    }

    @Test func `is no end of others: a successor with the same id goes on`() throws {
        let cluster = try Cluster()
        defer { cluster.stop() }
        for number in 0..<5 {
            let producer = try cluster.producer()
            try producer.begin()
            try producer.produce(producer.register(topic: Cluster.topic), "\(number)")
            try producer.commit(timeoutMilliseconds: 30_000)
            #expect(producer.destroy())
        }
        #expect(try cluster.records().map(\.value) == ["0", "1", "2", "3", "4"])
    }
}

@Suite(.makesClients) struct `A client's log` {
    @Test func `goes to the handler, named after the client, from any thread`() throws {
        let lines = Mutex<[KafkaLogLine]>([])
        let admin = try Admin(properties: KafkaProperties([("bootstrap.servers", "127.0.0.1:1"), ("client.id", "who")])) { line in
            lines.withLock { $0.append(line) }
        }
        // A busy machine may not have tried to connect within one call.
        for _ in 0..<100 where !lines.withLock({ $0.contains { $0.facility == "FAIL" } }) {
            #expect(throws: KafkaError.self) { try admin.checkReachable(timeoutMilliseconds: 200) }
        }
        #expect(admin.destroy())
        let found = lines.withLock { $0 }
        #expect(found.contains { $0.client.hasPrefix("who#producer-") && $0.facility == "FAIL" && $0.message.contains("127.0.0.1:1") })
        #expect(found.allSatisfy { (0...7).contains($0.level) })
    }
}

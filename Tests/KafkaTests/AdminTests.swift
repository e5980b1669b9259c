import Testing

@testable import Kafka

@Suite(.makesClients) struct `Asking a cluster about itself` {
    @Test func `a broker that answers is reachable, and knows its topics`() throws {
        let cluster = try Cluster(partitions: 3)
        defer { cluster.stop() }
        let admin = try Admin(properties: cluster.properties())
        defer { admin.destroy() }
        try admin.checkReachable(timeoutMilliseconds: 30_000)
        #expect(try admin.partitionCount(of: Cluster.topic, timeoutMilliseconds: 30_000) == 3)
        #expect(try admin.brokers(timeoutMilliseconds: 30_000) == [1])
        try cluster.broker.createTopic("another", partitions: 1)
        #expect(try admin.topics(timeoutMilliseconds: 30_000) == ["another", Cluster.topic])
        let whole = TopicDescription(partitionCount: 3, replicaCount: 1, inSyncCount: 1, leaderlessCount: 0)
        #expect(try admin.topic(Cluster.topic, timeoutMilliseconds: 30_000) == whole)
    }

    @Test func `a topic that does not exist has no partitions, and asking does not create it`() throws {
        let broker = try ScriptedBroker([])
        defer { broker.stop() }
        let admin = try broker.admin()
        defer { admin.destroy() }
        #expect(try admin.partitionCount(of: "absent", timeoutMilliseconds: 30_000) == nil)
        #expect(try admin.topic("absent", timeoutMilliseconds: 30_000) == nil)
        let questions = broker.requests(of: 3)
        #expect(!questions.isEmpty)
        // The last byte allows the broker to create what it does not know.
        #expect(questions.allSatisfy { $0.last == 0 })
    }

    @Test func `nobody at the address is an error that names address and reason, within the timeout`() throws {
        let admin = try Admin(properties: KafkaProperties([("bootstrap.servers", "127.0.0.1:1")]))
        defer { admin.destroy() }
        // The reason is known once a connection has been tried, for which a busy machine may take longer than one call.
        var isNamed = false
        for _ in 0..<100 where !isNamed {
            let error = #expect(throws: KafkaError.self) { try admin.checkReachable(timeoutMilliseconds: 200) }
            #expect(error?.message.hasPrefix("no Kafka broker answers at 127.0.0.1:1: ") == true)
            #expect(error?.isRetriable == true)
            #expect(error?.isFatal == false)
            isNamed = error?.message.contains("Connect") == true
        }
        #expect(isNamed)
        #expect(throws: KafkaError.self) { try admin.partitionCount(of: "t", timeoutMilliseconds: 200) }
    }

    @Test func `a request to nobody ends with its timeout`() throws {
        let admin = try Admin(properties: KafkaProperties([("bootstrap.servers", "127.0.0.1:1")]))
        defer { admin.destroy() }
        for call in [
            { _ = try admin.createTopics([NewTopic(name: "t", partitionCount: 1)], timeoutMilliseconds: 200) },
            { try admin.deleteTopics(["t"], timeoutMilliseconds: 200) },
            { _ = try admin.configuration(ofTopic: "t", timeoutMilliseconds: 200) },
            { _ = try admin.group("g", timeoutMilliseconds: 200) },
        ] {
            let error = #expect(throws: KafkaError.self) { try call() }
            #expect(error?.isTimedOut == true, "\(String(describing: error))")
        }
    }

    @Test func `a request that the broker does not know is unsupported, at once`() throws {
        let broker = try ScriptedBroker([])
        defer { broker.stop() }
        let admin = try broker.admin()
        defer { admin.destroy() }
        let description = #expect(throws: KafkaError.self) { try admin.configuration(ofTopic: Cluster.topic, timeoutMilliseconds: 30_000) }
        #expect(description?.isUnsupported == true)
        let creation = #expect(throws: KafkaError.self) {
            try admin.createTopics([NewTopic(name: "new", partitionCount: 1)], timeoutMilliseconds: 30_000)
        }
        #expect(creation?.isUnsupported == true)
        try admin.checkReachable(timeoutMilliseconds: 30_000)
    }

    @Test func `an admin client needs an address`() {
        let error = #expect(throws: KafkaError.self) { try Admin(properties: KafkaProperties()) }
        #expect(error?.message == "an admin client needs bootstrap.servers")
    }

    @Test func `a topic name that no broker takes is refused`() throws {
        let admin = try Admin(properties: KafkaProperties([("bootstrap.servers", "127.0.0.1:1")]))
        defer { admin.destroy() }
        let error = #expect(throws: KafkaError.self) {
            try admin.partitionCount(of: String(repeating: "a", count: 600), timeoutMilliseconds: 30_000)
        }
        #expect(error?.message.hasPrefix("bad topic name: ") == true)
    }
}

@Suite(.makesClients) struct `Administration of topics and groups` {
    private func creation(_ topics: [(name: String, code: Int16, text: String?)]) -> ScriptedBroker.Answer {
        let list = topics.map { [Field.text($0.name), .int16($0.code), $0.text.map { .text($0) } ?? .null] }
        return ScriptedBroker.Answer(request: 19, version: 4, fields: [.int32(0), .list(list)])
    }

    @Test func `topics that exist already are named, not an error`() throws {
        let broker = try ScriptedBroker([creation([("new", 0, nil), ("old", 36, "exists")])])
        defer { broker.stop() }
        let admin = try broker.admin()
        defer { admin.destroy() }
        let topics = ["new", "old"].map { NewTopic(name: $0, partitionCount: 12, configuration: [("retention.ms", "86400000")]) }
        #expect(try admin.createTopics(topics, timeoutMilliseconds: 30_000) == ["old"])
    }

    @Test func `a topic that cannot be created is an error with its name and the broker's text`() throws {
        let broker = try ScriptedBroker([creation([("old", 36, nil), ("bad", 37, "0 partitions make no topic")])])
        defer { broker.stop() }
        let admin = try broker.admin()
        defer { admin.destroy() }
        let error = #expect(throws: KafkaError.self) {
            try admin.createTopics(["old", "bad"].map { NewTopic(name: $0, partitionCount: 1) }, timeoutMilliseconds: 30_000)
        }
        #expect(error?.message == "create the topic bad: 0 partitions make no topic")
        #expect(error?.name == "INVALID_PARTITIONS")
    }

    @Test func `a topic without a possible number of partitions is refused before the broker is asked`() throws {
        let broker = try ScriptedBroker([])
        defer { broker.stop() }
        let admin = try broker.admin()
        defer { admin.destroy() }
        let error = #expect(throws: KafkaError.self) {
            try admin.createTopics([NewTopic(name: "t", partitionCount: 1_000_000)], timeoutMilliseconds: 30_000)
        }
        #expect(error?.message.hasPrefix("topic t: ") == true)
    }

    @Test func `deleting what is not there succeeds, deleting what may not be deleted fails`() throws {
        for (code, isRefused) in [(0, false), (3, false), (29, true), (73, true)] as [(Int16, Bool)] {
            let broker = try ScriptedBroker([
                ScriptedBroker.Answer(request: 20, version: 1, fields: [.int32(0), .list([[.text("t"), .int16(code)]])])
            ])
            defer { broker.stop() }
            let admin = try broker.admin()
            defer { admin.destroy() }
            if isRefused {
                let error = #expect(throws: KafkaError.self) { try admin.deleteTopics(["t"], timeoutMilliseconds: 30_000) }
                #expect(error?.message.hasPrefix("delete the topic t: ") == true)
                #expect(error?.code == Int32(code))
            } else {
                try admin.deleteTopics(["t"], timeoutMilliseconds: 30_000)
            }
        }
    }

    private func description(
        _ code: Int16, _ text: String?, _ entries: [(String, String?)], of asked: AdminResource = .topic("t")
    ) -> ScriptedBroker.Answer {
        let list = entries.map { entry in
            [Field.text(entry.0), entry.1.map { .text($0) } ?? .null, .int8(0), .int8(5), .int8(0), .list([])]
        }
        let (kind, name): (Int8, String) =
            switch asked {
            case .topic(let name): (2, name)
            case .broker(let id): (4, "\(id)")
            }
        let resource: [Field] = [.int16(code), text.map { .text($0) } ?? .null, .int8(kind), .text(name), .list(list)]
        return ScriptedBroker.Answer(request: 32, version: 1, fields: [.int32(0), .list([resource])])
    }

    @Test func `a topic's properties are read`() throws {
        let broker = try ScriptedBroker([
            description(
                0, nil,
                [
                    ("cleanup.policy", "compact,delete"), ("retention.ms", "-1"), ("max.message.bytes", "1048588"),
                    ("follower.replication.throttled.replicas", nil),
                ])
        ])
        defer { broker.stop() }
        let admin = try broker.admin()
        defer { admin.destroy() }
        let configuration = try admin.configuration(ofTopic: "t", timeoutMilliseconds: 30_000)
        #expect(configuration.cleanupPolicy == "compact,delete")
        #expect(configuration.retentionMilliseconds == -1)
        #expect(configuration.maxMessageBytes == 1_048_588)
    }

    @Test func `all properties of a topic or a broker are told in Kafka's words`() throws {
        for resource in [AdminResource.topic("t"), .broker(1)] {
            let broker = try ScriptedBroker([description(0, nil, [("min.insync.replicas", "2"), ("absent", nil)], of: resource)])
            defer { broker.stop() }
            let admin = try broker.admin()
            defer { admin.destroy() }
            let properties = try admin.properties(of: resource, timeoutMilliseconds: 30_000)
            #expect(properties.entries.map { "\($0.key)=\($0.value)" } == ["min.insync.replicas=2"])
        }
    }

    @Test func `a topic's properties that are refused or missing are an error`() throws {
        for (answer, isUnauthorized) in [
            (description(29, "no right", []), true), (description(0, nil, [("cleanup.policy", "delete"), ("max.message.bytes", "1")]), false),
        ] {
            let broker = try ScriptedBroker([answer])
            defer { broker.stop() }
            let admin = try broker.admin()
            defer { admin.destroy() }
            let error = #expect(throws: KafkaError.self) { try admin.configuration(ofTopic: "t", timeoutMilliseconds: 30_000) }
            #expect(error?.isUnauthorized == isUnauthorized)
            #expect(error?.message == (isUnauthorized ? "no right" : "the cluster did not tell retention.ms of the topic t"))
        }
    }

    @Test func `a group is described by its state and members; a dead or unknown one does not exist`() throws {
        let member: [Field] = [.text("m"), .text("c"), .text("/127.0.0.1"), .bytes([]), .bytes([])]
        for (state, members, expected) in [
            (
                "Stable", [member, member],
                GroupDescription(state: "Stable", members: Array(repeating: GroupMember(id: "m", host: "/127.0.0.1"), count: 2))
            ), ("Empty", [], GroupDescription(state: "Empty", members: [])),
            ("Dead", [], nil),
        ] as [(String, [[Field]], GroupDescription?)] {
            let group: [Field] = [.int16(0), .text("g"), .text(state), .text("consumer"), .text("range"), .list(members)]
            let broker = try ScriptedBroker([
                ScriptedBroker.Answer(request: 16, version: 0, fields: [.int16(0), .list([[.text("g"), .text("consumer")]])]),
                ScriptedBroker.Answer(request: 15, version: 0, fields: [.list([group])]),
            ])
            defer { broker.stop() }
            let admin = try broker.admin()
            defer { admin.destroy() }
            #expect(try admin.group("g", timeoutMilliseconds: 30_000) == expected)
            #expect(try admin.group("another", timeoutMilliseconds: 30_000) == nil)
        }
    }
}

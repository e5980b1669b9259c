import Testing

@testable import Kafka

private let strategy = "partition.assignment.strategy"

@Suite struct `The cooperative assignor` {
    @Test(arguments: [(0x0200_02ff, "2.0.2"), (0x0209_00ff, "2.9.0"), (0x020a_00ff, "2.10.0")])
    func `is refused below librdkafka 2.10.1, with the version found and the one needed`(version: Int32, name: String) {
        #expect(
            KafkaProperties.reservedViolation(key: strategy, value: "cooperative-sticky", librdkafka: version)
                == "partition.assignment.strategy=cooperative-sticky is refused: it takes librdkafka 2.10.1 or later, and this one is \(name); "
                + "install a later one, or use roundrobin or range")
    }

    @Test(arguments: [0x020a_01ff, 0x020c_01ff, 0x0300_00ff] as [Int32])
    func `passes from librdkafka 2.10.1 on`(version: Int32) {
        #expect(KafkaProperties.reservedViolation(key: strategy, value: "cooperative-sticky", librdkafka: version) == nil)
        #expect(KafkaProperties.reservedViolation(key: strategy, value: " cooperative-sticky ", librdkafka: version) == nil)
    }

    @Test(arguments: ["range,cooperative-sticky", "cooperative-sticky, roundrobin"], [0x0200_02ff, 0x020c_01ff] as [Int32])
    func `beside another one is refused by every librdkafka`(value: String, version: Int32) {
        #expect(
            KafkaProperties.reservedViolation(key: strategy, value: value, librdkafka: version)
                == "partition.assignment.strategy=\(value) is refused: a group hands partitions over one by one or all at once, not both; "
                + "use cooperative-sticky alone, or roundrobin and range")
    }

    @Test(arguments: ["roundrobin", "range", "roundrobin,range"]) func `is nothing that others need a version for`(value: String) {
        #expect(KafkaProperties.reservedViolation(key: strategy, value: value, librdkafka: 0x0200_02ff) == nil)
    }
}

@Suite struct `What a group has given` {
    @Test func `is told as it comes under the eager protocol`() {
        var share = GroupShare(isIncremental: false)
        #expect(share.given([2, 0], isClosing: false) == [.assigned([2, 0])])
        #expect(share.taken([2, 0], isLost: true) == [.revoked([2, 0], lost: true)])
        #expect(share.given([], isClosing: false) == [.assigned([])])
        #expect(share.taken([], isLost: false) == [.revoked([], lost: false)])
    }

    @Test func `is told as a whole under the cooperative one, where a part comes, goes, or nothing changes`() {
        var share = GroupShare(isIncremental: true)
        #expect(share.given([3, 1], isClosing: false) == [.assigned([1, 3])])
        #expect(share.given([2], isClosing: false) == [.revoked([1, 3], lost: false), .assigned([1, 2, 3])])
        #expect(share.given([], isClosing: false) == [.revoked([1, 2, 3], lost: false), .assigned([1, 2, 3])])
        #expect(share.taken([1, 2], isLost: false) == [.revoked([1, 2, 3], lost: false)])
        #expect(share.given([], isClosing: false) == [.assigned([3])])
        #expect(share.taken([3], isLost: false) == [.revoked([3], lost: false)])
        #expect(share.given([], isClosing: false) == [.assigned([])])
    }

    @Test func `is gone with all that was kept when it is lost`() {
        var share = GroupShare(isIncremental: true)
        _ = share.given([0, 1], isClosing: false)
        #expect(share.taken([1], isLost: false) == [.revoked([0, 1], lost: false)])
        // Between the two callbacks of one rebalance nothing is held, but that it is lost must be known.
        #expect(share.taken([0], isLost: true) == [.revoked([0], lost: true)])
        #expect(share.given([0], isClosing: false) == [.assigned([0])])
        #expect(share.taken([], isLost: true) == [.revoked([0], lost: true)])
        #expect(share.partitions == [])
    }

    @Test func `is given up, and nothing taken on, by a member that closes`() {
        var share = GroupShare(isIncremental: true)
        _ = share.given([0], isClosing: false)
        #expect(share.given([1], isClosing: true) == [.revoked([0], lost: false)])
        #expect(share.taken([0, 1], isLost: false) == [])
    }
}

/// A member that reads all of its partitions from offset 0, whenever it is given any, and notes what it is told.
private final class Member {
    let consumer: Consumer
    private(set) var events: [RebalanceEvent] = []
    private(set) var failures: [KafkaError] = []
    private var batch = RecordBatch(capacity: 100)
    private(set) var received: [Int32: [Int64]] = [:]

    init(_ cluster: Cluster, assignor: String = "cooperative-sticky", others: [(key: String, value: String)] = []) throws {
        consumer = try cluster.consumer(group: "g", [(strategy, assignor), ("heartbeat.interval.ms", "50")] + others)
        consumer.onRebalance = { [unowned self] event in
            events.append(event)
            read()
        }
        try consumer.subscribe(Cluster.topic)
    }

    private func read() {
        do throws(KafkaError) {
            if let held { try consumer.assign(held.map { (partition: $0, offset: 0) }) } else { try consumer.unassign() }
        } catch {
            failures.append(error)
        }
    }

    var held: [Int32]? {
        guard case .assigned(let partitions)? = events.last else { return nil }
        return partitions
    }

    /// Polls once. What came in a call with a callback may be of the assignment before it, or already of the new one: it is read again.
    func turn() {
        let before = events.count
        consumer.poll(into: &batch, timeoutMilliseconds: 10)
        if events.count > before {
            received = [:]
            if held != nil { read() }
        } else {
            for record in batch.records { received[record.partition, default: []].append(record.offset) }
        }
        batch.destroy()
    }

    func close() -> Bool {
        batch.destroy()
        return consumer.close()
    }
}

private func turn(_ members: [Member], sourceLocation: SourceLocation = #_sourceLocation, until condition: () -> Bool) {
    for _ in 0..<3_000 where !condition() { for member in members { member.turn() } }
    #expect(condition(), "\(members.map(\.events))", sourceLocation: sourceLocation)
}

/// A cluster with four partitions of three records.
private func filledCluster() throws -> Cluster {
    let cluster = try Cluster(partitions: 4)
    let producer = try cluster.plainProducer()
    defer { producer.destroy() }
    let topic = try producer.register(topic: Cluster.topic)
    for partition in 0..<4 as Range<Int32> { for _ in 0..<3 { try producer.produce(topic, partition: partition, key: nil, value: "v") } }
    try producer.flush(timeoutMilliseconds: 30_000)
    return cluster
}

@Suite(.makesClients) struct `A cooperative member` {
    @Test func `keeps its partitions but those that another gets, gets them back, and reads each from where it is told`() throws {
        let cluster = try filledCluster()
        defer { cluster.stop() }
        let first = try Member(cluster)
        turn([first]) { first.received.count == 4 && first.received.values.allSatisfy { $0 == [0, 1, 2] } }
        #expect(first.events == [.assigned([0, 1, 2, 3])])

        let second = try Member(cluster)
        turn([first, second]) { first.held?.count == 2 && second.held?.count == 2 }
        let (kept, moved) = (try #require(first.held), try #require(second.held))
        #expect((kept + moved).sorted() == [0, 1, 2, 3])
        for member in [first, second] { turn([first, second]) { member.held.map { Set(member.received.keys) == Set($0) } == true } }
        for member in [first, second] { turn([first, second]) { member.received.values.allSatisfy { $0 == [0, 1, 2] } } }

        #expect(second.close())
        #expect(second.events.last == .revoked(moved, lost: false))
        turn([first]) { first.held == [0, 1, 2, 3] }
        turn([first]) { first.received.count == 4 && first.received.values.allSatisfy { $0 == [0, 1, 2] } }
        #expect(first.close())
        #expect(first.events.last == .revoked([0, 1, 2, 3], lost: false))
        #expect(first.failures == [] && second.failures == [])
    }

    @Test func `that the group has forgotten loses all, and gets it again`() throws {
        let cluster = try filledCluster()
        defer { cluster.stop() }
        let member = try Member(cluster)
        turn([member]) { member.held != nil }
        // UNKNOWN_MEMBER_ID
        cluster.broker.failNext(.heartbeat, codes: [25])
        turn([member]) { member.events.contains(.revoked([0, 1, 2, 3], lost: true)) && member.held == [0, 1, 2, 3] }
        turn([member]) { member.received.count == 4 }
        let captured = member.consumer.groupMetadata()
        #expect(member.consumer.renewed(captured) !== captured)
        #expect(member.close())
        #expect(member.consumer.renewed(captured) === captured)
        #expect(member.failures == [])
    }

    /// librdkafka joins anew, with what it holds, and says nothing.
    @Test func `that the group took for a new one holds nothing, and says that it is to be given up`() throws {
        let cluster = try filledCluster()
        defer { cluster.stop() }
        let member = try Member(cluster, others: [("group.instance.id", "i")])
        turn([member]) { member.held != nil }
        // REBALANCE_IN_PROGRESS, then UNKNOWN_MEMBER_ID
        cluster.broker.failNext(.joinGroup, codes: [25])
        cluster.broker.failNext(.heartbeat, codes: [27])
        turn([member]) { member.events.count > 1 }
        #expect(member.events == [.assigned([0, 1, 2, 3]), .revoked([0, 1, 2, 3], lost: true)])
        #expect(member.consumer.reading == [])
        var errors: [KafkaError] = []
        while let error = member.consumer.nextError() { errors.append(error) }
        #expect(errors.contains { $0.isFenced })
        #expect(member.close())
    }

    @Test func `changes what it reads at any time, unless a rebalance is under way: then the callback does`() throws {
        let cluster = try filledCluster()
        defer { cluster.stop() }
        let first = try Member(cluster)
        turn([first]) { first.received.count == 4 }
        for round in 0..<100 { try first.consumer.assign(round % 2 == 0 ? [] : [(partition: 1, offset: 0), (partition: 2, offset: 1)]) }
        try first.consumer.assign([(partition: 1, offset: 2)])
        #expect(receive(1, from: first.consumer).map(\.partition) == [1])

        let second = try Member(cluster)
        for _ in 0..<3_000 where !first.consumer.hasGroupMoved { second.turn() }
        #expect(first.consumer.hasGroupMoved)
        #expect(first.events.count == 1)
        try first.consumer.assign([(partition: 1, offset: 0), (partition: 3, offset: 0)])
        #expect(first.consumer.isDeferred)
        #expect(first.consumer.reading == [1])
        // As long as nobody answers, nothing moves on.
        for _ in 0..<20 { second.turn() }
        #expect(second.held == nil || second.held == [])
        turn([first, second]) { first.held?.count == 2 && second.held?.count == 2 }
        #expect(!first.consumer.isDeferred)
        #expect(first.close() && second.close())
        #expect(first.failures == [] && second.failures == [])
    }

    @Test func `answers for itself where nobody handles the callbacks`() throws {
        let cluster = try filledCluster()
        defer { cluster.stop() }
        let member = try Member(cluster)
        member.consumer.onRebalance = nil
        poll(member.consumer) { !member.consumer.share.partitions.isEmpty }
        #expect(member.consumer.reading == [])
        #expect(member.consumer.fatalError == nil)
        #expect(member.close())
    }

    @Test func `has a membership of this moment, an eager one that of its assignment only`() throws {
        let cluster = try filledCluster()
        defer { cluster.stop() }
        for (assignor, isRenewed) in [("cooperative-sticky", true), ("roundrobin", false)] {
            let member = try Member(cluster, assignor: assignor)
            let before = member.consumer.groupMetadata()
            #expect(before.generation == -1)
            turn([member]) { member.held != nil }
            let captured = member.consumer.groupMetadata()
            #expect(captured.generation.map { $0 >= 0 } == true)
            #expect((member.consumer.renewed(captured) !== captured) == isRenewed)
            // From before the group gave anything: whatever began since, nothing was joined with it in hand.
            #expect(member.consumer.renewed(before) === before)
            #expect(member.close())
        }
    }
}

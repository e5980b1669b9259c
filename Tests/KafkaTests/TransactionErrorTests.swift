import Kafka
import Testing

/// A request of a transaction that is refused once, and what the transaction's owner has to do: nil, where it hears nothing of it.
struct Refusal: Sendable, CustomTestStringConvertible {
    let request: EmbeddedBroker.Request
    let code: Int32
    let reaction: KafkaError.Reaction?
    var testDescription: String { "\(request) refused with \(code)" }

    init(_ request: EmbeddedBroker.Request, _ code: Int32, _ reaction: KafkaError.Reaction?) {
        self.request = request
        self.code = code
        self.reaction = reaction
    }

    /// The codes are Kafka's: 12 OFFSET_METADATA_TOO_LARGE, 14 COORDINATOR_LOAD_IN_PROGRESS, 15 COORDINATOR_NOT_AVAILABLE,
    /// 16 NOT_COORDINATOR, 22 ILLEGAL_GENERATION, 25 UNKNOWN_MEMBER_ID, 27 REBALANCE_IN_PROGRESS, 30 GROUP_AUTHORIZATION_FAILED,
    /// 47 INVALID_PRODUCER_EPOCH, 48 INVALID_TXN_STATE, 49 INVALID_PRODUCER_ID_MAPPING, 51 CONCURRENT_TRANSACTIONS,
    /// 82 FENCED_INSTANCE_ID, 90 PRODUCER_FENCED, 120 TRANSACTION_ABORTABLE.
    static let ofOffsets = [
        Refusal(.addOffsetsToTransaction, 14, nil), Refusal(.addOffsetsToTransaction, 16, nil), Refusal(.addOffsetsToTransaction, 51, nil),
        Refusal(.addOffsetsToTransaction, 30, .abort), Refusal(.addOffsetsToTransaction, 49, .abort), Refusal(.addOffsetsToTransaction, 120, .abort),
        Refusal(.addOffsetsToTransaction, 47, .leave), Refusal(.addOffsetsToTransaction, 90, .leave), Refusal(.addOffsetsToTransaction, 48, .replaceClient),
        Refusal(.transactionOffsetCommit, 14, nil), Refusal(.transactionOffsetCommit, 16, nil), Refusal(.transactionOffsetCommit, 51, nil),
        Refusal(.transactionOffsetCommit, 12, .abort), Refusal(.transactionOffsetCommit, 22, .abort), Refusal(.transactionOffsetCommit, 25, .abort),
        Refusal(.transactionOffsetCommit, 27, .abort), Refusal(.transactionOffsetCommit, 30, .abort), Refusal(.transactionOffsetCommit, 47, .leave),
        Refusal(.transactionOffsetCommit, 82, .leave), Refusal(.transactionOffsetCommit, 90, .leave),
    ]

    /// 6 NOT_LEADER, 10 MSG_SIZE_TOO_LARGE, 19 NOT_ENOUGH_REPLICAS, 29 TOPIC_AUTHORIZATION_FAILED, 45 OUT_OF_ORDER_SEQUENCE_NUMBER,
    /// 53 TRANSACTIONAL_ID_AUTHORIZATION_FAILED, 59 UNKNOWN_PRODUCER_ID.
    static let ofCommit = [
        Refusal(.addPartitionsToTransaction, 14, nil), Refusal(.addPartitionsToTransaction, 51, nil), Refusal(.addPartitionsToTransaction, 29, .abort),
        Refusal(.addPartitionsToTransaction, 90, .leave), Refusal(.addPartitionsToTransaction, 48, .replaceClient), Refusal(.produce, 6, nil),
        Refusal(.produce, 19, nil), Refusal(.produce, 10, .abort), Refusal(.produce, 29, .abort), Refusal(.produce, 49, .abort),
        Refusal(.produce, 59, .abort), Refusal(.produce, 45, .replaceClient), Refusal(.produce, 47, .leave), Refusal(.produce, 90, .leave),
        Refusal(.endTransaction, 14, nil), Refusal(.endTransaction, 15, nil), Refusal(.endTransaction, 16, nil), Refusal(.endTransaction, 51, nil),
        Refusal(.endTransaction, 49, .abort), Refusal(.endTransaction, 120, .abort), Refusal(.endTransaction, 48, .replaceClient),
        Refusal(.endTransaction, 53, .replaceClient), Refusal(.endTransaction, 47, .leave), Refusal(.endTransaction, 90, .leave),
    ]

    static let ofAbort = [
        Refusal(.endTransaction, 14, nil), Refusal(.endTransaction, 16, nil), Refusal(.endTransaction, 51, nil),
        Refusal(.endTransaction, 48, .replaceClient), Refusal(.endTransaction, 47, .leave), Refusal(.endTransaction, 90, .leave),
    ]

    static let ofStart = [
        Refusal(.findCoordinator, 15, nil), Refusal(.initProducerID, 14, nil), Refusal(.initProducerID, 16, nil), Refusal(.initProducerID, 51, nil),
        Refusal(.initProducerID, 53, .replaceClient), Refusal(.initProducerID, 47, .leave), Refusal(.initProducerID, 90, .leave),
    ]
}

/// A producer with its topic and a group's metadata.
struct Transactor {
    let cluster: Cluster
    let producer: TransactionalProducer
    let topic: OutputTopic
    let consumer: Consumer

    init(_ cluster: Cluster) throws {
        self.cluster = cluster
        producer = try cluster.producer()
        topic = try producer.register(topic: Cluster.topic)
        consumer = try cluster.consumer()
    }

    func destroy() {
        consumer.close()
        producer.destroy()
        cluster.stop()
    }

    func sendOffsets(timeoutMilliseconds: Int32 = 30_000) throws(KafkaError) {
        try producer.sendOffsets(
            [(partition: 0, offset: 7, metadata: "m")], topic: Cluster.topic, group: consumer.groupMetadata(),
            timeoutMilliseconds: timeoutMilliseconds)
    }

    /// One whole transaction with a record and an offset.
    func transact(_ value: String) throws(KafkaError) {
        try producer.begin()
        try producer.produce(topic, value)
        try sendOffsets()
        try producer.commit(timeoutMilliseconds: 30_000)
    }
}

@Suite(.makesClients) struct `What the owner of a transaction does about a refusal` {
    @Test(arguments: Refusal.ofOffsets) func `of its offsets`(refusal: Refusal) throws {
        let transactor = try Transactor(Cluster())
        defer { transactor.destroy() }
        try transactor.producer.begin()
        try transactor.producer.produce(transactor.topic, "refused")
        transactor.cluster.broker.failNext(refusal.request, codes: [refusal.code])
        let error = caught { () throws(KafkaError) in try transactor.sendOffsets() }
        #expect(error?.reaction == refusal.reaction, "\(String(describing: error))")
        if error == nil { try transactor.producer.commit(timeoutMilliseconds: 30_000) }
        try expectAftermath(transactor, error)
    }

    @Test(arguments: Refusal.ofCommit) func `of its records or its commit`(refusal: Refusal) throws {
        let transactor = try Transactor(Cluster())
        defer { transactor.destroy() }
        try transactor.producer.begin()
        transactor.cluster.broker.failNext(refusal.request, codes: [refusal.code])
        try transactor.producer.produce(transactor.topic, "refused")
        let error = caught { () throws(KafkaError) in try transactor.producer.commit(timeoutMilliseconds: 30_000) }
        #expect(error?.reaction == refusal.reaction, "\(String(describing: error))")
        try expectAftermath(transactor, error)
    }

    @Test(arguments: Refusal.ofAbort) func `of its abort`(refusal: Refusal) throws {
        let transactor = try Transactor(Cluster())
        defer { transactor.destroy() }
        try transactor.producer.begin()
        try transactor.producer.produce(transactor.topic, "aborted")
        try transactor.sendOffsets()
        transactor.cluster.broker.failNext(refusal.request, codes: [refusal.code])
        let error = caught { () throws(KafkaError) in try transactor.producer.abort(timeoutMilliseconds: 30_000) }
        #expect(error?.reaction == refusal.reaction, "\(String(describing: error))")
        try expectAftermath(transactor, error)
    }

    @Test(arguments: Refusal.ofStart) func `of its producer`(refusal: Refusal) throws {
        let cluster = try Cluster()
        defer { cluster.stop() }
        cluster.broker.failNext(refusal.request, codes: [refusal.code])
        let producer = try TransactionalProducer(properties: cluster.properties([("transactional.id", "id")]))
        defer { producer.destroy() }
        let error = caught { () throws(KafkaError) in try producer.initTransactions(timeoutMilliseconds: 30_000) }
        #expect(error?.reaction == refusal.reaction, "\(String(describing: error))")
        #expect(error?.isUnauthorized == (error == nil ? nil : refusal.code == 53))
    }

    /// After an abort the producer goes on; after a fatal error it is dead and a new one goes on; a healed refusal leaves no trace.
    private func expectAftermath(_ transactor: Transactor, _ error: KafkaError?) throws {
        switch error?.reaction {
        case nil: try transactor.transact("next")
        case .abort:
            try transactor.producer.abort(timeoutMilliseconds: 30_000)
            // A refused record leaves a gap in the sequence numbers: librdkafka notices at the next record or at the commit, and mends it by one abort more.
            if let second = caught({ () throws(KafkaError) in try transactor.transact("next") }) {
                // An unauthorized topic stays so until its metadata are asked for again.
                guard !second.isUnauthorized else { return #expect(second.reaction == .abort) }
                #expect(second.reaction == .abort)
                try transactor.producer.abort(timeoutMilliseconds: 30_000)
                try transactor.transact("next")
            }
            #expect(transactor.producer.destroy())
        case .replaceClient:
            let dead = caught { () throws(KafkaError) in try transactor.producer.abort(timeoutMilliseconds: 30_000) }
            #expect(dead?.reaction == .replaceClient)
            #expect(transactor.producer.destroy())
            let next = try transactor.cluster.producer()
            defer { next.destroy() }
            try next.begin()
            try next.produce(next.register(topic: Cluster.topic), "next")
            try next.commit(timeoutMilliseconds: 30_000)
        case .leave: return
        case .retry: Issue.record("made again within the call, and yet not done: \(String(describing: error))")
        }
        #expect(try transactor.cluster.records().last?.value == "next")
    }
}

/// What the call throws, or nil.
func caught(_ call: () throws(KafkaError) -> Void) -> KafkaError? {
    do throws(KafkaError) {
        try call()
        return nil
    } catch {
        return error
    }
}

import Kafka
import Testing

/// Answers that do not come in time: the outcome is open until the same call, made again, has answered.
@Suite(.makesClients) struct `A doubtful answer` {
    private enum Step: CaseIterable, Sendable {
        case offsets, commit, abort

        func run(_ transactor: Transactor, timeoutMilliseconds: Int32) throws(KafkaError) {
            switch self {
            case .offsets: try transactor.sendOffsets(timeoutMilliseconds: timeoutMilliseconds)
            case .commit: try transactor.producer.commit(timeoutMilliseconds: timeoutMilliseconds)
            case .abort: try transactor.producer.abort(timeoutMilliseconds: timeoutMilliseconds)
            }
        }
    }

    /// The transaction stands before the step.
    private func open(_ step: Step) throws -> Transactor {
        let transactor = try Transactor(Cluster())
        try transactor.transact("before")
        try transactor.producer.begin()
        try transactor.producer.produce(transactor.topic, "in doubt")
        if step != .offsets { try transactor.sendOffsets() }
        return transactor
    }

    /// Ends the transaction, if the step did not; what was committed stands once, and the producer goes on.
    private func finish(_ transactor: Transactor, _ step: Step) throws {
        if step == .offsets { try transactor.producer.commit(timeoutMilliseconds: 30_000) }
        try transactor.transact("after")
        let values = try transactor.cluster.records().map(\.value)
        // The mock cluster shows what was aborted too, if it was produced at all.
        let inDoubt = values.count { $0 == "in doubt" }
        #expect(step == .abort ? inDoubt <= 1 : inDoubt == 1, "\(values)")
        #expect(values.first == "before")
        #expect(values.last == "after")
    }

    @Test(arguments: Step.allCases) private func `that comes late is had by the same call again`(step: Step) throws {
        let transactor = try open(step)
        defer { transactor.destroy() }
        try transactor.cluster.broker.setRoundTrip(milliseconds: 1_000)
        let error = caught { () throws(KafkaError) in try step.run(transactor, timeoutMilliseconds: 50) }
        #expect(error?.reaction == .retry, "\(String(describing: error))")
        #expect(error?.isTimedOut == true)
        try transactor.cluster.broker.setRoundTrip(milliseconds: 0)
        try step.run(transactor, timeoutMilliseconds: 30_000)
        try finish(transactor, step)
    }

    @Test(arguments: Step.allCases) private func `for which the coordinator is not ready is had by the same call again`(step: Step) throws {
        let request: EmbeddedBroker.Request = step == .offsets ? .addOffsetsToTransaction : .endTransaction
        let transactor = try open(step)
        defer { transactor.destroy() }
        // COORDINATOR_LOAD_IN_PROGRESS: more often than the call may ask.
        transactor.cluster.broker.failNext(request, codes: Array(repeating: 14, count: 10_000))
        let error = caught { () throws(KafkaError) in try step.run(transactor, timeoutMilliseconds: 100) }
        #expect(error?.reaction == .retry, "\(String(describing: error))")
        transactor.cluster.broker.clearFailures(request)
        try step.run(transactor, timeoutMilliseconds: 30_000)
        try finish(transactor, step)
    }

    @Test func `for which the group's coordinator is not ready in time is an abort`() throws {
        let transactor = try open(.offsets)
        defer { transactor.destroy() }
        transactor.cluster.broker.failNext(.transactionOffsetCommit, codes: Array(repeating: 14, count: 10_000))
        let error = caught { () throws(KafkaError) in try transactor.sendOffsets(timeoutMilliseconds: 100) }
        #expect(error?.reaction == .abort, "\(String(describing: error))")
        transactor.cluster.broker.clearFailures(.transactionOffsetCommit)
        try transactor.producer.abort(timeoutMilliseconds: 30_000)
        try transactor.transact("after")
    }

    @Test(arguments: Step.allCases) private func `of a broker that went down is had by the same call when it is up again`(step: Step) throws {
        let transactor = try open(step)
        defer { transactor.destroy() }
        try transactor.cluster.broker.setUp(false)
        let error = caught { () throws(KafkaError) in try step.run(transactor, timeoutMilliseconds: 100) }
        #expect(error?.reaction == .retry, "\(String(describing: error))")
        try transactor.cluster.broker.setUp(true)
        try step.run(transactor, timeoutMilliseconds: 30_000)
        try finish(transactor, step)
    }

    @Test func `that never comes, of a group's coordinator that is away, is given up with its client`() throws {
        let cluster = try Cluster(brokers: 2)
        try cluster.broker.setCoordinator(ofTransactionalID: "id", broker: 1)
        try cluster.broker.setCoordinator(ofGroup: "g", broker: 2)
        let transactor = try Transactor(cluster)
        defer { transactor.destroy() }
        try transactor.transact("before")
        try transactor.producer.begin()
        try cluster.broker.setUp(false, broker: 2)
        let error = caught { () throws(KafkaError) in try transactor.sendOffsets(timeoutMilliseconds: 500) }
        #expect(error?.reaction == .replaceClient, "\(String(describing: error))")
        #expect(error?.message.contains("does not answer") == true, "\(String(describing: error))")
        #expect(caught { () throws(KafkaError) in try transactor.sendOffsets() } == error)
        #expect(!transactor.producer.destroy(), "the client is left behind")
        // Its answer comes with the connection, and it is buried then.
        try cluster.broker.setUp(true, broker: 2)
        let next = try cluster.producer()
        defer { next.destroy() }
        try next.begin()
        try next.sendOffsets(
            [(partition: 0, offset: 8, metadata: "")], topic: Cluster.topic, group: transactor.consumer.groupMetadata(), timeoutMilliseconds: 30_000)
        try next.commit(timeoutMilliseconds: 30_000)
    }

    @Test func `a producer that was given up in doubt is followed by one that goes on`() throws {
        let transactor = try open(.commit)
        defer { transactor.destroy() }
        try transactor.cluster.broker.setRoundTrip(milliseconds: 1_000)
        #expect(caught { () throws(KafkaError) in try transactor.producer.commit(timeoutMilliseconds: 50) }?.reaction == .retry)
        try transactor.cluster.broker.setRoundTrip(milliseconds: 0)
        #expect(transactor.producer.destroy())
        let next = try transactor.cluster.producer()
        defer { next.destroy() }
        try next.begin()
        try next.produce(next.register(topic: Cluster.topic), "after")
        try next.commit(timeoutMilliseconds: 30_000)
        #expect(try transactor.cluster.records().last?.value == "after")
    }

    @Test func `a cluster that is down at the start is waited for, call after call`() throws {
        let cluster = try Cluster()
        defer { cluster.stop() }
        try cluster.broker.setUp(false)
        let producer = try TransactionalProducer(properties: cluster.properties([("transactional.id", "id")]))
        defer { producer.destroy() }
        for _ in 0..<2 {
            let error = caught { () throws(KafkaError) in try producer.initTransactions(timeoutMilliseconds: 100) }
            #expect(error?.reaction == .retry, "\(String(describing: error))")
        }
        try cluster.broker.setUp(true)
        try producer.initTransactions(timeoutMilliseconds: 30_000)
    }
}

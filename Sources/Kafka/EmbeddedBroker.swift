internal import CRdKafka

/// librdkafka's mock cluster: brokers inside this process, for tests and demonstrations.
///
/// It proves reactions to errors, not exactly-once: transactional offsets are acknowledged and forgotten, aborted records stay
/// visible, nobody is fenced, and a fetch is not woken by a produce (set `fetch.wait.max.ms` low).
package final class EmbeddedBroker {
    private let client: ClientHandle
    private var cluster: OpaquePointer?

    /// Kafka's numbers of the requests that errors can be injected into.
    package enum Request: Int16, Sendable {
        case produce = 0
        case fetch = 1
        case listOffsets = 2
        case metadata = 3
        case offsetCommit = 8
        case offsetFetch = 9
        case findCoordinator = 10
        case joinGroup = 11
        case heartbeat = 12
        case initProducerID = 22
        case addPartitionsToTransaction = 24
        case addOffsetsToTransaction = 25
        case endTransaction = 26
        case transactionOffsetCommit = 28
    }

    package init(brokerCount: Int = 1) throws(KafkaError) {
        var configuration = Configuration()
        // The mock's answers leave through this client's sockets: with Nagle's algorithm each takes 40 ms.
        try configuration.set("socket.nagle.disable", "true")
        try configuration.set("log_level", "0")
        let events = ClientEvents(log: nil)
        events.register(in: configuration)
        client = try ClientHandle(RD_KAFKA_PRODUCER, configuration, events: events)
        guard let cluster = rd_kafka_mock_cluster_new(client.pointer, Int32(brokerCount)) else {
            throw KafkaError.invalid("the mock cluster did not start")
        }
        self.cluster = cluster
    }

    deinit {
        stop()
    }

    /// For `bootstrap.servers`; empty once stopped.
    package var bootstrapServers: String {
        guard let cluster, let text = rd_kafka_mock_cluster_bootstraps(cluster) else { return "" }
        return String(cString: text)
    }

    package func createTopic(_ name: String, partitions: Int32) throws(KafkaError) {
        guard let cluster else { return }
        try check(rd_kafka_mock_topic_create(cluster, name, partitions, 1), "create the topic \(name)")
    }

    /// The next requests of that kind fail with these codes (Kafka's numbers), one each, first in first out.
    package func failNext(_ request: Request, codes: [Int32]) {
        guard let cluster else { return }
        let errors = codes.map { rd_kafka_resp_err_t(rawValue: $0) }
        rd_kafka_mock_push_request_errors_array(cluster, request.rawValue, errors.count, errors)
    }

    /// Forgets failures that were not used up.
    package func clearFailures(_ request: Request) {
        guard let cluster else { return }
        rd_kafka_mock_clear_request_errors(cluster, request.rawValue)
    }

    /// Delays every answer of a broker; they are numbered from 1.
    package func setRoundTrip(milliseconds: Int32, broker: Int32 = 1) throws(KafkaError) {
        guard let cluster else { return }
        try check(rd_kafka_mock_broker_set_rtt(cluster, broker, milliseconds), "delay the broker \(broker)")
    }

    /// Takes a broker down (its connections break) or up again.
    package func setUp(_ isUp: Bool, broker: Int32 = 1) throws(KafkaError) {
        guard let cluster else { return }
        let code = isUp ? rd_kafka_mock_broker_set_up(cluster, broker) : rd_kafka_mock_broker_set_down(cluster, broker)
        try check(code, "switch the broker \(broker)")
    }

    /// Lets that broker coordinate the group.
    package func setCoordinator(ofGroup group: String, broker: Int32) throws(KafkaError) {
        guard let cluster else { return }
        try check(rd_kafka_mock_coordinator_set(cluster, "group", group, broker), "choose the coordinator of \(group)")
    }

    /// Lets that broker coordinate the transactions of a producer.
    package func setCoordinator(ofTransactionalID id: String, broker: Int32) throws(KafkaError) {
        guard let cluster else { return }
        try check(rd_kafka_mock_coordinator_set(cluster, "transaction", id, broker), "choose the coordinator of \(id)")
    }

    /// Ends the brokers. Does nothing the second time.
    package func stop() {
        guard let running = cluster else { return }
        cluster = nil
        rd_kafka_mock_cluster_destroy(running)
    }
}

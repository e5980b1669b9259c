internal import CRdKafka

/// Reads the partitions of one topic as a member of a consumer group, in batches.
///
/// Confined to one thread: every call, and every callback, happens on the thread that polls.
package final class Consumer {
    let client: ClientHandle
    private var queue: OpaquePointer?
    var topic: String?
    private(set) var isClosed = false
    /// What the group has given; incremental where the assignor is cooperative.
    var share: GroupShare
    /// What the rebalance callback that is running still has to be answered with.
    var awaited: RebalanceAnswer?
    /// Under the cooperative protocol: what is read, the member's id when that was given, its metadata in the last callback, and whether a change of what
    /// is read was left to the next one.
    var reading: [Int32] = []
    var memberID: String?
    var settled: GroupMetadata?
    var isDeferred = false

    /// Called inside `poll` and `close`. On `assigned` the handler calls `assign`; after `revoked` nothing is assigned, whether
    /// the handler calls `unassign` or not.
    package var onRebalance: ((RebalanceEvent) -> Void)?

    /// - Parameters:
    ///   - properties: laid over `defaults`; `bootstrap.servers` and `group.id` must be among them.
    ///   - log: takes librdkafka's log lines; without it they are dropped.
    ///   - reportsEnd: each time a partition is read to its end, `nextError` has an error with `isPartitionEnd`.
    /// - Throws: librdkafka's text for the first property it refuses.
    package init(properties: KafkaProperties, log: KafkaLogHandler? = nil, reportsEnd: Bool = false) throws(KafkaError) {
        guard properties.value(of: "group.id") != nil else { throw KafkaError.invalid("a consumer needs group.id") }
        var fixed = Consumer.fixed
        if reportsEnd { fixed.set("enable.partition.eof", "true") }
        let configuration = try Configuration(defaults: Consumer.defaults, properties: properties, fixed: fixed)
        share = GroupShare(isIncremental: Assignors(try configuration.value(of: Assignors.property)).isCooperative)
        let events = ClientEvents(log: log)
        events.register(in: configuration)
        configuration.withPointer { pointer in
            rd_kafka_conf_set_rebalance_cb(pointer, consumerRebalanced)
            rd_kafka_conf_set_stats_cb(pointer, consumerReported)
        }
        client = try ClientHandle(RD_KAFKA_CONSUMER, configuration, events: events)
        rd_kafka_poll_set_consumer(client.pointer)
        queue = rd_kafka_queue_get_consumer(client.pointer)
        // Unowned: the callback only runs inside this object's own `poll` and `close`.
        events.rebalance = { [unowned self] code, partitions in answerRebalance(code, partitions) }
    }

    deinit {
        destroyQueue()
        client.events.rebalance = nil
    }

    /// Joins the group and asks for the topic's partitions; they arrive through `onRebalance`.
    package func subscribe(_ topic: String) throws(KafkaError) {
        self.topic = topic
        let list = PartitionList(topic: topic, partitions: [RD_KAFKA_PARTITION_UA])
        try check(rd_kafka_subscribe(client.pointer, list.pointer), "subscribe to \(topic)")
    }

    /// Reads a topic from given offsets without joining the group. For tools and tests; not to be mixed with `subscribe`.
    package func read(_ topic: String, from offsets: [(partition: Int32, offset: Int64)]) throws(KafkaError) {
        self.topic = topic
        share = GroupShare(isIncremental: false)
        try assign(offsets)
    }

    /// Fills the batch with what is queued, or waits up to the timeout for the first record and takes what is queued then.
    ///
    /// Records that were in the batch are destroyed first. Rebalance callbacks run inside: if one fires, the records of this
    /// call may belong to the assignment before it. Errors are left for `nextError`.
    /// - Parameter timeoutMilliseconds: not negative; 0 takes only what is there.
    package func poll(into batch: inout RecordBatch, timeoutMilliseconds: Int32) {
        guard let queue else { return batch.destroy() }
        batch.fill(from: client.pointer, queue, timeoutMilliseconds: timeoutMilliseconds) { error in
            // Like a record, an end that is read before a change takes effect tells nothing.
            if !(isDeferred && error.isPartitionEnd) { client.events.append(error) }
        }
        if isDeferred { batch.destroy() }
    }

    /// Takes the oldest error that turned up while polling; nil when there is none left.
    ///
    /// Most heal by themselves: librdkafka goes on trying. A partition whose offset left the log comes as `isOffsetOutOfRange`
    /// and delivers nothing more until it is assigned anew.
    package func nextError() -> KafkaError? {
        client.events.removeFirstError()
    }

    /// The error that killed this consumer; nil while it lives.
    package var fatalError: KafkaError? { KafkaError.fatal(of: client.pointer) }

    /// Leaves the assignment (through a last `revoked` event) and ends the client, within about the timeout.
    ///
    /// With `group.instance.id` the group is not told: the same id comes back within `session.timeout.ms` without a rebalance.
    /// Batches must be empty. Does nothing the second time.
    /// - Returns: whether librdkafka finished in time; otherwise its threads are left behind.
    @discardableResult
    package func close(timeoutMilliseconds: Int32 = 10_000) -> Bool {
        if isClosed { return true }
        isClosed = true
        let deadline = MonotonicClock.milliseconds() + Int64(timeoutMilliseconds)
        let isLeft = leaveGroup(until: deadline)
        destroyQueue()
        client.events.rebalance = nil
        let remaining = Int32(clamping: max(100, deadline - MonotonicClock.milliseconds()))
        return client.destroy(timeoutMilliseconds: remaining) && isLeft
    }

    private func leaveGroup(until deadline: Int64) -> Bool {
        guard let closing = rd_kafka_queue_new(client.pointer) else { return false }
        defer { rd_kafka_queue_destroy(closing) }
        // An error says that the group is gone already (a fatal error, a second close): nothing to wait for.
        if let error = rd_kafka_consumer_close_queue(client.pointer, closing) {
            rd_kafka_error_destroy(error)
            return true
        }
        while rd_kafka_consumer_closed(client.pointer) == 0 {
            if MonotonicClock.milliseconds() >= deadline { return false }
            // Callbacks run inside. Records that are still fetched meanwhile come here too, which `rd_kafka_queue_poll_callback` does not survive.
            if let message = rd_kafka_consume_queue(closing, 50) { rd_kafka_message_destroy(message) }
        }
        return true
    }

    private func destroyQueue() {
        guard let owned = queue else { return }
        queue = nil
        rd_kafka_queue_destroy(owned)
    }
}

/// Runs inside `poll` and `close`, on their thread.
private func consumerRebalanced(
    client: OpaquePointer?, code: rd_kafka_resp_err_t,
    partitions: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?, opaque: UnsafeMutableRawPointer?
) {
    ClientEvents.from(opaque)?.rebalance?(code, partitions)
}

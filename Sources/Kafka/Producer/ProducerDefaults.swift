/// What every producer has unless the caller passes another value.
enum ProducerDefaults {
    static let properties = KafkaProperties([
        ("client.id", "tripline"),
        ("partitioner", "murmur2_random"),
        ("compression.type", "lz4"),
        ("linger.ms", "2"),
        ("batch.size", "1000000"),
        ("queue.buffering.max.messages", "100000"),
        ("queue.buffering.max.kbytes", "65536"),
        // Paid on every CONCURRENT_TRANSACTIONS answer while the markers of the transaction before are still being written.
        ("retry.backoff.ms", "5"),
        ("retry.backoff.max.ms", "50"),
        ("socket.nagle.disable", "true"),
        ("socket.keepalive.enable", "true"),
        ("reconnect.backoff.ms", "50"),
        ("reconnect.backoff.max.ms", "1000"),
        ("allow.auto.create.topics", "false"),
        ("enable.metrics.push", "false"),
    ])

    /// After a crash, readers of committed data wait at most this long for the dead producer's transaction.
    static let transactional = properties.merging(KafkaProperties([("transaction.timeout.ms", "10000")]))

    /// What no caller may change: once per record, in order, on all replicas.
    static let fixed = KafkaProperties([
        ("enable.idempotence", "true"),
        ("acks", "all"),
        ("delivery.report.only.error", "false"),
    ])
}

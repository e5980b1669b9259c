extension Consumer {
    /// What a consumer has unless the caller passes another value.
    ///
    /// The local queue is small, because it is the process's memory; the fetcher's pause when it is full (up to one second) is
    /// cured by `fetch.queue.backoff.ms`, or below librdkafka 2.2 by a frequent metadata refresh, which wakes the broker's thread.
    package static var defaults: KafkaProperties {
        var properties = KafkaProperties([
            ("client.id", "tripline"),
            // A partition keeps its worker within an instance whatever the number of instances; `range` for groups that still use it.
            ("partition.assignment.strategy", "roundrobin,range"),
            ("session.timeout.ms", "10000"),
            ("heartbeat.interval.ms", "3000"),
            ("max.poll.interval.ms", "120000"),
            ("fetch.min.bytes", "1"),
            ("fetch.wait.max.ms", "50"),
            ("fetch.error.backoff.ms", "50"),
            ("queued.min.messages", "10000"),
            ("queued.max.messages.kbytes", "8192"),
            ("allow.auto.create.topics", "false"),
            ("socket.nagle.disable", "true"),
            ("socket.keepalive.enable", "true"),
            ("reconnect.backoff.ms", "50"),
            ("reconnect.backoff.max.ms", "1000"),
            ("enable.metrics.push", "false"),
            ("statistics.interval.ms", "5000"),
        ])
        if ClientLibrary.hasFetchQueueBackoff {
            properties.set("fetch.queue.backoff.ms", "10")
            // A topic that grows is noticed by then.
            properties.set("topic.metadata.refresh.interval.ms", "10000")
        } else {
            properties.set("topic.metadata.refresh.interval.ms", "20")
        }
        return properties
    }

    /// What no caller may change: the offsets are the transaction's, and nothing uncommitted is ever read.
    static let fixed = KafkaProperties([
        ("enable.auto.commit", "false"),
        ("enable.auto.offset.store", "false"),
        ("isolation.level", "read_committed"),
        ("auto.offset.reset", "error"),
        ("enable.partition.eof", "false"),
        ("group.protocol", "classic"),
    ])
}

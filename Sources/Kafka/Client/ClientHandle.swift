internal import CRdKafka
internal import Glibc
internal import Synchronization

/// Owns a librdkafka client and what its callbacks refer to.
final class ClientHandle {
    let events: ClientEvents
    private let client: OpaquePointer
    private var isDestroyed = false

    /// How long `deinit` waits for a client that nobody destroyed in time.
    private static let patienceMilliseconds: Int32 = 5_000

    init(_ kind: rd_kafka_type_t, _ configuration: consuming Configuration, events: ClientEvents) throws(KafkaError) {
        self.events = events
        client = try configuration.makeClient(kind)
    }

    /// Traps when the client was destroyed: a use after that is a bug of the caller.
    var pointer: OpaquePointer {
        precondition(!isDestroyed, "the Kafka client was destroyed")
        return client
    }

    deinit {
        destroy(timeoutMilliseconds: ClientHandle.patienceMilliseconds)
    }

    /// Destroys the client, whose topic handles, queues and messages must have been freed before.
    ///
    /// Destruction joins librdkafka's threads and can hang there (a deleted partition, a lost coordinator), so a thread of
    /// its own does it. After the timeout that thread is left alone, with everything it refers to.
    /// - Returns: whether the client is gone.
    @discardableResult
    func destroy(timeoutMilliseconds: Int32) -> Bool {
        if isDestroyed { return true }
        isDestroyed = true
        let task = DestroyTask(client: client, events: events)
        return task.run(timeoutMilliseconds: timeoutMilliseconds)
    }
}

extension ClientHandle {
    /// Drops what is still queued or in flight, and destroys the producer.
    func destroyProducer(timeoutMilliseconds: Int32) -> Bool {
        if !isDestroyed { rd_kafka_purge(client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT) }
        return destroy(timeoutMilliseconds: timeoutMilliseconds)
    }
}

/// A client on its way out.
///
/// Crosses to the destroying thread by one retained reference; the client is used by nobody else any more, and the flag is atomic.
private final class DestroyTask {
    private let client: OpaquePointer
    private let events: ClientEvents
    private let isDone = Atomic(false)

    init(client: OpaquePointer, events: ClientEvents) {
        self.client = client
        self.events = events
    }

    func run(timeoutMilliseconds: Int32) -> Bool {
        var thread = pthread_t()
        // Retained for the thread, which releases it when it is done.
        let reference = Unmanaged.passRetained(self)
        guard pthread_create(&thread, nil, destroyClient, reference.toOpaque()) == 0 else {
            reference.release()
            perform()
            return true
        }
        pthread_detach(thread)
        let deadline = MonotonicClock.milliseconds() + Int64(timeoutMilliseconds)
        while !isDone.load(ordering: .acquiring) {
            if MonotonicClock.milliseconds() >= deadline { return false }
            usleep(500)
        }
        return true
    }

    func perform() {
        // The consumer was closed before, or is to vanish without a word; either way no callback may run here.
        rd_kafka_destroy_flags(client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE)
        isDone.store(true, ordering: .releasing)
    }
}

private func destroyClient(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    if let argument {
        Unmanaged<DestroyTask>.fromOpaque(argument).takeRetainedValue().perform()
    }
    return nil
}

enum MonotonicClock {
    static func milliseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
    }
}

internal import CRdKafka
internal import Threads

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
        let remains = leave()
        let done = Semaphore()
        let thread = DedicatedThread.startIfPossible("destroy", stackBytes: 1 << 20) {
            remains.destroy()
            done.signal()
        }
        guard let thread else {
            remains.destroy()
            return true
        }
        thread.detach()
        return done.wait(milliseconds: Int64(timeoutMilliseconds))
    }
}

extension ClientHandle {
    /// Drops what a producer has still queued or in flight.
    func purge() {
        if !isDestroyed { rd_kafka_purge(client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT) }
    }
}

extension ClientHandle {
    /// Hands the client over to a thread that is still inside of one of its calls and will destroy it.
    func leave() -> ClientRemains {
        let remains = ClientRemains(client: pointer, events: events)
        isDestroyed = true
        return remains
    }
}

/// A client on its way out, with what its callbacks refer to. Nobody else uses it any more.
struct ClientRemains {
    let client: OpaquePointer
    let events: ClientEvents

    func destroy() {
        // The consumer was closed before, or is to vanish without a word; either way no callback may run here.
        rd_kafka_destroy_flags(client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE)
    }
}

// Given from one thread to another, which is the only one to use it then.
extension ClientRemains: @unchecked Sendable {}

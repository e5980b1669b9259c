internal import CRdKafka

/// What librdkafka or the broker refused, with librdkafka's own classes of what may be done about it.
package struct KafkaError: Error, Sendable, Equatable, CustomStringConvertible {
    /// librdkafka's error code: negative for the client's own errors, positive for the broker's.
    package let code: Int32
    /// The code's name, for example `_TIMED_OUT` or `UNKNOWN_TOPIC_OR_PART`.
    package let name: String
    /// librdkafka's text, for people.
    package let message: String
    /// The client is dead: destroy it.
    package let isFatal: Bool
    /// The same call, with the same arguments, may be made again.
    package let isRetriable: Bool
    /// The open transaction can only be aborted.
    package let requiresAbort: Bool
    /// The partition the error is about; nil where it is about more or less than one.
    package let partition: Int32?
    /// Where the partition's end was read, with `isPartitionEnd`.
    package let offset: Int64?

    package var description: String { "\(name): \(message)" }

    /// Another process has taken this transactional id or this static membership (KIP-447, KIP-345).
    package var isFenced: Bool { isProducerFenced || Code(code) == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID }

    /// A producer's epoch is over: another took its transactional id, or the broker ended a transaction that lasted too long.
    package var isProducerFenced: Bool {
        switch Code(code) {
        case RD_KAFKA_RESP_ERR__FENCED, RD_KAFKA_RESP_ERR_PRODUCER_FENCED, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH: true
        default: false
        }
    }

    /// The call's own timeout passed; whether it took effect is unknown.
    package var isTimedOut: Bool {
        switch Code(code) {
        case RD_KAFKA_RESP_ERR__TIMED_OUT, RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT: true
        default: false
        }
    }

    /// The offset asked for is not in the log and there is no policy to choose another.
    package var isOffsetOutOfRange: Bool {
        switch Code(code) {
        case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET, RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE, RD_KAFKA_RESP_ERR__NO_OFFSET: true
        default: false
        }
    }

    /// No error: the partition is read to its end, for a consumer that reports it.
    package var isPartitionEnd: Bool { Code(code) == RD_KAFKA_RESP_ERR__PARTITION_EOF }

    /// The topic or the partition does not exist.
    package var isUnknownTopicOrPartition: Bool {
        switch Code(code) {
        case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION: true
        default: false
        }
    }

    /// The broker or this librdkafka cannot do this at all.
    package var isUnsupported: Bool {
        switch Code(code) {
        case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE, RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION: true
        default: false
        }
    }

    /// The broker refused the credentials or the access; never healed by trying again.
    package var isUnauthorized: Bool {
        switch Code(code) {
        case RD_KAFKA_RESP_ERR__AUTHENTICATION, RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED,
            RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
            RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
            true
        default: false
        }
    }

    /// It says nothing about the records: the same ones may go through later.
    package var isTransient: Bool {
        switch Code(code) {
        case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, RD_KAFKA_RESP_ERR__TIMED_OUT, RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
            RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, RD_KAFKA_RESP_ERR__PURGE_QUEUE, RD_KAFKA_RESP_ERR__PURGE_INFLIGHT,
            RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_NOT_COORDINATOR, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
            RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
            RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS, RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION,
            RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID, RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT, RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS,
            RD_KAFKA_RESP_ERR_INVALID_TXN_STATE, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH,
            RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER:
            true
        default: false
        }
    }

    /// What a transaction's owner does about the error.
    package enum Reaction: Sendable, Equatable {
        /// Make the same call with the same arguments again.
        case retry
        /// Abort the transaction; the producer stays usable. A refused record can cost a second abort: it leaves a gap in the
        /// sequence numbers, which librdkafka mends between transactions.
        case abort
        /// Destroy the client and make a new one.
        case replaceClient
        /// Another process owns the identity: leave, and do not take it back.
        case leave
    }

    /// librdkafka's flags in the order in which they count; an error without any flag is fatal (rdkafka.h, transactional API).
    package var reaction: Reaction {
        if isFenced { return .leave }
        if isFatal { return .replaceClient }
        if requiresAbort { return .abort }
        return isRetriable ? .retry : .replaceClient
    }
}

private typealias Code = rd_kafka_resp_err_t

extension KafkaError {
    init(
        _ code: rd_kafka_resp_err_t, message: String? = nil, isFatal: Bool = false, isRetriable: Bool = false,
        requiresAbort: Bool = false, partition: Int32? = nil, offset: Int64? = nil
    ) {
        self.code = code.rawValue
        self.name = String(cString: rd_kafka_err2name(code))
        self.message = message ?? String(cString: rd_kafka_err2str(code))
        self.isFatal = isFatal
        self.isRetriable = isRetriable
        self.requiresAbort = requiresAbort
        self.partition = partition
        self.offset = offset
    }

    /// Copies and frees librdkafka's error object. Where it only says "fatal", the client's own fatal error takes its place.
    init(consuming error: OpaquePointer, client: OpaquePointer?) {
        defer { rd_kafka_error_destroy(error) }
        let isFatal = rd_kafka_error_is_fatal(error) != 0
        if isFatal, let client, let fatal = KafkaError.fatal(of: client) {
            self = fatal
            return
        }
        self.init(
            rd_kafka_error_code(error), message: String(cString: rd_kafka_error_string(error)), isFatal: isFatal,
            isRetriable: rd_kafka_error_is_retriable(error) != 0, requiresAbort: rd_kafka_error_txn_requires_abort(error) != 0)
    }

    /// The error that killed the client, or nil while it lives.
    static func fatal(of client: OpaquePointer) -> KafkaError? {
        withTextBuffer { (buffer, capacity) -> KafkaError? in
            let code = rd_kafka_fatal_error(client, buffer, capacity)
            guard code != RD_KAFKA_RESP_ERR_NO_ERROR else { return nil }
            return KafkaError(code, message: String(cString: buffer), isFatal: true)
        }
    }

    /// Our own complaint, before librdkafka is asked.
    static func invalid(_ message: String) -> KafkaError {
        KafkaError(RD_KAFKA_RESP_ERR__INVALID_ARG, message: message)
    }
}

/// Lends a zeroed buffer for librdkafka's error texts.
func withTextBuffer<Result>(_ body: (UnsafeMutablePointer<CChar>, Int) -> Result) -> Result {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 512) { buffer in
        buffer.initialize(repeating: 0)
        // A temporary allocation of more than zero bytes has an address.
        return body(buffer.baseAddress!, buffer.count)
    }
}

/// Throws where a plain call answered with an error code.
func check(_ code: rd_kafka_resp_err_t, _ context: @autoclosure () -> String) throws(KafkaError) {
    guard code != RD_KAFKA_RESP_ERR_NO_ERROR else { return }
    throw KafkaError(code, message: "\(context()): \(String(cString: rd_kafka_err2str(code)))")
}

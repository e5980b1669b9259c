internal import CRdKafka

/// One line of librdkafka's log.
package struct KafkaLogLine: Sendable {
    /// Syslog severity: 3 error, 4 warning, 5 notice, 6 information, 7 debug.
    package let level: Int32
    /// The client's name, for example `tripline#consumer-1`.
    package let client: String
    /// librdkafka's short code of the line, for example `FAIL`.
    package let facility: String
    package let message: String
}

/// Takes log lines. Called on librdkafka's own threads: it must not block and must not call a client.
package typealias KafkaLogHandler = @Sendable (KafkaLogLine) -> Void

/// What a partition assignment did, seen from this member: each event names the whole assignment, whichever protocol the group speaks.
package enum RebalanceEvent: Sendable, Equatable {
    /// These partitions are ours once the handler has called `assign`.
    case assigned([Int32])
    /// These partitions go. `lost`: they may have another owner already, and nothing of them may be committed.
    case revoked([Int32], lost: Bool)
}

/// Receives a client's callbacks.
///
/// The client's owner keeps it alive until the client is destroyed. `log` is immutable and Sendable, hence safe on
/// librdkafka's threads; everything else is touched only by the thread that polls the client.
final class ClientEvents {
    let log: KafkaLogHandler?
    var rebalance: ((rd_kafka_resp_err_t, UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?) -> Void)?
    /// A consumer's, from its last statistics.
    var partitionEnds: [PartitionEnds] = []
    private(set) var errors: [KafkaError] = []
    /// By partition, the newest: librdkafka tells of an end once.
    private var partitionEndErrors: [Int32: KafkaError] = [:]
    private(set) var deliveryFailures = 0
    private(set) var lastDeliveryFailure: KafkaError?

    /// More than this many unread errors are repetitions; the oldest go.
    private static let errorCapacity = 64

    init(log: KafkaLogHandler?) {
        self.log = log
    }

    func append(_ error: KafkaError) {
        if error.isPartitionEnd, let partition = error.partition {
            partitionEndErrors[partition] = error
            return
        }
        if errors.count == ClientEvents.errorCapacity { errors.removeFirst() }
        errors.append(error)
    }

    func removeFirstError() -> KafkaError? {
        errors.isEmpty ? partitionEndErrors.popFirst()?.value : errors.removeFirst()
    }

    func recordDeliveryFailure(_ error: KafkaError) {
        deliveryFailures += 1
        lastDeliveryFailure = error
    }

    func takeDeliveryFailures() -> (count: Int, last: KafkaError?) {
        defer {
            deliveryFailures = 0
            lastDeliveryFailure = nil
        }
        return (deliveryFailures, lastDeliveryFailure)
    }

    /// Registers the callbacks that every client has.
    func register(in configuration: borrowing Configuration) {
        configuration.withPointer { pointer in
            // Unretained: the owner of the client holds `self` until after `rd_kafka_destroy`.
            rd_kafka_conf_set_opaque(pointer, Unmanaged.passUnretained(self).toOpaque())
            rd_kafka_conf_set_log_cb(pointer, clientLogged)
            rd_kafka_conf_set_error_cb(pointer, clientFailed)
        }
    }

    static func from(_ opaque: UnsafeMutableRawPointer?) -> ClientEvents? {
        opaque.map { Unmanaged<ClientEvents>.fromOpaque($0).takeUnretainedValue() }
    }
}

/// Runs on any of librdkafka's threads.
private func clientLogged(
    client: OpaquePointer?, level: Int32, facility: UnsafePointer<CChar>?, message: UnsafePointer<CChar>?
) {
    guard let client, let handler = ClientEvents.from(rd_kafka_opaque(client))?.log else { return }
    handler(
        KafkaLogLine(
            level: level, client: String(cString: rd_kafka_name(client)),
            facility: facility.map { String(cString: $0) } ?? "", message: message.map { String(cString: $0) } ?? ""))
}

/// Runs on the thread that polls the client.
private func clientFailed(
    client: OpaquePointer?, code: Int32, reason: UnsafePointer<CChar>?, opaque: UnsafeMutableRawPointer?
) {
    guard let events = ClientEvents.from(opaque) else { return }
    if let client, let fatal = KafkaError.fatal(of: client) { return events.append(fatal) }
    events.append(KafkaError(rd_kafka_resp_err_t(rawValue: code), message: reason.map { String(cString: $0) }))
}

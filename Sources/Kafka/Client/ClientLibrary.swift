internal import CRdKafka

/// The librdkafka this process runs with, which need not be the one it was built against.
package enum ClientLibrary {
    /// For example `2.0.2`.
    package static var version: String { String(cString: rd_kafka_version_str()) }

    /// What it was built with, for example `gzip,snappy,ssl,sasl,…`.
    package static func features() throws(KafkaError) -> String {
        let configuration = Configuration()
        return try configuration.value(of: "builtin.features")
    }

    /// Why this version deserves a warning at start; nil where nothing is known against it.
    package static var advisory: String? { advisory(for: rd_kafka_version()) }

    /// `version` as librdkafka counts it: 0xMMmmrrxx.
    static func advisory(for version: Int32) -> String? {
        let release = version >> 8
        switch release {
        case 0x020100...0x0201ff: return "librdkafka 2.1 can deliver records twice after a leader change; use 2.10.1 or later"
        case 0x020300: return "librdkafka 2.3.0 can loop in metadata requests; use 2.10.1 or later"
        case 0x020500: return "librdkafka 2.5.0 can abort in its telemetry; use 2.10.1 or later"
        case 0x020600: return "librdkafka 2.6.0 fetches slowly; use 2.10.1 or later"
        case 0x020a00: return "librdkafka 2.10.0 can loop while it looks for brokers; use 2.10.1 or later"
        case ..<0x020a01: return "librdkafka older than 2.10.1 recovers more slowly from a lost broker; use 2.10.1 or later"
        default: return nil
        }
    }

    /// Whether `fetch.queue.backoff.ms` exists: the cure for the one-second fetch pause when the local queue is full.
    static var hasFetchQueueBackoff: Bool { rd_kafka_version() >= 0x0202_0000 }

    /// Whether the cooperative assignor keeps its promises.
    static func isCooperationSound(in version: Int32) -> Bool { version >> 8 >= 0x020a01 }

    /// For example `2.0.2`.
    static func release(_ version: Int32) -> String { "\(version >> 24).\(version >> 16 & 0xff).\(version >> 8 & 0xff)" }
}

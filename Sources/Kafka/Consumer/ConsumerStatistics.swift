internal import CRdKafka

/// A partition's end as the last fetch before the statistics brought it.
package struct PartitionEnds: Sendable, Equatable {
    package let partition: Int32
    /// One past the last record.
    package let high: Int64
    /// Where the first transaction that is still open begins, or `high`: a `read_committed` consumer gets no further.
    package let stable: Int64
}

extension Consumer {
    /// The ends of the partitions that are fetched, at most `statistics.interval.ms` old; empty before the first statistics.
    ///
    /// The statistics bring both numbers of one fetch: a watermark query would bring only one, in another answer.
    package var partitionEnds: [PartitionEnds] { client.events.partitionEnds }
}

extension PartitionEnds {
    /// Reads librdkafka's statistics (STATISTICS.md): partitions whose two ends are known. It costs about a nanosecond per byte.
    static func read(_ json: UnsafeRawBufferPointer) -> [PartitionEnds] {
        var found: [PartitionEnds] = []
        var reader = StatisticsReader(json)
        // A consumer has one topic. Partitions are named in the brokers' part too, which comes first and tells no ends.
        guard reader.skip(past: "\"partitions\":") else { return [] }
        while let partition = reader.number(after: "\"partition\":") {
            guard let high = reader.number(after: "\"hi_offset\":"), let stable = reader.number(after: "\"ls_offset\":") else { break }
            if partition >= 0, high >= 0, stable >= 0 { found.append(PartitionEnds(partition: Int32(clamping: partition), high: high, stable: stable)) }
        }
        return found
    }
}

/// Goes forward through the text, from key to key.
private struct StatisticsReader {
    private let bytes: UnsafeRawBufferPointer
    private var at = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// The number behind the next place of the key; nil if there is none.
    mutating func number(after key: StaticString) -> Int64? { skip(past: key) ? number() : nil }

    /// False, at the end, if there is none.
    mutating func skip(past key: StaticString) -> Bool {
        let count = key.utf8CodeUnitCount
        while at + count < bytes.count {
            guard bytes[at] == key.utf8Start[0], (1..<count).allSatisfy({ bytes[at + $0] == key.utf8Start[$0] }) else {
                at += 1
                continue
            }
            at += count
            return true
        }
        return false
    }

    private mutating func number() -> Int64? {
        let isNegative = at < bytes.count && bytes[at] == UInt8(ascii: "-")
        if isNegative { at += 1 }
        var value: Int64?
        while at < bytes.count, case let digit = bytes[at] &- UInt8(ascii: "0"), digit < 10 {
            let (product, isTooLarge) = (value ?? 0).multipliedReportingOverflow(by: 10)
            if isTooLarge { return nil }
            value = product &+ Int64(digit)
            at += 1
        }
        return value.map { isNegative ? -$0 : $0 }
    }
}

/// Runs on the thread that polls the consumer.
func consumerReported(
    client: OpaquePointer?, json: UnsafeMutablePointer<CChar>?, count: Int, opaque: UnsafeMutableRawPointer?
) -> Int32 {
    if let json { ClientEvents.from(opaque)?.partitionEnds = PartitionEnds.read(UnsafeRawBufferPointer(start: json, count: count)) }
    // The text stays librdkafka's.
    return 0
}

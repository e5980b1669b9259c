import FraudEngine

/// A record that a worker produces.
struct OutputRecord: Equatable {
    var kind: Outbox.Kind
    /// The input partition it came from.
    var source: Int32
    var key: [UInt8]?
    var value: [UInt8]?
    var headers: [UInt8]
}

/// A producer's identity at a broker.
struct ProducerIdentity: Equatable {
    var id: Int
    var epoch: Int
}

/// A partition of an output topic. Its leader keeps each producer's sequence and takes records only of transactions that the coordinator knows
/// (KIP-890, part 1).
final class OutputPartition {
    private struct Item {
        var record: OutputRecord
        var producer: Int
        /// nil while its transaction is open.
        var isCommitted: Bool?
    }

    private var items: [Item] = []
    /// By producer: its epoch and the sequence number of its next record.
    private var producers: [Int: (epoch: Int, next: Int)] = [:]

    func append(_ records: [OutputRecord], _ producer: ProducerIdentity, sequence: Int, isVerified: Bool) -> BrokerCode {
        var known = producers[producer.id] ?? (producer.epoch, 0)
        guard producer.epoch >= known.epoch else { return .producerFenced }
        if producer.epoch > known.epoch { known = (producer.epoch, 0) }
        // What was appended before is acknowledged again.
        if sequence + records.count <= known.next { return .none }
        guard isVerified else { return .invalidTransactionState }
        guard sequence == known.next else { return .outOfSequence }
        producers[producer.id] = (producer.epoch, sequence + records.count)
        for record in records { items.append(Item(record: record, producer: producer.id, isCommitted: nil)) }
        return .none
    }

    /// A control record ends the producer's transaction here.
    func mark(_ producer: ProducerIdentity, commits: Bool) {
        for index in items.indices where items[index].producer == producer.id && items[index].isCommitted == nil { items[index].isCommitted = commits }
        let known = producers[producer.id]
        if let known, producer.epoch > known.epoch { producers[producer.id] = (producer.epoch, 0) }
    }

    /// What a `read_committed` consumer sees.
    var committed: [OutputRecord] {
        let end = items.firstIndex { $0.isCommitted == nil } ?? items.count
        return items[..<end].filter { $0.isCommitted == true }.map(\.record)
    }

    var hasOpenTransaction: Bool { items.contains { $0.isCommitted == nil } }
}

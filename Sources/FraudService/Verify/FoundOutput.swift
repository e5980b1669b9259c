import FraudEngine
import ReferenceFold
import RuleFiles

/// A record as it stands in an output topic.
struct FoundOutput: Equatable {
    var kind: PlainOutput.Kind
    /// Of the output topic.
    var partition: Int32
    var offset: Int64
    /// Kafka timestamp, Unix milliseconds.
    var timestamp: Int64
    var key: [UInt8]?
    var value: [UInt8]?
    var headers: [PlainHeader]

    /// A record of the input.
    struct Origin: Hashable, Comparable {
        var partition: Int32
        var offset: Int64

        static func < (a: Origin, b: Origin) -> Bool { (a.partition, a.offset) < (b.partition, b.offset) }
    }

    /// The value of the last header of that name, the one that counts (KIP-82).
    func header(_ name: String) -> String? {
        let wanted = Array(name.utf8)
        return headers.last { $0.name == wanted }?.value.map { String(decoding: $0, as: UTF8.self) }
    }

    /// Without the headers that differ from run to run.
    var comparableHeaders: [PlainHeader] {
        guard kind == .alert || kind == .shadowAlert else { return headers }
        return headers.filter { $0.name != Self.decidedAt && $0.name != Self.mode }
    }

    private static let decidedAt = Array("tripline_decided_at".utf8)
    private static let mode = Array("tripline_mode".utf8)

    var alertID: String? { header("ce_id") ?? AlertBody.text("alert_id", in: value ?? []) }

    /// Where an alert or a dead letter came from; nil where it does not say. Late payments never say.
    func origin(topic: String) -> Origin? {
        switch kind {
        case .late: return nil
        case .deadLetter:
            guard header("__streams.errors.topic") == topic, let partition = header("__streams.errors.partition").flatMap({ Int32($0) }),
                let offset = header("__streams.errors.offset").flatMap({ Int64($0) })
            else { return nil }
            return Origin(partition: partition, offset: offset)
        case .alert, .shadowAlert:
            let text = String(decoding: value ?? [], as: UTF8.self)
            let lead = "\"origin\":{\"topic\":\(jsonQuoted(topic)),\"partition\":"
            guard let start = text.ranges(of: lead).last?.upperBound else { return nil }
            let numbers = text[start...].prefix { $0 != "}" }.split(separator: ",\"offset\":")
            guard numbers.count == 2, let partition = Int32(numbers[0]), let offset = Int64(numbers[1]) else { return nil }
            return Origin(partition: partition, offset: offset)
        }
    }
}

/// Something that is not as the reference fold says.
struct Difference {
    enum Kind: String, CaseIterable {
        /// The fold has it, the topic has not.
        case missing
        /// The topic has it, the fold has not, or not as often.
        case surplus
        /// Both have it, with other bytes.
        case different
        /// It stands before one of its account that comes earlier.
        case outOfOrder = "out_of_order"
        /// What is committed counts otherwise.
        case totals
    }

    var kind: Kind
    /// The record of the input; nil where it is not known.
    var origin: FoundOutput.Origin?
    /// A partition of the input as a whole.
    var partition: Int32?
    /// For people.
    var text: String
}

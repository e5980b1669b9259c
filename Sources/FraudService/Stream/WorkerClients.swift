import FraudEngine
import Kafka

/// Names a worker produces to, and how many partitions each has.
struct OutputTopicNames: Sendable {
    var alerts: String
    var shadow: String
    var late: String
    var deadLetters: String

    func name(of kind: Outbox.Kind) -> String {
        switch kind {
        case .alert: alerts
        case .shadowAlert: shadow
        case .late: late
        case .deadLetter: deadLetters
        }
    }
}

/// A transactional producer with its topics registered.
final class OutputProducer {
    let producer: TransactionalProducer
    private let topics: [OutputTopic]

    init(properties: KafkaProperties, names: OutputTopicNames, log: @escaping KafkaLogHandler) throws(KafkaError) {
        producer = try TransactionalProducer(properties: properties, log: log)
        var registered: [OutputTopic] = []
        for kind in Outbox.Kind.allCases { registered.append(try producer.register(topic: names.name(of: kind))) }
        topics = registered
    }

    func topic(_ kind: Outbox.Kind) -> OutputTopic { topics[Int(kind.rawValue)] }
}

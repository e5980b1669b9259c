import Testing

@testable import Kafka

@Suite struct `Properties` {
    @Test func `a key given again takes the later value, in its first place`() {
        var properties = KafkaProperties([("a", "1"), ("b", "2"), ("a", "3")])
        #expect(properties.entries.map { "\($0.key)=\($0.value)" } == ["a=3", "b=2"])
        properties.set("b", "4")
        #expect(properties.value(of: "b") == "4")
        #expect(properties.value(of: "c") == nil)
        let merged = properties.merging(KafkaProperties([("c", "5"), ("a", "6")]))
        #expect(merged.entries.map { "\($0.key)=\($0.value)" } == ["a=6", "b=4", "c=5"])
    }

    @Test func `what librdkafka does not know or take is refused with its own text`() throws {
        let unknown = #expect(throws: KafkaError.self) { try KafkaProperties([("linger.ms", "5"), ("linger.mss", "5")]).validate() }
        #expect(unknown?.message == "No such configuration property: \"linger.mss\"")
        let bad = #expect(throws: KafkaError.self) { try KafkaProperties([("linger.ms", "soon")]).validate() }
        #expect(bad?.message.hasPrefix("linger.ms: Invalid value") == true)
        try KafkaProperties([("linger.ms", "5"), ("security.protocol", "sasl_ssl")]).validate()
    }

    @Test func `every client refuses an unknown property, and what it cannot do without`() throws {
        let unknown = KafkaProperties([("bootstrap.servers", "127.0.0.1:1"), ("group.id", "g"), ("transactional.id", "t"), ("no.such", "1")])
        for make in [
            { _ = try Consumer(properties: unknown) }, { _ = try TransactionalProducer(properties: unknown) },
            { _ = try PlainProducer(properties: unknown) }, { _ = try Admin(properties: unknown) },
        ] {
            let error = #expect(throws: KafkaError.self) { try make() }
            #expect(error?.message.contains("no.such") == true)
        }
        let noGroup = #expect(throws: KafkaError.self) { try Consumer(properties: KafkaProperties()) }
        #expect(noGroup?.message == "a consumer needs group.id")
        let noID = #expect(throws: KafkaError.self) { try TransactionalProducer(properties: KafkaProperties()) }
        #expect(noID?.message == "a transactional producer needs transactional.id")
    }

    @Test func `properties that contradict each other are refused by the client that has both`() {
        let properties = KafkaProperties([("transactional.id", "t"), ("message.timeout.ms", "20000"), ("transaction.timeout.ms", "10000")])
        let error = #expect(throws: KafkaError.self) { try TransactionalProducer(properties: properties) }
        #expect(error?.message.contains("transaction.timeout.ms") == true, "\(String(describing: error))")
    }

    @Test(
        arguments: [
            "sasl.password", "ssl.key.password", "ssl.keystore.password", "ssl.key.pem", "ssl.certificate.pem", "ssl.ca.pem",
            "sasl.oauthbearer.config", "sasl.oauthbearer.client.secret", "sasl.oauthbearer.assertion.private.key.file", "ssl_key",
        ])
    func `a property that holds a secret is known as one`(key: String) {
        #expect(KafkaProperties.isSecret(key))
    }

    @Test(arguments: ["sasl.username", "ssl.ca.location", "ssl.key.location", "sasl.mechanisms", "bootstrap.servers", "security.protocol"])
    func `a property without a secret is not taken for one`(key: String) {
        #expect(!KafkaProperties.isSecret(key))
    }

    @Test func `what carries the service's promises cannot be passed through`() {
        for key in [
            "bootstrap.servers", "metadata.broker.list", "group.id", "group.instance.id", "transactional.id", "enable.auto.commit",
            "enable.auto.offset.store", "auto.commit.interval.ms", "auto.commit.enable", "enable.partition.eof", "delivery.report.only.error",
            "enable.gapless.guarantee", "plugin.library.paths", "log.queue", "enabled_events",
        ] {
            let text = KafkaProperties.reservedViolation(key: key, value: "true")
            #expect(text?.hasPrefix("\(key) is set by the service: ") == true, "\(key)")
        }
    }

    @Test(
        arguments: [
            ("isolation.level", "read_uncommitted", "read_committed"), ("enable.idempotence", "false", "true"), ("acks", "1", "all"),
            ("acks", "0", "-1"), ("request.required.acks", "1", "all"), ("auto.offset.reset", "latest", "error"),
            ("topic.auto.offset.reset", "earliest", "error"), ("partitioner", "random", "murmur2_random"), ("group.protocol", "consumer", "classic"),
            ("partition.assignment.strategy", "range,cooperative-sticky", "range"),
        ])
    func `only the value that keeps the promises passes`(key: String, refused: String, allowed: String) {
        #expect(KafkaProperties.reservedViolation(key: key, value: refused)?.hasPrefix("\(key)=\(refused) is refused: ") == true)
        #expect(KafkaProperties.reservedViolation(key: key, value: allowed) == nil)
    }

    @Test(arguments: [("compression.type", "zstd"), ("security.protocol", "SASL_SSL"), ("fetch.wait.max.ms", "500"), ("no.such", "1")])
    func `everything else is librdkafka's to judge`(key: String, value: String) {
        #expect(KafkaProperties.reservedViolation(key: key, value: value) == nil)
    }

    @Test func `what is fixed wins over what the caller gives, and that over our defaults`() throws {
        let consumer = try Configuration(
            defaults: Consumer.defaults, properties: KafkaProperties([("enable.auto.commit", "true"), ("fetch.wait.max.ms", "7")]), fixed: Consumer.fixed)
        #expect(try consumer.value(of: "enable.auto.commit") == "false")
        #expect(try consumer.value(of: "isolation.level") == "read_committed")
        #expect(try consumer.value(of: "fetch.wait.max.ms") == "7")
        #expect(try consumer.value(of: "fetch.error.backoff.ms") == "50")
        let producer = try Configuration(
            defaults: TransactionalProducer.defaults, properties: KafkaProperties([("acks", "1"), ("transaction.timeout.ms", "20000")]),
            fixed: ProducerDefaults.fixed)
        #expect(try producer.value(of: "acks") == "-1")
        #expect(try producer.value(of: "enable.idempotence") == "true")
        #expect(try producer.value(of: "transaction.timeout.ms") == "20000")
        #expect(try producer.value(of: "partitioner") == "murmur2_random")
    }

    @Test(arguments: [(nil, 10_000), ("60000", 60_000), ("0x7530", 30_000)])
    func `a transaction is open as long as the properties say, or ten seconds`(text: String?, milliseconds: Int64) throws {
        let properties = KafkaProperties(text.map { [("transaction.timeout.ms", $0)] } ?? [])
        #expect(TransactionalProducer.timeoutMilliseconds(properties) == milliseconds)
        try properties.validate()
    }

    @Test func `every default of ours has a value that librdkafka takes`() throws {
        for (defaults, fixed) in [(Consumer.defaults, Consumer.fixed), (TransactionalProducer.defaults, ProducerDefaults.fixed)] {
            _ = try Configuration(defaults: defaults, properties: KafkaProperties(), fixed: fixed)
            for entry in fixed.entries { #expect(KafkaProperties.reservedViolation(key: entry.key, value: "another") != nil, "\(entry.key)") }
        }
    }
}

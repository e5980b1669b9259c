import Kafka
import RuleFiles
import Testing

@testable import FraudService

struct SecretsAndPropertiesTests {
    @Test func `a secret is read from its file and never shown`() throws {
        var given = Given(file: "redis:\n  url_file: /run/redis\n", files: ["/run/redis": "redis://u:p%40ss@r:7000/2\n"])
        let settings = try given.load().get()
        let redis = try #require(settings.redis)
        #expect(redis.place == .network(HostPort(host: "r", port: 7_000)))
        #expect((redis.user, redis.password, redis.database) == ("u", "p@ss", 2))
        #expect(settings.shown.first { $0.path == "redis.url" } == ShownSetting(path: "redis.url", value: "***", origin: .file("tripline.yaml", line: 2)))
        given.files = ["/run/redis": "http://hunter2"]
        #expect(given.text.contains("redis.url: the value (from /run/redis) does not begin with redis://"))
        #expect(!given.text.contains("hunter2"))
    }

    @Test func `a wrong secret in the file is not repeated in messages`() {
        let text = Given(file: "redis:\n  url: \"redis://:hunter2@\"\n").text
        #expect(text.contains("tripline.yaml:2:8: error[C002]: redis.url: the value has no host"))
        #expect(!text.contains("hunter2"))
    }

    @Test func `a secret and its file together are refused, in different sources the later wins`() throws {
        let files = ["/s": "redis://b"]
        #expect(Given(file: "redis:\n  url: redis://a\n  url_file: /s\n", files: files).problems == ["C004@3:13: redis.url and redis.url_file are both given"])
        let settings = try Given(file: "redis:\n  url: redis://a\n", environment: ["TRIPLINE_REDIS_URL_FILE": "/s"], files: files).load().get()
        #expect(settings.redis?.place == .network(HostPort(host: "b", port: 6_379)))
        let back = Given(file: "redis:\n  url_file: /absent\n", sets: ["redis.url=redis://c"], files: files).load()
        guard case .failure(let diagnostics) = back else { throw Unexpected() }
        #expect(diagnostics.all.map(\.code) == ["C005"])
    }

    @Test func `addresses of Redis are taken apart`() throws {
        func parsed(_ text: String) throws -> RedisURL? { try Given(sets: ["redis.url=\(text)"]).load().get().redis }
        #expect(try parsed("redis://h") == RedisURL("redis://h:6379/0"))
        #expect(try parsed("redis://[::1]:1234")?.place == .network(HostPort(host: "::1", port: 1_234)))
        #expect(try parsed("redis://[::1]")?.place == .network(HostPort(host: "::1", port: 6_379)))
        #expect(try parsed("redis://:pw@h/3")?.password == "pw")
        #expect(try parsed("redis://:pw@h/3")?.user == nil)
        for text in [
            "redis://", "h:1", "rediss://h", "redis://h:0", "redis://h:99999", "redis://h/x", "redis://u@h", "redis://:%zz@h",
            "unix://s", "redis+unix://", "unix:///s?db=x", "unix:///s?tls=1", "unix://u@/s",
        ] {
            #expect(Given(sets: ["redis.url=\(text)"]).problems.count == 1, "\(text)")
        }
    }

    @Test(arguments: [
        "redis+unix:///run/redis/redis.sock?db=3", "unix:///run/redis/redis.sock?db=3", "unix:///run/redis%2Fredis.sock?db=3",
    ])
    func `Redis may be behind a Unix socket`(text: String) throws {
        let redis = try #require(try Given(sets: ["redis.url=\(text)"]).load().get().redis)
        #expect(redis.place == .socket(path: "/run/redis/redis.sock"))
        #expect((redis.user, redis.password, redis.database) == (nil, nil, 3))
    }

    @Test(arguments: ["unix://u:p%40@/s", "redis+unix:///s?username=u&password=p%40"])
    func `a Unix socket takes a login too`(text: String) throws {
        let redis = try #require(try Given(sets: ["redis.url=\(text)"]).load().get().redis)
        #expect(redis.place == .socket(path: "/s"))
        #expect((redis.user, redis.password, redis.database) == ("u", "p@", 0))
    }

    @Test func `PostgreSQL's address is a URL that libpq takes, and is never shown`() throws {
        let given = Given(file: "postgres:\n  url_file: /pg\n", files: ["/pg": "postgresql://u:hunter2@db:5433/fraud?sslmode=require\n"])
        let settings = try given.load().get()
        #expect("\(try #require(settings.postgres))" == "postgresql://db:5433/fraud")
        #expect(settings.shown.first { $0.path == "postgres.url" }?.value == "***")
        for text in ["db:5432", "postgresql://u:hunter2%zz@db", "postgresql://db?hunter2=1", "redis://hunter2@db"] {
            let problems = Given(sets: ["postgres.url=\(text)"]).problems
            #expect(problems.count == 1, "\(text)")
            #expect(problems.first?.contains("hunter2") == false, "\(text)")
        }
    }

    @Test func `Kafka properties pass through, the later source over the earlier`() throws {
        let file = """
            group: g
            kafka:
              bootstrap_servers: k:9092
              properties:
                security.protocol: sasl_plaintext
                sasl.password: hunter2
              consumer_properties: {fetch.min.bytes: 1}
              producer_properties: {compression.type: zstd}
            """
        var given = Given(file: file, environment: ["TRIPLINE_KAFKA_PROPERTIES": "{security.protocol: sasl_ssl, client.rack: a}"])
        given.sets = ["kafka.consumer_properties.fetch.min.bytes=2"]
        let settings = try given.load().get()
        #expect(settings.consumerProperties.value(of: "security.protocol") == "sasl_ssl")
        #expect(settings.consumerProperties.value(of: "client.rack") == "a")
        #expect(settings.consumerProperties.value(of: "fetch.min.bytes") == "2")
        #expect(settings.consumerProperties.value(of: "group.id") == "g")
        #expect(settings.consumerProperties.value(of: "compression.type") == nil)
        #expect(settings.producerProperties.value(of: "compression.type") == "zstd")
        #expect(settings.producerProperties.value(of: "sasl.password") == "hunter2")
        #expect(settings.producerProperties.value(of: "bootstrap.servers") == "k:9092")
        #expect(settings.shown.contains { $0.path == "kafka.properties.sasl.password" && $0.value == "***" })
        #expect(!settings.shown.contains { $0.value.contains("hunter2") })
    }

    @Test func `open transactions are waited for as long as the producer's properties let them be open`() throws {
        #expect(try Given(file: "group: g").load().get().openTransaction == 12_000)
        let file = "kafka:\n  producer_properties: {transaction.timeout.ms: 60000}\n"
        #expect(try Given(file: file).load().get().openTransaction == 62_000)
    }

    @Test func `reserved, unknown and wrong Kafka properties are refused where they stand`() {
        let given = Given(
            file: "kafka:\n  properties:\n    group.id: x\n    fetch.min.byte: 1\n    fetch.min.bytes: lots\n    acks: \"1\"\n    queue: {a: b}\n")
        let problems = given.problems
        #expect(problems.count == 5)
        #expect(problems.contains { $0.hasPrefix("C006@3:15: kafka.properties: group.id is set by the service") })
        #expect(problems.contains { $0.hasPrefix("C006@4:21: kafka.properties: ") && $0.contains("fetch.min.byte") })
        #expect(problems.contains { $0.hasPrefix("C006@5:22: ") })
        #expect(problems.contains { $0.hasPrefix("C006@6:11: kafka.properties: acks=1 is refused") })
        #expect(problems.contains { $0.hasPrefix("C002@7:12: ") })
        #expect(Given(environment: ["TRIPLINE_KAFKA_PROPERTIES": "ssl"]).problems.count == 1)
    }

    @Test func `a secret Kafka property may be a file`() throws {
        let settings = try Given(file: "kafka:\n  properties:\n    sasl.password_file: /p\n", files: ["/p": "pw\r\n"]).load().get()
        #expect(settings.clientProperties.value(of: "sasl.password") == "pw")
        #expect(Given(file: "kafka:\n  properties:\n    sasl.password_file: /absent\n").problems.count == 1)
    }

    @Test func `addresses have a host and a port`() {
        for text in ["0.0.0.0:80", "[::1]:0", "host:65535"] { #expect(Given(sets: ["http.listen=\(text)"]).problems == [], "\(text)") }
        for text in ["host", ":80", "host:", "host:65536", "host:+1", "::1:80", "a b:1", "http://h:1", ""] {
            #expect(Given(sets: ["http.listen=\(text)"]).problems.count == 1, "\(text)")
        }
        #expect(Given(sets: ["kafka.bootstrap_servers=a:1,"]).problems.count == 1)
        #expect(Given(sets: ["kafka.bootstrap_servers=a:1, b:2"]).problems == [])
    }
}

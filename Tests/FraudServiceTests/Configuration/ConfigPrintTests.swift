import Testing

@testable import FraudService

struct ConfigPrintTests {
    @Test func `text that a YAML reader could take for something else stands in quotes`() {
        let shown = ["no", "~", "a: b", "-", "x:", ":", "#", "[::1]:80", "*", "5m", "/a/b", "a,b", ""].enumerated().map { index, value in
            ShownSetting(path: "kafka.properties.k\(index).a", value: value, origin: .standard)
        }
        #expect(
            ConfigCommand.yaml(shown) == """
                kafka:
                  properties:
                    k0.a: "no"
                    k1.a: "~"
                    k2.a: "a: b"
                    k3.a: "-"
                    k4.a: "x:"
                    k5.a: ":"
                    k6.a: "#"
                    k7.a: "[::1]:80"
                    k8.a: "*"
                    k9.a: 5m
                    k10.a: /a/b
                    k11.a: "a,b"
                    # k12.a: not set; none

                """)
    }

    @Test func `groups open where they begin and close where they end`() throws {
        let settings = try Given(file: "redis: {url: \"redis://h:1\"}").load().get()
        let text = ConfigCommand.yaml(settings.shown)
        #expect(text.hasPrefix("group: tripline\ninstance: host-1\nworkers: 3\nkafka:\n  bootstrap_servers: 127.0.0.1:9092\ninput:\n"))
        #expect(text.contains("    occurred_at: occurred_at\n  amount: minor\n"))
        #expect(text.contains("redis:\n  url: \"***\"\n"))
    }
}

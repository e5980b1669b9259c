import Glibc
import Testing

@testable import FraudService
@testable import Kafka

struct LogTests {
    /// What a log writes into a pipe.
    private func written(_ level: LogLevel = .info, _ format: LogFormat, _ body: (Log) -> Void) -> String {
        var ends: [Int32] = [0, 0]
        #expect(pipe(&ends) == 0)
        body(Log(level: level, format: format, descriptor: ends[1], now: { 1_795_428_000_123 }))
        close(ends[1])
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = read(ends[0], &bytes, bytes.count)
        close(ends[0])
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }

    @Test func `a JSON line has time, level, message and the values in the order given`() {
        let line = written(.info, .json) { $0.info("checkpoint written", [.partition: "3", .seconds: "0.25", .path: "/a \"b\"\n\u{1}é"]) }
        #expect(
            line
                == #"{"time":"2026-11-23T10:00:00.123Z","level":"info","message":"checkpoint written","partition":3,"seconds":0.25,"path":"/a \"b\"\n\u0001é"}"#
                + "\n")
    }

    @Test func `a text line quotes values that could be taken for something else`() {
        let line = written(.info, .text) { $0.warning("producer", [.error: "x y", .offset: "7", .reason: "", .path: "a\nb"]) }
        #expect(line == "2026-11-23T10:00:00.123Z WARNING producer error=\"x y\" offset=7 reason=\"\" path=\"a\\nb\"\n")
    }

    @Test func `lines below the level are not written`() {
        let text = written(.warning, .text) { log in
            log.error("e")
            log.warning("w")
            log.info("i")
            log.debug("d")
        }
        #expect(text.split(separator: "\n").count == 2)
        #expect(written(.debug, .text) { $0.debug("d") }.hasSuffix("DEBUG d\n"))
    }

    @Test func `values of lines that are not written are not computed at debug`() {
        var computed = false
        func value() -> String {
            computed = true
            return "x"
        }
        _ = written(.info, .text) { $0.debug("d", [.reason: value()]) }
        #expect(!computed)
    }

    @Test func `only JSON numbers stand bare`() {
        for text in ["0", "-1", "1.5", "1e-05", "12"] { #expect(LogText.isNumber(text), "\(text)") }
        for text in ["", "01", "nan", "inf", "1.", ".5", "0x1", "+1", "1 ", "1e"] { #expect(!LogText.isNumber(text), "\(text)") }
        #expect(written(.info, .json) { $0.info("m", [.offset: "nan", .topic: "5"]) }.hasSuffix(#""offset":"nan","topic":"5"}"# + "\n"))
    }

    @Test func `librdkafka's severities become the log's`() {
        let text = written(.debug, .text) { log in
            for level in Int32(0)...7 { log.kafka(KafkaLogLine(level: level, client: "c", facility: "FAIL", message: "down")) }
        }
        let levels = text.split(separator: "\n").map { String($0.split(separator: " ")[1]) }
        #expect(levels == ["ERROR", "ERROR", "ERROR", "ERROR", "WARNING", "INFO", "INFO", "DEBUG"])
        #expect(text.contains("kafka client client=c facility=FAIL error=down\n"))
    }

    @Test func `durations are shown to the millisecond`() {
        #expect(Log.seconds(0.066861567) == "0.067")
        #expect(Log.seconds(12) == "12.0")
        #expect(LogText.isNumber(Log.seconds(0.0001)))
    }

    @Test func `every key is lower-case words, once`() {
        #expect(Set(LogKey.allCases.map(\.rawValue)).count == LogKey.allCases.count)
        for key in LogKey.allCases { #expect(key.rawValue.utf8.allSatisfy { $0 == UInt8(ascii: "_") || (0x61...0x7A).contains($0) }, "\(key)") }
        #expect(!LogKey.allCases.contains { ["time", "level", "message"].contains($0.rawValue) })
    }

    @Test func `an account is never whole in a line`() {
        #expect(Log.masked("account-0042") == "ac…42")
        #expect(Log.masked("acc-42") == "…")
        #expect(Log.masked("") == "…")
    }
}

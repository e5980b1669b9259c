import FraudEngine
import Glibc
import Kafka

/// How much a line matters; a log writes those of its level and above.
package enum LogLevel: String, Sendable, CaseIterable, Comparable {
    case error, warning, info, debug

    private var rank: Int {
        switch self {
        case .error: 3
        case .warning: 2
        case .info: 1
        case .debug: 0
        }
    }

    package static func < (a: LogLevel, b: LogLevel) -> Bool { a.rank < b.rank }
}

/// How a line looks.
package enum LogFormat: String, Sendable, CaseIterable {
    /// One JSON object: `time`, `level`, `message`, then the keys in the order given.
    case json
    /// `2026-11-23T10:00:00.000Z WARNING message key=value`
    case text
}

/// The service's log: one line and one `write` per event, to standard error. Immutable; used from any thread without a lock.
package final class Log: Sendable {
    package let level: LogLevel
    package let format: LogFormat
    private let descriptor: Int32
    private let now: @Sendable () -> Int64

    /// - Parameters:
    ///   - descriptor: where lines go; not closed.
    ///   - now: Unix milliseconds.
    package init(level: LogLevel, format: LogFormat, descriptor: Int32 = STDERR_FILENO, now: @escaping @Sendable () -> Int64 = Log.wallClock) {
        self.level = level
        self.format = format
        self.descriptor = descriptor
        self.now = now
    }

    package func error(_ message: StaticString, _ values: KeyValuePairs<LogKey, String> = [:]) { write(.error, message, values) }

    package func warning(_ message: StaticString, _ values: KeyValuePairs<LogKey, String> = [:]) { write(.warning, message, values) }

    package func info(_ message: StaticString, _ values: KeyValuePairs<LogKey, String> = [:]) { write(.info, message, values) }

    package func debug(_ message: StaticString, _ values: @autoclosure () -> KeyValuePairs<LogKey, String> = [:]) {
        if level == .debug { write(.debug, message, values()) }
    }

    /// Takes librdkafka's lines; its notices are information here.
    package var kafka: KafkaLogHandler {
        { [self] line in
            let level: LogLevel = line.level <= 3 ? .error : line.level == 4 ? .warning : line.level <= 6 ? .info : .debug
            write(level, "kafka client", [.client: line.client, .facility: line.facility, .error: line.message])
        }
    }

    /// An account as logs may show it: its first two and last two characters; of a short one, only that there is one.
    package static func masked(_ account: some StringProtocol) -> String {
        account.count < 8 ? "…" : "\(account.prefix(2))…\(account.suffix(2))"
    }

    /// A duration as logs show it: to the millisecond.
    package static func seconds(_ value: Double) -> String { "\((value * 1_000).rounded() / 1_000)" }

    /// Unix milliseconds of the system's clock.
    package static let wallClock: @Sendable () -> Int64 = {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
    }

    // MARK: Lines

    private func write(_ level: LogLevel, _ message: StaticString, _ values: KeyValuePairs<LogKey, String>) {
        guard level >= self.level else { return }
        var line = ByteWriter(capacity: 512)
        switch format {
        case .json: appendJSON(level, message, values, to: &line)
        case .text: appendText(level, message, values, to: &line)
        }
        line.append(UInt8(ascii: "\n"))
        var at = 0
        while at < line.count {
            let count = Glibc.write(descriptor, line.bytes + at, line.count - at)
            // A log that cannot be written has nobody to tell.
            if count < 0, errno != EINTR { return }
            at += max(0, count)
        }
    }

    private func appendJSON(_ level: LogLevel, _ message: StaticString, _ values: KeyValuePairs<LogKey, String>, to line: inout ByteWriter) {
        line.append("{\"time\":\"")
        line.append(timestamp: now())
        line.append("\",\"level\":\"")
        line.append(utf8: level.rawValue)
        line.append("\",\"message\":")
        LogText.append(quoted: "\(message)", to: &line)
        for (key, value) in values {
            line.append(",\"")
            line.append(utf8: key.rawValue)
            line.append("\":")
            if key.isNumber, LogText.isNumber(value) { line.append(utf8: value) } else { LogText.append(quoted: value, to: &line) }
        }
        line.append(UInt8(ascii: "}"))
    }

    private func appendText(_ level: LogLevel, _ message: StaticString, _ values: KeyValuePairs<LogKey, String>, to line: inout ByteWriter) {
        line.append(timestamp: now())
        line.append(UInt8(ascii: " "))
        line.append(utf8: level.rawValue.uppercased())
        line.append(UInt8(ascii: " "))
        line.append(message)
        for (key, value) in values {
            line.append(UInt8(ascii: " "))
            line.append(utf8: key.rawValue)
            line.append(UInt8(ascii: "="))
            if LogText.isPlain(value) { line.append(utf8: value) } else { LogText.append(quoted: value, to: &line) }
        }
    }
}

/// How values stand in log lines.
enum LogText {
    /// A JSON string; in text lines too: no value can forge a line.
    static func append(quoted text: String, to line: inout ByteWriter) {
        line.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""): line.append("\\\"")
            case UInt8(ascii: "\\"): line.append("\\\\")
            case UInt8(ascii: "\n"): line.append("\\n")
            case UInt8(ascii: "\r"): line.append("\\r")
            case UInt8(ascii: "\t"): line.append("\\t")
            case 0..<0x20, 0x7F:
                line.append("\\u00")
                let digits = String(byte, radix: 16)
                line.append(utf8: digits.utf8.count < 2 ? "0" + digits : digits)
            case _: line.append(byte)
            }
        }
        line.append(UInt8(ascii: "\""))
    }

    /// Whether a value needs no quotes in a text line.
    static func isPlain(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "=") }
    }

    /// Whether the text is a JSON number.
    static func isNumber(_ text: String) -> Bool {
        var rest = text.utf8[...]
        if rest.first == UInt8(ascii: "-") { rest.removeFirst() }
        guard let whole = digits(&rest), whole.count == 1 || whole.first != UInt8(ascii: "0") else { return false }
        if rest.first == UInt8(ascii: ".") {
            rest.removeFirst()
            guard digits(&rest) != nil else { return false }
        }
        if let mark = rest.first, mark == UInt8(ascii: "e") || mark == UInt8(ascii: "E") {
            rest.removeFirst()
            if let sign = rest.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") { rest.removeFirst() }
            guard digits(&rest) != nil else { return false }
        }
        return rest.isEmpty
    }

    private static func digits(_ rest: inout Substring.UTF8View) -> Substring.UTF8View? {
        let found = rest.prefix { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
        rest = rest.dropFirst(found.count)
        return found.isEmpty ? nil : found
    }
}

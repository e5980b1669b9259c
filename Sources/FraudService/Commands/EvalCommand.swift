import FraudEngine
import Glibc
import RuleFiles

/// `tripline eval DIR FILE`: payments of a file through the rules, as one partition would judge them; alerts on stdout, one JSON a line.
///
/// A line's Kafka timestamp is its own event time, its key its own account; it is read once, front to back, and never held as a whole.
struct EvalCommand: ~Copyable {
    private let set: RuleSet
    private let mapping: InputMapping
    private var kit: FoldKit
    private var machine: PartitionMachine
    private var outbox = Outbox()
    private let context: OutputContext
    /// Lines that wait to be folded, each with its key behind it.
    private var bytes = ByteWriter(capacity: 1 << 16)
    private var waiting: [(value: Range<Int>, key: Range<Int>?, time: Int64?, line: Int64)] = []
    private var count: Int64 = 0
    private var complaints: [String] = []

    static func run(_ directory: String, _ file: String, _ settings: Settings, _ output: Invocation.OutputFormat) -> ExitCode {
        let loaded: LoadedRuleSet
        switch DeepStack.run({ RuleFiles.load(directory: directory, baseWindowMilliseconds: settings.windows.size) }) {
        case .failure(let diagnostics):
            Terminal.note(diagnostics.text + "tripline: \(UnloadedRules.ofArgument(directory, diagnostics).sentence)\n")
            return .usage
        case .success(let good): loaded = good
        }
        let descriptor = file == "-" ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            Terminal.note("tripline: cannot open \(file): \(String(cString: strerror(errno)))\n")
            return .usage
        }
        defer { close(descriptor) }
        var command = EvalCommand(loaded.set, settings)
        return command.run(LineReader(descriptor), file: file, output)
    }

    private init(_ set: RuleSet, _ settings: Settings) {
        self.set = set
        mapping = settings.input.mapping
        kit = FoldKit(ruleSet: set, mapping: mapping, windows: settings.windows)
        machine = PartitionMachine(
            partition: 0, state: PartitionState(windows: settings.windows, seed: 0), next: 0, anchor: nil,
            history: [RuleActivation(sequence: 1, ruleSet: set.hash, fromOffset: 0, streamTime: StreamTime.none)])
        machine.use(kit)
        context = OutputContext(group: settings.group, inputTopic: settings.input.topic, deadLetterMaxBytes: Int.max, lateMaxBytes: Int.max)
    }

    private mutating func run(_ lines: consuming LineReader, file: String, _ output: Invocation.OutputFormat) -> ExitCode {
        while let line = lines.next() {
            take(line, number: lines.number)
            if waiting.count == PaymentBatch.capacity { fold() }
        }
        fold()
        if let problem = lines.problem {
            Terminal.note("tripline: cannot read \(file): \(problem)\n")
            return .usage
        }
        summarise(output)
        return kit.counters.outcomes[Int(Outcome.invalid.rawValue)] == 0 ? .ok : .findings
    }

    private mutating func take(_ line: [UInt8], number: Int64) {
        count += 1
        let start = bytes.count
        bytes.append(line)
        let value = start..<bytes.count
        var key: Range<Int>?
        if let account = JSONMember.string(mapping.accountID, in: line) {
            bytes.append(account)
            key = value.upperBound..<bytes.count
        }
        waiting.append((value, key, eventTime(line), number))
    }

    /// nil where the line has none that can be read: the record then has no Kafka timestamp either.
    private func eventTime(_ line: [UInt8]) -> Int64? {
        switch mapping.timeStyle {
        case .rfc3339:
            return JSONMember.string(mapping.occurredAt, in: line).flatMap { $0.withUnsafeBytes { Timestamp.parse(ByteSlice($0)) } }
        case .epochSeconds, .epochMilliseconds, .epochMicroseconds, .epochNanoseconds:
            guard let number = JSONMember.integer(mapping.occurredAt, in: line) else { return nil }
            switch mapping.timeStyle {
            case .epochSeconds: return number.multipliedReportingOverflow(by: 1_000).partialValue
            case .epochMicroseconds: return number / 1_000
            case .epochNanoseconds: return number / 1_000_000
            case .rfc3339, .epochMilliseconds: return number
            }
        }
    }

    private mutating func fold() {
        let start = UnsafeRawPointer(bytes.bytes)
        let records = waiting.map { line in
            RawRecord(
                value: start + line.value.lowerBound, valueCount: line.value.count, key: line.key.map { start + $0.lowerBound },
                keyCount: line.key?.count ?? 0, offset: line.line - 1, timestamp: line.time ?? RawRecord.absentTimestamp)
        }
        records.withUnsafeBufferPointer { run in
            machine.fold(run, kit: &kit, outbox: &outbox, context: context, emits: true) { _, _, _ in }
        }
        for entry in outbox.entries {
            switch entry.kind {
            case .alert, .shadowAlert: if let value = entry.value { Terminal.write(slice(value) + [UInt8(ascii: "\n")], to: STDOUT_FILENO) }
            case .late: break
            case .deadLetter: complain(entry)
            }
        }
        outbox.removeAll()
        waiting.removeAll(keepingCapacity: true)
        bytes.removeAll()
    }

    private func slice(_ range: Range<Int>) -> [UInt8] { outbox.bytes.withBytes { Array($0[range]) } }

    /// Keeps the first of what was wrong, with the line it was on.
    private mutating func complain(_ entry: Outbox.Entry) {
        guard complaints.count < 10 else { return }
        var headers = HeaderReader(slice(entry.headers))
        var message = ""
        var reason = ""
        var offset: Int64 = 0
        while let (name, value) = headers.next() {
            switch name {
            case "__streams.errors.message": message = value
            case "tripline.error.reason": reason = value
            case "__streams.errors.offset": offset = Int64(value) ?? 0
            case _: break
            }
        }
        complaints.append("line \(offset + 1): \(reason): \(message)")
    }

    private func summarise(_ output: Invocation.OutputFormat) {
        let outcomes = Outcome.allCases.map { (name: "\($0.name)", count: kit.counters.outcomes[Int($0.rawValue)]) }
        let rules = zip(set.rules, zip(kit.counters.alerts, kit.counters.matches)).filter { $0.1.1 > 0 }
        if output == .json {
            let counts = outcomes.map { "\"\($0.name)\":\($0.count)" }.joined(separator: ",")
            let alerts = rules.map { "\(jsonQuoted($0.0.id)):{\"alerts\":\($0.1.0),\"matches\":\($0.1.1)}" }.joined(separator: ",")
            let invalid = complaints.map(jsonQuoted).joined(separator: ",")
            return Terminal.note("{\"read\":\(count),\"outcomes\":{\(counts)},\"rules\":{\(alerts)},\"invalid\":[\(invalid)]}\n")
        }
        for complaint in complaints { Terminal.note("\(complaint)\n") }
        Terminal.note("\(count) payment\(count == 1 ? "" : "s"): \(outcomes.map { "\($0.count) \($0.name)" }.joined(separator: ", "))\n")
        for (rule, (alerts, matches)) in rules {
            let counts = "\(alerts) alert\(alerts == 1 ? "" : "s"), \(matches) match\(matches == 1 ? "" : "es")"
            Terminal.note("  \(rule.id): \(counts)\(rule.status == .shadow ? " (shadow)" : "")\n")
        }
        if rules.isEmpty { Terminal.note("  no rule matched\n") }
    }
}

/// Reads the lines of a file, one at a time; empty ones are passed over.
struct LineReader: ~Copyable {
    private let descriptor: Int32
    private var buffer: [UInt8] = []
    private var at = 0
    private var isOver = false
    private(set) var problem: String?
    /// Of the line returned last, from 1.
    private(set) var number: Int64 = 0

    init(_ descriptor: Int32) { self.descriptor = descriptor }

    mutating func next() -> [UInt8]? {
        while true {
            if let end = buffer[at...].firstIndex(of: UInt8(ascii: "\n")) {
                defer { at = end + 1 }
                number += 1
                if let line = Self.content(buffer[at..<end]) { return line }
                continue
            }
            guard !isOver else {
                defer { at = buffer.count }
                number += 1
                return Self.content(buffer[at...])
            }
            fill()
        }
    }

    private static func content(_ line: ArraySlice<UInt8>) -> [UInt8]? {
        let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
        return line.allSatisfy { $0 == 32 || $0 == 9 } ? nil : Array(line)
    }

    private mutating func fill() {
        buffer.removeFirst(at)
        at = 0
        var chunk = [UInt8](repeating: 0, count: 1 << 18)
        let count = read(descriptor, &chunk, chunk.count)
        if count > 0 { return buffer += chunk.prefix(count) }
        if count < 0, errno == EINTR { return }
        if count < 0 { problem = String(cString: strerror(errno)) }
        isOver = true
    }
}

/// Reads a header block.
struct HeaderReader {
    private var rest: ArraySlice<UInt8>

    init(_ block: [UInt8]) { rest = block[...] }

    /// The next name and value; a null value is empty.
    mutating func next() -> (name: String, value: String)? {
        guard !rest.isEmpty else { return nil }
        let name = take(count())
        return (name, take(max(0, count())))
    }

    private mutating func count() -> Int {
        let bytes = rest.prefix(4)
        rest = rest.dropFirst(4)
        return Int(Int32(bitPattern: bytes.reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }))
    }

    private mutating func take(_ count: Int) -> String {
        defer { rest = rest.dropFirst(count) }
        return String(decoding: rest.prefix(count), as: UTF8.self)
    }
}

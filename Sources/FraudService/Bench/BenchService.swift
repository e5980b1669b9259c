import FraudEngine

/// The measured process: `tripline serve` with settings of its own, looked at through /proc and its admin port.
final class BenchService {
    let process: ChildProcess
    private let adminPort: UInt16
    /// The file with its log.
    let output: String

    /// What its status says.
    private struct Sample {
        /// Records read, over all partitions.
        var position: Int64
        var livePartitions: Int
        /// When it was true, Unix milliseconds.
        var at: Int64
    }

    init(
        common: [String], group: String, topic: String, outputs: [String], rules: String, redis: UInt16?, folder: String,
        instance: String = "bench", log: String? = nil, settings: [String] = []
    ) throws(StartFailure) {
        guard let port = LocalPort.free() else { throw StartFailure(.refused, "no port of 127.0.0.1 is free") }
        adminPort = port
        output = log ?? "\(folder).log"
        var sets = [
            "group=\(group)", "instance=\(instance)", "input.topic=\(topic)", "input.start=earliest", "output.alerts=\(outputs[0])",
            "output.shadow=\(outputs[1])",
            "output.late=\(outputs[2])", "output.dead_letters=\(outputs[3])", "rules.directory=\(rules)", "checkpoint.store=directory:\(folder)",
            // So that checkpoints are taken while it is measured.
            "checkpoint.max_debt=200000", "http.listen=127.0.0.1:0", "admin.listen=127.0.0.1:\(port)", "log.level=warning",
        ]
        sets += settings
        if let redis { sets.append("redis.url=redis://127.0.0.1:\(redis)") }
        do throws(FileSystem.Problem) {
            process = try ChildProcess(["/proc/self/exe", "serve"] + common + sets.flatMap { ["--set", $0] }, output: output)
        } catch {
            throw StartFailure(.refused, "\(error)")
        }
    }

    func stop() { process.end() }

    private func sample() throws(StartFailure) -> Sample? {
        if let code = process.poll() { throw StartFailure(.unreachable, "the measured service ended with \(code): \(log)") }
        guard let status = LocalHTTP.get("/status", port: adminPort) else { return nil }
        let positions = Self.numbers("\"next\":", in: status)
        return Sample(
            position: positions.reduce(0, +), livePartitions: status.split(separator: "\"state\":\"live\"", omittingEmptySubsequences: false).count - 1,
            at: Self.numbers("\"at\":", in: status).max() ?? 0)
    }

    /// The partitions that it holds live.
    func livePartitions() throws(StartFailure) -> [Int32] {
        try listed().compactMap { entry in entry.contains("\"state\":\"live\"") ? Int32(entry.prefix { $0.isNumber }) : nil }
    }

    /// By partition: how many records its newest checkpoint does not hold.
    func checkpointDebts() throws(StartFailure) -> [Int64] {
        try listed().map { entry in
            guard let next = Self.number("next", in: entry) else { return .max }
            return next - (Self.number("checkpoint", in: entry) ?? 0)
        }
    }

    /// What its status says of each partition; nothing before it answers.
    private func listed() throws(StartFailure) -> ArraySlice<Substring> {
        if let code = process.poll() { throw StartFailure(.unreachable, "an instance ended with \(code): \(log)") }
        return (LocalHTTP.get("/status", port: adminPort) ?? "").split(separator: "{\"partition\":", omittingEmptySubsequences: false).dropFirst()
    }

    /// A partition read again from one offset to before another, as the log tells.
    struct Replay: Hashable {
        var time: String
        var partition: Int32
        var from: Int64
        var until: Int64

        var count: Int64 { until - from }
    }

    static func replays(in log: String) -> Set<Replay> {
        let text: String
        do throws(FileSystem.Problem) { text = String(decoding: try FileSystem.read(log), as: UTF8.self) } catch { return [] }
        return text.split(separator: "\n").reduce(into: []) { found, line in
            guard line.contains("\"message\":\"replaying\""), let partition = number("partition", in: line),
                let from = number("from", in: line), let until = number("until", in: line)
            else { return }
            found.insert(Replay(time: String(line.prefix(40)), partition: Int32(clamping: partition), from: from, until: until))
        }
    }

    private static func number(_ name: String, in line: Substring) -> Int64? { numbers("\"\(name)\":", in: String(line)).first }

    private var log: String {
        do throws(FileSystem.Problem) { return String(decoding: try FileSystem.read(output).suffix(2_000), as: UTF8.self) } catch { return "\(error)" }
    }

    private static func numbers(_ name: String, in text: String) -> [Int64] {
        text.split(separator: name, omittingEmptySubsequences: false).dropFirst().compactMap { Int64($0.prefix { $0.isNumber }) }
    }

    /// Checkpoints it has written so far.
    var checkpointsWritten: Int64 {
        let metrics = LocalHTTP.get("/metrics", port: adminPort) ?? ""
        return metrics.split(separator: "\n").first { $0.hasPrefix("tripline_checkpoints_total{result=\"success\"}") }
            .flatMap { $0.split(separator: " ").last }.flatMap { Int64($0) } ?? 0
    }

    /// Waits until so many records are read.
    func wait(until position: Int64) throws(StartFailure) {
        let deadline = Clock.monotonicMilliseconds() + 60_000
        while (try sample()?.position ?? 0) < position {
            guard Clock.monotonicMilliseconds() < deadline else { throw StartFailure(.findings, "the measured service has not read everything: \(log)") }
            try Bench.pause(milliseconds: 20)
        }
    }

    /// From the first moment at which every partition is live to the one at which all payments are read.
    func measureBacklog(payments: Int64) throws(StartFailure) -> BenchReport.Backlog {
        var first: Sample?
        var processor = 0.0
        var last: Sample?
        var longestPause: Int64 = 0
        let deadline = Clock.monotonicMilliseconds() + 300_000
        while true {
            guard Clock.monotonicMilliseconds() < deadline else { throw StartFailure(.findings, "the backlog is not read after five minutes: \(log)") }
            try Bench.pause(milliseconds: 10)
            guard let seen = try sample(), seen.livePartitions == Int(Bench.partitions) else { continue }
            if first == nil {
                first = seen
                processor = process.processorSeconds ?? 0
            }
            if let before = last, seen.position > before.position {
                longestPause = max(longestPause, seen.at - before.at)
                last = seen
            } else if last == nil {
                last = seen
            }
            if seen.position >= payments { break }
        }
        guard let first, let last else { throw StartFailure(.findings, "nothing was measured") }
        return BenchReport.Backlog(
            payments: last.position - first.position, seconds: Double(last.at - first.at) / 1_000,
            processorSeconds: (process.processorSeconds ?? 0) - processor, longestPauseMilliseconds: longestPause,
            peakBytes: process.residentBytes(peak: true) ?? 0)
    }
}

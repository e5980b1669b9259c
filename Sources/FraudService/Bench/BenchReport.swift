import FraudEngine

/// What `tripline bench` measured, run by run.
struct BenchReport {
    struct Backlog {
        var payments: Int64
        var seconds: Double
        var processorSeconds: Double
        /// The longest time between two readings of which the second was further; readings come ten times a second.
        var longestPauseMilliseconds: Int64
        var peakBytes: Int

        var rate: Int { Int(Double(payments) / max(0.001, seconds)) }
        var nanoseconds: Int { Int(processorSeconds * 1e9 / Double(max(1, payments))) }
    }

    struct Run {
        var bare: BareLoop.Result
        var backlog: Backlog
        var live: Live?
        /// The bare loop at the same rate.
        var bareLive: Live?
        /// Written until the end of the run.
        var checkpoints: Int64
    }

    var payments: Int
    var accounts: Int
    var rate: Int
    var hasRedis: Bool
    var runs: [Run] = []

    func print(_ output: Invocation.OutputFormat) { Terminal.data(output == .json ? json : text) }

    // MARK: Text

    private var text: String {
        var lines = [
            "\(payments) payments of \(accounts) accounts, \(Bench.partitions) partitions, \(hasRedis ? "scores to Redis" : "no Redis"), checkpoints on", "",
            row(["backlog", "payments/s", "CPU/payment", "peak memory", "longest pause", "bare loop", "its CPU", "ratio"]),
        ]
        for (index, run) in runs.enumerated() {
            let bare = Double(run.bare.payments) / max(0.001, run.bare.seconds)
            lines.append(
                row([
                    "run \(index + 1)", "\(run.backlog.rate)", "\(Self.hundredths(Double(run.backlog.nanoseconds) / 1_000)) us",
                    "\(run.backlog.peakBytes >> 20) MiB",
                    "\(run.backlog.longestPauseMilliseconds) ms", "\(Int(bare))",
                    "\(Self.hundredths(run.bare.processorSeconds * 1e6 / Double(max(1, run.bare.payments)))) us",
                    "\(Self.hundredths(Double(run.backlog.rate) / bare))",
                ]))
        }
        let rates = runs.map(\.backlog)
        lines.append(
            row([
                "worst", "\(rates.map(\.rate).min() ?? 0)", "\(Self.hundredths(Double(rates.map(\.nanoseconds).max() ?? 0) / 1_000)) us",
                "\((rates.map(\.peakBytes).max() ?? 0) >> 20) MiB", "\(rates.map(\.longestPauseMilliseconds).max() ?? 0) ms", "", "", "",
            ]))
        if runs.contains(where: { $0.live != nil }) {
            let columns = ["p50", "p99", "p99.9", "until written", "until read", "alerts", "cores", "idle cores", "memory", "warm-up p99"]
            lines += ["", row(["live, \(rate)/s"] + columns)]
            for (index, run) in runs.enumerated() {
                if let live = run.live { lines.append(row(cells("run \(index + 1)", live))) }
                if let live = run.bareLive { lines.append(row(cells("  bare loop", live))) }
            }
            lines += ["", "alerts' p99 by second, ms (the bare loop's)"]
            for (index, run) in runs.enumerated() {
                guard let live = run.live, let bare = run.bareLive else { continue }
                func list(_ live: Live) -> String { live.seconds.map { "\($0.tail)" }.joined(separator: " ") }
                lines.append("run \(index + 1)  \(list(live)) (\(list(bare)))")
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private func cells(_ name: String, _ live: Live) -> [String] {
        func text(_ milliseconds: Int64?) -> String { milliseconds.map { "\($0)" } ?? "-" }
        let quantiles = [0.5, 0.99, 0.999].map { "\(text(live.quantile($0))) ms" }
        let stages = [Live.Stage.untilWritten, .untilRead].map { "\(text(live.quantile(0.5, $0)))/\(text(live.quantile(0.99, $0))) ms" }
        let use = [Self.hundredths(live.cores), live.idleCores.map(Self.hundredths) ?? "-", "\(live.residentBytes >> 20) MiB"]
        return [name] + quantiles + stages + ["\(live.count)"] + use + ["\(text(live.warmUpQuantile(0.99))) ms"]
    }

    private func row(_ cells: [String]) -> String {
        cells.enumerated().map { index, cell in
            let padding = String(repeating: " ", count: max(0, 14 - cell.utf8.count))
            return index == 0 ? cell + padding : padding + cell
        }.joined()
    }

    static func hundredths(_ value: Double) -> String {
        let hundredths = Int((value * 100).rounded())
        return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)"
    }

    // MARK: JSON

    private var json: String {
        let runs = runs.map { run in
            return "{\"bare_loop\":\(run.bare.json),\"backlog\":{\"payments\":\(run.backlog.payments),\"payments_per_second\":\(run.backlog.rate),"
                + "\"cpu_ns_per_payment\":\(run.backlog.nanoseconds),\"peak_bytes\":\(run.backlog.peakBytes),"
                + "\"longest_pause_ms\":\(run.backlog.longestPauseMilliseconds)},\"live\":\(run.live?.json ?? "null"),\"bare_live\":\(run.bareLive?.json ?? "null"),\"checkpoints\":\(run.checkpoints)}"
        }
        return "{\"payments\":\(payments),\"accounts\":\(accounts),\"partitions\":\(Bench.partitions),\"rate\":\(rate),\"redis\":\(hasRedis),"
            + "\"runs\":[\(runs.joined(separator: ","))]}\n"
    }
}

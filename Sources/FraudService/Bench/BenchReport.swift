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

    struct Live {
        var sent: Int64
        /// Processor time of the service per second.
        var cores: Double
        /// Milliseconds from a payment's Kafka timestamp to its alert read by a read_committed consumer; sorted.
        var latencies: [Int64]
        var residentBytes: Int

        func quantile(_ share: Double) -> Int64? { Quantile.of(latencies, share) }
    }

    struct Run {
        var bare: BareLoop.Result
        var backlog: Backlog
        var live: Live?
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
                    "run \(index + 1)", "\(run.backlog.rate)", "\(hundredths(Double(run.backlog.nanoseconds) / 1_000)) us",
                    "\(run.backlog.peakBytes >> 20) MiB",
                    "\(run.backlog.longestPauseMilliseconds) ms", "\(Int(bare))",
                    "\(hundredths(run.bare.processorSeconds * 1e6 / Double(max(1, run.bare.payments)))) us", "\(hundredths(Double(run.backlog.rate) / bare))",
                ]))
        }
        let rates = runs.map(\.backlog)
        lines.append(
            row([
                "worst", "\(rates.map(\.rate).min() ?? 0)", "\(hundredths(Double(rates.map(\.nanoseconds).max() ?? 0) / 1_000)) us",
                "\((rates.map(\.peakBytes).max() ?? 0) >> 20) MiB", "\(rates.map(\.longestPauseMilliseconds).max() ?? 0) ms", "", "", "",
            ]))
        if runs.contains(where: { $0.live != nil }) {
            lines += ["", row(["live, \(rate)/s", "p50", "p99", "p99.9", "alerts", "cores", "memory", "checkpoints"])]
            for (index, run) in runs.enumerated() {
                if let live = run.live { lines.append(row(cells("run \(index + 1)", live, run.checkpoints))) }
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private func cells(_ name: String, _ live: Live, _ checkpoints: Int64) -> [String] {
        let quantiles = [0.5, 0.99, 0.999].map { live.quantile($0).map { "\($0) ms" } ?? "-" }
        return [name] + quantiles + ["\(live.latencies.count)", hundredths(live.cores), "\(live.residentBytes >> 20) MiB", "\(checkpoints)"]
    }

    private func row(_ cells: [String]) -> String {
        cells.enumerated().map { index, cell in
            let padding = String(repeating: " ", count: max(0, 14 - cell.utf8.count))
            return index == 0 ? cell + padding : padding + cell
        }.joined()
    }

    private func hundredths(_ value: Double) -> String {
        let hundredths = Int((value * 100).rounded())
        return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)"
    }

    // MARK: JSON

    private var json: String {
        let runs = runs.map { run in
            let live = run.live.map { live in
                let quantiles = [("p50", 0.5), ("p99", 0.99), ("p999", 0.999)].map { "\"\($0)\":\(live.quantile($1).map(String.init) ?? "null")" }
                return "{\"sent\":\(live.sent),\"alerts\":\(live.latencies.count),\"latency_ms\":{\(quantiles.joined(separator: ","))},"
                    + "\"cores\":\(hundredths(live.cores)),\"resident_bytes\":\(live.residentBytes)}"
            }
            return "{\"bare_loop\":\(run.bare.json),\"backlog\":{\"payments\":\(run.backlog.payments),\"payments_per_second\":\(run.backlog.rate),"
                + "\"cpu_ns_per_payment\":\(run.backlog.nanoseconds),\"peak_bytes\":\(run.backlog.peakBytes),"
                + "\"longest_pause_ms\":\(run.backlog.longestPauseMilliseconds)},\"live\":\(live ?? "null"),\"checkpoints\":\(run.checkpoints)}"
        }
        return "{\"payments\":\(payments),\"accounts\":\(accounts),\"partitions\":\(Bench.partitions),\"rate\":\(rate),\"redis\":\(hasRedis),"
            + "\"runs\":[\(runs.joined(separator: ","))]}\n"
    }
}

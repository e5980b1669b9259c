/// What `tripline bench --recovery` measured, step by step.
struct RecoveryReport {
    struct Step {
        var name: String
        /// From the event until every partition is live.
        var milliseconds: Int64
        /// Records read again, over all partitions.
        var replayed: Int64
        /// Those of partitions that were, and are, with the same instance.
        var replayedWhereStayed: Int64
        /// How many partitions those are.
        var stayed: Int
        /// Milliseconds from payments to alerts, ascending: of those partitions, and of all.
        var beside: [Int64]
        var all: [Int64]
    }

    var accounts: Int
    /// Payments per second.
    var rate: Int
    var steps: [Step] = []

    func print(_ output: Invocation.OutputFormat) { Terminal.data(output == .json ? json : text) }

    private var text: String {
        var lines = [
            "\(accounts) accounts, \(Bench.recoveryPartitions) partitions, \(rate) payments/s", "",
            "step, seconds until every partition is live, records replayed (of those, in partitions that stayed), payment to alert p50/p99/longest "
                + "in partitions that stayed, and in all", "",
        ]
        for step in steps {
            lines.append(
                "\(step.name): \(step.milliseconds / 1_000).\(step.milliseconds / 100 % 10) s, \(step.replayed) (\(step.replayedWhereStayed) of \(step.stayed)), "
                    + "\(Self.latencies(step.beside)), \(Self.latencies(step.all))")
        }
        return lines.map { $0 + "\n" }.joined()
    }

    private static func latencies(_ sorted: [Int64]) -> String {
        guard let median = Quantile.of(sorted, 0.5), let tail = Quantile.of(sorted, 0.99), let longest = sorted.last else { return "no alerts" }
        return "\(median)/\(tail)/\(longest) ms (\(sorted.count) alerts)"
    }

    private var json: String {
        func quantiles(_ sorted: [Int64]) -> String {
            func text(_ value: Int64?) -> String { value.map(String.init) ?? "null" }
            return "{\"alerts\":\(sorted.count),\"p50\":\(text(Quantile.of(sorted, 0.5))),\"p99\":\(text(Quantile.of(sorted, 0.99))),"
                + "\"max\":\(text(sorted.last))}"
        }
        let steps = steps.map { step in
            "{\"step\":\(jsonQuoted(step.name)),\"live_ms\":\(step.milliseconds),\"replayed\":\(step.replayed),"
                + "\"replayed_where_stayed\":\(step.replayedWhereStayed),\"stayed\":\(step.stayed),\"stayed_latency_ms\":\(quantiles(step.beside)),"
                + "\"latency_ms\":\(quantiles(step.all))}"
        }
        return "{\"accounts\":\(accounts),\"rate\":\(rate),\"steps\":[\(steps.joined(separator: ","))]}\n"
    }
}

import FraudEngine
import RuleFiles

/// What the demo shows: a line for each alert, and a summary.
struct DemoReport {
    var seconds: Double
    var sent: Int64
    var wasHeldBack: Bool
    var totals: [(outcome: String, records: UInt64)]
    var seen: AlertReader.Seen

    private var read: UInt64 { totals.reduce(0) { $0 + $1.records } }

    /// As it is committed: a line for people, or the alert itself.
    static func show(_ alert: [UInt8], _ output: Invocation.OutputFormat) {
        if output == .json { return Terminal.write(alert + [UInt8(ascii: "\n")], to: 1) }
        let time = AlertBody.text("occurred_at", in: alert)?.dropFirst(11).dropLast() ?? ""
        func member(_ name: StaticString, _ width: Int) -> String {
            let text = AlertBody.text(name, in: alert) ?? ""
            return text + String(repeating: " ", count: max(0, width - text.count))
        }
        Terminal.data("\(time)  \(member("rule_id", 16)) \(member("severity", 9)) \(member("account_id", 12)) \(member("reason", 0))\n")
    }

    func print(_ output: Invocation.OutputFormat) { Terminal.data(output == .json ? json : text) }

    private var sorted: [Int64] { seen.latencies.sorted() }

    private var text: String {
        let others = totals.map { "\($0.records) \($0.outcome)" }.joined(separator: ", ")
        let rules = seen.byRule.map { "\($0.rule) \($0.count)" }.joined(separator: ", ")
        var lines = [
            "", "payments  \(read) read in \(decimal(seconds)) s (\(Int(Double(read) / max(0.001, seconds)))/s): \(others)",
            "alerts    \(seen.count)\(rules.isEmpty ? "" : ": \(rules)")",
        ]
        if let median = Quantile.of(sorted, 0.5), let tail = Quantile.of(sorted, 0.99) {
            lines.append("latency   from payment to alert visible: p50 \(median) ms, p99 \(tail) ms (on the embedded broker)")
        }
        if wasHeldBack { lines.append("note      the rate was not reached: the embedded broker cannot hold more than 20,000 unread payments") }
        return lines.joined(separator: "\n") + "\n"
    }

    private var json: String {
        let outcomes = totals.map { "\"\($0.outcome)\":\($0.records)" }.joined(separator: ",")
        let rules = seen.byRule.map { "\(jsonQuoted($0.rule)):\($0.count)" }.joined(separator: ",")
        let quantiles = [("p50", 0.5), ("p99", 0.99)].map { name, share in "\"\(name)\":\(Quantile.of(sorted, share).map { "\($0)" } ?? "null")" }
        return "{\"summary\":{\"seconds\":\(decimal(seconds)),\"sent\":\(sent),\"read\":\(read),\"outcomes\":{\(outcomes)},\"alerts\":\(seen.count),"
            + "\"alerts_by_rule\":{\(rules)},\"latency_ms\":{\(quantiles.joined(separator: ","))},\"held_back\":\(wasHeldBack)}}\n"
    }

    private func decimal(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }
}

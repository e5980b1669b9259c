/// What `tripline bench` measured.
struct BenchReport {
    struct Backlog {
        var payments: Int64
        var seconds: Double
        var processorSeconds: Double
        /// The longest time in which nothing was read though more was there; readings come four times a second.
        var longestPauseMilliseconds: Int64
        var residentBytes: Int
    }

    struct Live {
        var sent: Int64
        var read: Int64
        var seconds: Double
        /// The producer and the reader of alerts are in it.
        var processorSeconds: Double
        /// Milliseconds from a payment's Kafka timestamp to its alert read by a read_committed consumer; sorted.
        var latencies: [Int64]
        var residentBytes: Int
    }

    var workers: Int
    var partitions: Int
    var backlog: Backlog
    var live: Live

    func print(_ output: Invocation.OutputFormat) { Terminal.data(output == .json ? json : text) }

    private var rate: Int { Int(Double(backlog.payments) / max(0.001, backlog.seconds)) }
    private var nanosecondsPerPayment: Int { Int(backlog.processorSeconds * 1e9 / Double(max(1, backlog.payments))) }
    private func quantile(_ share: Double) -> String { Quantile.of(live.latencies, share).map(String.init) ?? "null" }

    private var text: String {
        """
        \(workers) workers, \(partitions) partitions
        backlog   \(backlog.payments) payments in \(tenths(backlog.seconds)) s: \(rate)/s, \(nanosecondsPerPayment) ns of CPU per payment (whole process), \
        longest pause \(backlog.longestPauseMilliseconds) ms, \(backlog.residentBytes >> 20) MiB resident
        live      \(live.read) of \(live.sent) payments in \(tenths(live.seconds)) s, \(live.latencies.count) alerts; payment to alert visible: \
        p50 \(quantile(0.5)) ms, p99 \(quantile(0.99)) ms, p99.9 \(quantile(0.999)) ms; \(tenths(live.processorSeconds)) s of CPU with producer and reader, \
        \(live.residentBytes >> 20) MiB resident

        """
    }

    private var json: String {
        "{\"workers\":\(workers),\"partitions\":\(partitions),\"backlog\":{\"payments\":\(backlog.payments),\"seconds\":\(tenths(backlog.seconds)),"
            + "\"payments_per_second\":\(rate),\"cpu_ns_per_payment\":\(nanosecondsPerPayment),\"longest_pause_ms\":\(backlog.longestPauseMilliseconds),"
            + "\"resident_bytes\":\(backlog.residentBytes)},\"live\":{\"sent\":\(live.sent),\"read\":\(live.read),\"seconds\":\(tenths(live.seconds)),"
            + "\"alerts\":\(live.latencies.count),\"latency_ms\":{\"p50\":\(quantile(0.5)),\"p99\":\(quantile(0.99)),\"p999\":\(quantile(0.999))},"
            + "\"cpu_seconds\":\(tenths(live.processorSeconds)),\"resident_bytes\":\(live.residentBytes)}}\n"
    }

    private func tenths(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }
}

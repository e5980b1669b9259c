extension BenchReport {
    /// What a process did at the steady rate.
    struct Live {
        /// Payments, those before `start` among them.
        var sent: Int64
        /// Processor time of the process per second.
        var cores: Double
        /// What no process of the machine used; nil where the kernel does not tell.
        var idleCores: Double?
        var arrivals: [AlertReader.Arrival]
        /// Payments before it do not count, Unix milliseconds.
        var start: Int64
        var residentBytes: Int

        /// A stretch of an alert's way.
        enum Stage: String, CaseIterable {
            /// From the payment's Kafka timestamp to the alert read by a read_committed consumer.
            case all = "latency_ms"
            /// To the moment at which the process, its transaction begun, wrote the alert.
            case untilWritten = "until_written_ms"
            /// From there on: the transaction, and the reading.
            case untilRead = "until_read_ms"

            func milliseconds(_ arrival: AlertReader.Arrival) -> Int64 {
                switch self {
                case .all: arrival.latency
                case .untilWritten: max(0, arrival.writtenAt - arrival.receivedAt)
                case .untilRead: max(0, arrival.readAt - arrival.writtenAt)
                }
            }
        }

        private var counted: [AlertReader.Arrival] { arrivals.filter { $0.receivedAt >= start } }

        var count: Int { counted.count }

        func quantile(_ share: Double, _ stage: Stage = .all) -> Int64? { Quantile.of(counted.map(stage.milliseconds).sorted(), share) }

        /// Of the alerts that do not count.
        func warmUpQuantile(_ share: Double) -> Int64? {
            Quantile.of(arrivals.filter { $0.receivedAt < start }.map(\.latency).sorted(), share)
        }

        /// Second by second of what counts; none where nothing was read of a second.
        var seconds: [(median: Int64, tail: Int64, longest: Int64)] {
            let bySecond = Dictionary(grouping: counted) { ($0.receivedAt - start) / 1_000 }
            return bySecond.sorted { $0.key < $1.key }.compactMap { _, arrivals in
                let sorted = arrivals.map(\.latency).sorted()
                guard let median = Quantile.of(sorted, 0.5), let tail = Quantile.of(sorted, 0.99), let longest = sorted.last else { return nil }
                return (median, tail, longest)
            }
        }

        var json: String {
            func quantiles(_ value: (Double) -> Int64?) -> String {
                let members = [("p50", 0.5), ("p99", 0.99), ("p999", 0.999)].map { "\"\($0)\":\(value($1).map(String.init) ?? "null")" }
                return "{\(members.joined(separator: ","))}"
            }
            let stages = Stage.allCases.map { stage in "\"\(stage.rawValue)\":\(quantiles { quantile($0, stage) })" }
            let seconds = seconds.map { "{\"p50\":\($0.median),\"p99\":\($0.tail),\"max\":\($0.longest)}" }
            return "{\"sent\":\(sent),\"alerts\":\(count),\(stages.joined(separator: ",")),\"warm_up_ms\":\(quantiles { warmUpQuantile($0) }),"
                + "\"seconds\":[\(seconds.joined(separator: ","))],\"cores\":\(BenchReport.hundredths(cores)),"
                + "\"idle_cores\":\(idleCores.map(BenchReport.hundredths) ?? "null"),\"resident_bytes\":\(residentBytes)}"
        }
    }
}

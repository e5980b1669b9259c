import FraudEngine
import Synchronization

/// What the metrics need of a partition.
package struct PartitionSample: Sendable {
    package enum State: String, Sendable, CaseIterable {
        case loading, born, replaying, live, refused
    }

    package var partition: Int32
    package var state: State
    /// nil where nothing is folded in this process: loading, refused.
    package var folded: Folded?
    /// Records behind an open transaction of the input; nil where unknown.
    package var unstable: Int64?
    /// Of the rule set in force; nil where nothing is folded.
    package var ruleSequence: UInt64?

    package struct Folded: Sendable {
        /// Milliseconds; `StreamTime.none` before the first payment.
        package var streamTime: Int64
        /// Records.
        package var lag: Int64
        /// Records.
        package var replayDebt: Int64
        package var accounts: Int
        package var bytes: Int
        package var totals: Totals

        package init(streamTime: Int64, lag: Int64, replayDebt: Int64, accounts: Int, bytes: Int, totals: Totals) {
            self.streamTime = streamTime
            self.lag = lag
            self.replayDebt = replayDebt
            self.accounts = accounts
            self.bytes = bytes
            self.totals = totals
        }
    }

    package init(partition: Int32, state: State, folded: Folded? = nil, unstable: Int64? = nil, ruleSequence: UInt64? = nil) {
        self.partition = partition
        self.state = state
        self.folded = folded
        self.unstable = unstable
        self.ruleSequence = ruleSequence
    }
}

extension Metrics {
    /// The content type of `render`.
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// All metrics in Prometheus' text format 0.0.4.
    /// - Parameter partitions: of this process, each once.
    package func render(partitions: [PartitionSample]) -> String {
        var text = MetricsWriter()
        writeRecords(to: &text)
        writeTransactions(to: &text)
        write(partitions.sorted { $0.partition < $1.partition }, to: &text)
        writeDurability(to: &text)
        writeEdges(partitions, to: &text)
        text.write(.build, [(labels: [version], value: "1")])
        write(ProcessStatistics.read(), to: &text)
        return text.text
    }

    private func writeRecords(to text: inout MetricsWriter) {
        text.write(.records, records)
        text.write(.invalidRecords, invalidRecords)
        text.write(.alerts, alerts)
        text.write(.suppressed, suppressed)
        text.write(.matches, matches)
        text.write(.ruleErrors, ruleErrors)
        text.write(.eventLatency, eventLatency)
        text.write(.scoreLatency, scoreLatency)
    }

    private func writeTransactions(to text: inout MetricsWriter) {
        text.write(.transactionDuration, transactionDuration)
        text.write(.transactions, transactions)
        text.write(.producerRecycles, producerRecycles)
        text.write(.rebalances, rebalances)
    }

    private func write(_ partitions: [PartitionSample], to text: inout MetricsWriter) {
        let folded = partitions.compactMap { sample in sample.folded.map { (labels: ["\(sample.partition)"], folded: $0) } }
        text.write(
            .partitionRecords,
            folded.flatMap { sample in
                Outcome.allCases.map { (labels: sample.labels + ["\($0.name)"], value: "\(sample.folded.totals[$0])") }
            })
        text.write(.lag, folded.map { (labels: $0.labels, value: "\($0.folded.lag)") })
        text.write(
            .streamTime,
            folded.filter { $0.folded.streamTime != StreamTime.none }.map {
                (labels: $0.labels, value: MetricsWriter.number(Double($0.folded.streamTime) / 1000))
            })
        text.write(.replayDebt, folded.map { (labels: $0.labels, value: "\($0.folded.replayDebt)") })
        text.write(
            .partitionState,
            partitions.flatMap { sample in
                PartitionSample.State.allCases.map { (labels: ["\(sample.partition)", $0.rawValue], value: $0 == sample.state ? "1" : "0") }
            })
        text.write(.unstable, partitions.compactMap { sample in sample.unstable.map { (labels: ["\(sample.partition)"], value: "\($0)") } })
        text.write(.stateAccounts, [(labels: [], value: "\(folded.reduce(0) { $0 + $1.folded.accounts })")])
        text.write(.stateBytes, [(labels: [], value: "\(folded.reduce(0) { $0 + $1.folded.bytes })")])
    }

    private func writeDurability(to text: inout MetricsWriter) {
        text.write(.checkpoints, checkpoints)
        text.write(.checkpointDuration, checkpointDuration)
        text.write(.recoveries, recoveries)
        text.write(.recoveryDuration, recoveryDuration)
        text.write(.digestMismatches, digestMismatches)
        text.write(.redisWrites, redisWrites)
        text.write(.redisPending, redisPending)
    }

    private func writeEdges(_ partitions: [PartitionSample], to text: inout MetricsWriter) {
        let (sha, at) = rules.withLock { ($0.sha, $0.at) }
        text.write(.rules, sha.map { [(labels: [$0], value: "1")] } ?? [])
        text.write(.rulesSequence, partitions.compactMap(\.ruleSequence).min().map { [(labels: [], value: "\($0)")] } ?? [])
        text.write(.reloads, reloads)
        text.write(.lastReload, sha == nil ? [] : [(labels: [], value: MetricsWriter.number(Double(at) / 1000))])
        text.write(.requests, requests)
        text.write(.requestDuration, requestDuration.series.map { (labels: [$0.label], reading: $0.reading) })
    }

    private func write(_ process: ProcessStatistics, to text: inout MetricsWriter) {
        func gauge(_ metric: MetricDescription, _ value: Int64?) {
            text.write(metric, value.map { [(labels: [], value: "\($0)")] } ?? [])
        }
        text.write(.cpu, process.cpuSeconds.map { [(labels: [], value: MetricsWriter.number($0))] } ?? [])
        gauge(.resident, process.residentBytes)
        gauge(.virtual, process.virtualBytes)
        gauge(.openFiles, process.openFiles)
        gauge(.maxFiles, process.maxFiles)
        gauge(.threads, process.threads)
        text.write(.startTime, process.startSeconds.map { [(labels: [], value: MetricsWriter.number($0))] } ?? [])
    }
}

/// Writes the text format: help and type once per metric, then its series. A metric without a series is left out.
struct MetricsWriter {
    private(set) var text = ""

    mutating func write(_ metric: MetricDescription, _ family: CounterFamily) {
        write(metric, family.series.map { (labels: $0.labels, value: "\($0.count)") })
    }

    mutating func write(_ metric: MetricDescription, _ number: MetricNumber) {
        write(metric, [(labels: [], value: "\(number.value)")])
    }

    mutating func write(_ metric: MetricDescription, _ series: [(labels: [String], value: String)]) {
        guard !series.isEmpty else { return }
        writeHeading(metric)
        for (labels, value) in series { writeLine(metric.name, zip(metric.labels, labels), value) }
    }

    mutating func write(_ metric: MetricDescription, _ histogram: Histogram) {
        write(metric, [(labels: [], reading: histogram.reading)])
    }

    mutating func write(_ metric: MetricDescription, _ series: [(labels: [String], reading: Histogram.Reading)]) {
        guard !series.isEmpty else { return }
        writeHeading(metric)
        for (values, reading) in series {
            let labels = Array(zip(metric.labels, values))
            for (bound, count) in zip(Histogram.bounds, reading.cumulative) {
                writeLine(metric.name + "_bucket", labels + [("le", Self.number(bound))], "\(count)")
            }
            writeLine(metric.name + "_bucket", labels + [("le", "+Inf")], "\(reading.count)")
            writeLine(metric.name + "_sum", labels, Self.number(reading.sum))
            writeLine(metric.name + "_count", labels, "\(reading.count)")
        }
    }

    /// Whole numbers without a fraction, others shortest.
    static func number(_ value: Double) -> String {
        value == value.rounded() && value.magnitude < 1e15 ? "\(Int64(value))" : "\(value)"
    }

    /// A label value's text between quotes.
    static func escaped(_ value: String) -> String {
        var out = ""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": out += "\\\\"
            case "\"": out += "\\\""
            case "\n": out += "\\n"
            case _: out.unicodeScalars.append(scalar)
            }
        }
        return out
    }

    private mutating func writeHeading(_ metric: MetricDescription) {
        text += "# HELP \(metric.name) \(metric.help)\n# TYPE \(metric.name) \(metric.kind.rawValue)\n"
    }

    private mutating func writeLine(_ name: String, _ labels: some Sequence<(String, String)>, _ value: String) {
        let list = labels.map { "\($0.0)=\"\(Self.escaped($0.1))\"" }.joined(separator: ",")
        text += list.isEmpty ? "\(name) \(value)\n" : "\(name){\(list)} \(value)\n"
    }
}

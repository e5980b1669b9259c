import CEL
import Testing

@testable import FraudEngine
@testable import FraudService

struct MetricsTests {
    private func lines(_ metrics: Metrics, _ partitions: [PartitionSample] = []) -> [String] {
        metrics.render(partitions: partitions).split(separator: "\n").map(String.init)
    }

    private func ruleSet(_ hash: String, _ rules: [(id: String, status: RuleStatus)]) -> RuleSet {
        let condition = CheckedExpression(source: "true", root: Plan(type: .bool, range: 0..<4, form: .constant(.bool(true))))
        let made = rules.map { id, status in
            var rule = Rule(id: id, title: id, condition: condition, reason: ReasonTemplate(parts: []))
            rule.status = status
            return rule
        }
        return RuleSet(hash: RuleSetHash(hexadecimal: hash), rules: made, schema: PaymentSchema(), features: [], lists: [:], policy: DecisionPolicy())
    }

    @Test func `every series has help and type before it and belongs to a described metric`() throws {
        let metrics = Metrics(version: "1")
        metrics.requestAnswered(route: "/v1/rules", code: 200, seconds: 0.01)
        let folded = PartitionSample.Folded(streamTime: 1_500, lag: 7, replayDebt: 3, accounts: 2, bytes: 100, totals: Totals())
        let lines = lines(metrics, [PartitionSample(partition: 0, state: .live, folded: folded, unstable: 1), PartitionSample(partition: 1, state: .refused)])
        var described: [String: MetricDescription] = [:]
        for metric in MetricDescription.all { described[metric.name] = metric }
        var current: MetricDescription?
        var seen: [String] = []
        for line in lines {
            if line.hasPrefix("# HELP ") {
                current = described[String(line.split(separator: " ")[2])]
                seen.append(try #require(current).name)
            } else if line.hasPrefix("# TYPE ") {
                let metric = try #require(current)
                #expect(line == "# TYPE \(metric.name) \(metric.kind.rawValue)")
            } else {
                let metric = try #require(current)
                let name = line.prefix { $0 != "{" && $0 != " " }
                let allowed = metric.kind == .histogram ? ["_bucket", "_sum", "_count"].map { metric.name + $0 } : [metric.name]
                #expect(allowed.contains(String(name)), "\(line)")
                for label in metric.labels { #expect(line.contains("\(label)=\""), "\(line)") }
            }
        }
        #expect(seen.count == Set(seen).count)
        // The exposition keeps the table's order.
        #expect(seen == MetricDescription.all.map(\.name).filter(seen.contains))
    }

    @Test func `names are prefixed and counters end in total`() {
        for metric in MetricDescription.all {
            #expect(metric.name.hasPrefix("tripline_") || metric.name.hasPrefix("process_"), "\(metric.name)")
            #expect((metric.kind == .counter) == metric.name.hasSuffix("_total"), "\(metric.name)")
        }
        #expect(Set(MetricDescription.all.map(\.name)).count == MetricDescription.all.count)
    }

    @Test func `known outcomes stand at zero before anything happened`() {
        let lines = lines(Metrics(version: "1"))
        #expect(lines.contains("tripline_records_total{outcome=\"late\"} 0"))
        #expect(lines.contains("tripline_invalid_records_total{reason=\"from_future\"} 0"))
        #expect(lines.contains("tripline_transactions_total{result=\"aborted\"} 0"))
        #expect(lines.contains("tripline_build_info{version=\"1\"} 1"))
        #expect(!lines.contains { $0.hasPrefix("tripline_rules_info") })
    }

    @Test func `a histogram adds up its buckets and counts each observation once`() {
        let metrics = Metrics(version: "1")
        for seconds in [0.0005, 0.001, 0.3, 100, -1, .nan] { metrics.observeEventLatency(seconds: seconds) }
        let lines = lines(metrics)
        #expect(lines.contains("tripline_event_latency_seconds_bucket{le=\"0.001\"} 3"))
        #expect(lines.contains("tripline_event_latency_seconds_bucket{le=\"0.25\"} 3"))
        #expect(lines.contains("tripline_event_latency_seconds_bucket{le=\"0.5\"} 4"))
        #expect(lines.contains("tripline_event_latency_seconds_bucket{le=\"60\"} 4"))
        #expect(lines.contains("tripline_event_latency_seconds_bucket{le=\"+Inf\"} 5"))
        #expect(lines.contains("tripline_event_latency_seconds_count 5"))
        #expect(lines.contains("tripline_event_latency_seconds_sum 100.3015"))
    }

    @Test func `partitions are gauges of what their worker saw, in order`() {
        var totals = Totals()
        totals = Totals(records: [5, 1, 0, 0, 0], amounts: [0, 0, 0, 0, 0])
        let folded = PartitionSample.Folded(streamTime: 1_500, lag: 7, replayDebt: 3, accounts: 2, bytes: 100, totals: totals)
        var fresh = folded
        fresh.streamTime = StreamTime.none
        let lines = lines(
            Metrics(version: "1"),
            [
                PartitionSample(partition: 10, state: .loading), PartitionSample(partition: 2, state: .live, folded: folded),
                PartitionSample(partition: 3, state: .born, folded: fresh),
            ])
        #expect(
            lines.filter { $0.hasPrefix("tripline_partition_lag_records{") } == [
                "tripline_partition_lag_records{partition=\"2\"} 7", "tripline_partition_lag_records{partition=\"3\"} 7",
            ])
        #expect(lines.filter { $0.hasPrefix("tripline_partition_stream_time_seconds{") } == ["tripline_partition_stream_time_seconds{partition=\"2\"} 1.5"])
        #expect(lines.contains("tripline_partition_records{partition=\"2\",outcome=\"folded\"} 5"))
        #expect(lines.contains("tripline_partition_state{partition=\"10\",state=\"loading\"} 1"))
        #expect(lines.contains("tripline_partition_state{partition=\"10\",state=\"live\"} 0"))
        #expect(lines.contains("tripline_state_accounts 4"))
        #expect(lines.contains("tripline_state_bytes 200"))
    }

    @Test func `label values are escaped`() {
        let metrics = Metrics(version: "a\"b\\c\nd")
        #expect(metrics.render(partitions: []).contains("tripline_build_info{version=\"a\\\"b\\\\c\\nd\"} 1\n"))
    }

    @Test func `events are counted where they belong`() {
        let metrics = Metrics(version: "1")
        metrics.transactionEnded("committed", seconds: 0.01)
        metrics.producerReplaced()
        metrics.rebalanced()
        metrics.checkpointWritten(seconds: 2)
        metrics.checkpointFailed()
        metrics.recovered(from: "checkpoint", seconds: 3)
        metrics.digestMismatch()
        metrics.scoresWritten(3, .stale)
        metrics.setRedisPending(9)
        metrics.rulesReloadFailed()
        metrics.rulesReloaded(ruleSet("abc", []), at: 2_500)
        let lines = lines(metrics)
        for line in [
            "tripline_transactions_total{result=\"committed\"} 1", "tripline_transaction_duration_seconds_count 1", "tripline_kafka_producer_recycles_total 1",
            "tripline_kafka_rebalances_total 1", "tripline_checkpoints_total{result=\"success\"} 1", "tripline_checkpoints_total{result=\"failure\"} 1",
            "tripline_recoveries_total{source=\"checkpoint\"} 1", "tripline_recovery_duration_seconds_sum 3", "tripline_digest_mismatches_total 1",
            "tripline_redis_writes_total{result=\"stale\"} 3", "tripline_redis_pending 9", "tripline_rules_reloads_total{result=\"failure\"} 1",
            "tripline_rules_info{sha=\"abc\"} 1",
            "tripline_rules_last_reload_success_timestamp_seconds 2.5",
        ] { #expect(lines.contains(line), "\(line)") }
    }

    @Test func `the process tells of itself`() {
        let process = ProcessStatistics.read()
        #expect(process.residentBytes ?? 0 > 1 << 20)
        #expect(process.openFiles ?? 0 >= 3)
        #expect(process.threads ?? 0 >= 1)
        #expect(process.startSeconds ?? 0 > 1_600_000_000)
        var odd = ProcessStatistics()
        odd.take(stat: "7 (a) b (c)) S " + (4...60).map(String.init).joined(separator: " "))
        #expect(odd.threads == 20)
        #expect(odd.virtualBytes == 23)
    }

    @Test func `what a worker counted is shown by rule and mode`() {
        let metrics = Metrics(version: "1")
        let set = ruleSet("a", [("r1", .active), ("r2", .shadow)])
        var counters = FoldCounters(ruleCount: 2)
        counters.outcomes[Int(Outcome.folded.rawValue)] = 4
        counters.reasons[Int(InvalidReason.oversize.rawValue)] = 2
        counters.matches = [3, 5]
        counters.alerts = [1, 0]
        counters.suppressed = [2, 0]
        counters.errors = [0, 6]
        for _ in 0..<2 { metrics.add(counters, of: set) }
        let lines = lines(metrics)
        for line in [
            "tripline_records_total{outcome=\"folded\"} 8", "tripline_invalid_records_total{reason=\"oversize\"} 4",
            "tripline_rule_matches_total{rule=\"r1\",mode=\"active\"} 6", "tripline_rule_matches_total{rule=\"r2\",mode=\"shadow\"} 10",
            "tripline_alerts_total{rule=\"r1\",mode=\"active\"} 2", "tripline_alerts_suppressed_total{rule=\"r1\"} 4",
            "tripline_rule_errors_total{rule=\"r2\"} 12",
        ] { #expect(lines.contains(line), "\(line)") }
        #expect(!lines.contains { $0.hasPrefix("tripline_alerts_total{rule=\"r2\"") })
    }

    @Test func `a rule's counters stand at zero once its set is read`() {
        let metrics = Metrics(version: "1")
        metrics.rulesReloaded(ruleSet("a", [("r1", .active), ("r2", .shadow), ("r3", .disabled)]), at: 0)
        let lines = lines(metrics)
        for line in [
            "tripline_rule_matches_total{rule=\"r1\",mode=\"active\"} 0", "tripline_alerts_total{rule=\"r2\",mode=\"shadow\"} 0",
            "tripline_alerts_suppressed_total{rule=\"r1\"} 0", "tripline_rule_errors_total{rule=\"r2\"} 0",
        ] { #expect(lines.contains(line), "\(line)") }
        #expect(!lines.contains { $0.contains("r3") })
    }

    @Test func `the lowest sequence is told, and nothing before there is one`() {
        let metrics = Metrics(version: "1")
        func lines(_ sequences: [UInt64?]) -> [String] {
            self.lines(metrics, sequences.enumerated().map { PartitionSample(partition: Int32($0.offset), state: .live, ruleSequence: $0.element) })
                .filter { $0.hasPrefix("tripline_rules_active_seq") }
        }
        #expect(lines([nil]) == [])
        #expect(lines([3, 2, nil]) == ["tripline_rules_active_seq 2"])
    }

    @Test func `series are kept for the rules of the current set and the one before it`() {
        let metrics = Metrics(version: "1")
        let sets = (1...3).map { ruleSet("\($0)", [("r\($0)", .active)]) }
        var counters = FoldCounters(ruleCount: 1)
        counters.matches = [1]
        func rules() -> [String] {
            lines(metrics).filter { $0.hasPrefix("tripline_rule_matches_total{") }.map { String($0.split(separator: "\"")[1]) }
        }
        for set in sets {
            metrics.rulesReloaded(set, at: 0)
            metrics.add(counters, of: set)
        }
        #expect(rules() == ["r2", "r3"])
        metrics.add(counters, of: sets[0])
        metrics.rulesReloaded(sets[2], at: 1)
        #expect(rules() == ["r2", "r3"])
    }
}

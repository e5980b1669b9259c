import FraudEngine
import RuleFiles

/// What the admin port tells about a running service.
extension Service {
    /// What each partition of this process is doing, for the metrics.
    var samples: [PartitionSample] {
        boards.flatMap { board -> [PartitionSample] in
            let seen = board.latest
            return seen.partitions.map { report in
                PartitionSample(
                    partition: report.partition, state: PartitionSample.State(rawValue: report.state) ?? .loading,
                    folded: PartitionSample.Folded(
                        streamTime: report.streamTime, lag: report.lag, replayDebt: report.replayDebt, accounts: report.accounts, bytes: report.bytes,
                        totals: report.totals),
                    unstable: report.unstable, ruleSequence: report.history.last?.sequence)
            } + seen.loading.map { PartitionSample(partition: $0, state: .loading) }
                + seen.refused.keys.sorted().map { PartitionSample(partition: $0, state: .refused) }
        }
    }

    /// The refused partitions it owns, in order.
    var refusals: [(partition: Int32, why: RefusalReport)] {
        boards.flatMap { $0.latest.refused.map { (partition: $0.key, why: $0.value) } }.sorted { $0.partition < $1.partition }
    }

    /// 503 while it starts, while it stops, and when every partition it owns is refused.
    var readiness: Readiness {
        let seen = boards.map(\.latest)
        let joined = seen.count { $0.isMember }
        var checks = [
            Readiness.Check(
                name: "group", isOK: joined == seen.count,
                detail: "\(joined) of \(seen.count) workers have joined group '\(settings.group)'"
                    + (joined < seen.count ? "; see whether the brokers at \(settings.kafka.bootstrapServers) answer" : ""))
        ]
        let owned = seen.reduce(0) { $0 + $1.partitions.count + $1.loading.count }
        let refused = seen.flatMap { $0.refused.sorted { $0.key < $1.key } }
        for (partition, why) in refused { checks.append(Readiness.Check(name: "partition-\(partition)", isOK: false, detail: why.message)) }
        let problems = rules.current.problems
        checks.append(Readiness.Check(name: "rules", isOK: problems.isEmpty, detail: problems.first.map { "the last good set is in force; \($0)" } ?? ""))
        if let scores {
            let detail = [scores.isConnected ? "" : scores.lastError ?? "not connected yet", scores.backlog].filter { !$0.isEmpty }
            checks.append(Readiness.Check(name: "redis", isOK: scores.isConnected, detail: detail.joined(separator: "; ")))
        }
        let problem = checkpoints.lastProblem
        checks.append(Readiness.Check(name: "checkpoints", isOK: problem == nil, detail: problem.map { "alerts go on, a restart replays more; \($0)" } ?? ""))
        if isStopping { checks.append(Readiness.Check(name: "running", isOK: false, detail: "the service is stopping")) }
        let isWorking = joined == seen.count && (owned > 0 || refused.isEmpty)
        return Readiness(ready: isWorking && !isStopping && trouble == nil, checks: checks)
    }

    /// The document of `/status`.
    var statusJSON: String {
        let standing = rules.current
        let partitions = boards.enumerated().flatMap { worker, board -> [(number: Int32, json: String)] in
            let seen = board.latest
            return seen.partitions.map { ($0.partition, $0.json(worker: worker)) }
                + seen.loading.map { ($0, "{\"partition\":\($0),\"worker\":\(worker),\"state\":\"loading\"}") }
                + seen.refused.map { ($0.key, Self.refusedJSON($0.key, $0.value, worker: worker)) }
        }.sorted { $0.number < $1.number }
        let problems = standing.problems.map(jsonQuoted).joined(separator: ",")
        let members = [
            "\"version\":\(jsonQuoted(version))", "\"group\":\(jsonQuoted(settings.group))", "\"instance\":\(jsonQuoted(settings.instance))",
            "\"topic\":\(jsonQuoted(settings.input.topic))", "\"state\":\"\(isStopping ? "stopping" : "running")\"",
            "\"rules\":{\"rule_set\":\"sha256:\(standing.loaded.set.hash.hexadecimal)\",\"loaded_at\":\(jsonTime(standing.loadedAt)),\"problems\":[\(problems)]}",
            "\"redis\":\(scores.map { "{\"connected\":\($0.isConnected)}" } ?? "null")",
            "\"partitions\":[\(partitions.map(\.json).joined(separator: ","))]",
        ]
        return "{\(members.joined(separator: ","))}\n"
    }

    private static func refusedJSON(_ partition: Int32, _ why: RefusalReport, worker: Int) -> String {
        "{\"partition\":\(partition),\"worker\":\(worker),\"state\":\"refused\",\"refusal\":{\"reason\":\"\(why.name)\",\"message\":\(jsonQuoted(why.message)),"
            + "\"cure\":\(jsonQuoted(why.cure))}}"
    }
}

extension PartitionReport {
    fileprivate func json(worker: Int) -> String {
        let outcomes = zip(Outcome.allCases, zip(totals.records, totals.amounts)).map { outcome, total in
            "\"\(outcome.name)\":{\"records\":\(total.0),\"amount\":\(total.1)}"
        }
        let switches = history.map { entry in
            "{\"sequence\":\(entry.sequence),\"rule_set\":\"sha256:\(entry.ruleSet.hexadecimal)\",\"from_offset\":\(entry.fromOffset),"
                + "\"stream_time\":\(jsonTime(entry.streamTime))}"
        }
        let members = [
            "\"partition\":\(partition)", "\"worker\":\(worker)", "\"state\":\"\(state)\"", "\"checkpoint\":\(checkpoint.map(String.init) ?? "null")",
            "\"committed\":\(committed.map(String.init) ?? "null")", "\"next\":\(next)", "\"stream_time\":\(jsonTime(streamTime))", "\"lag\":\(lag)",
            "\"replay_debt\":\(replayDebt)", "\"epoch\":\(epoch)", "\"recovered_from\":\"\(recoveredFrom)\"", "\"accounts\":\(accounts)",
            "\"bytes\":\(bytes)", "\"at\":\(at)", "\"totals\":{\(outcomes.joined(separator: ","))}", "\"history\":[\(switches.joined(separator: ","))]",
        ]
        return "{\(members.joined(separator: ","))}"
    }
}

/// A JSON string.
func jsonQuoted(_ text: String) -> String {
    var out = ByteWriter(capacity: 256)
    out.append(jsonString: text)
    return String(decoding: out.array(), as: UTF8.self)
}

/// RFC 3339 in quotes, or null before the first payment.
func jsonTime(_ milliseconds: Int64) -> String {
    if milliseconds == StreamTime.none { return "null" }
    var out = ByteWriter(capacity: 64)
    out.append(UInt8(ascii: "\""))
    out.append(timestamp: milliseconds)
    out.append(UInt8(ascii: "\""))
    return String(decoding: out.array(), as: UTF8.self)
}

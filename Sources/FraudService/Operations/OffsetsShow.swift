import FraudEngine
import Kafka

/// `tripline offsets show`: what is committed and by whom it may change, partition by partition. Changes nothing, also while the service runs.
enum OffsetsShow {
    static func run(_ partitions: [Int32], _ settings: Settings, _ output: Invocation.OutputFormat) throws(StartFailure) {
        let access = try GroupAccess(settings)
        defer { access.end() }
        let group = try access.group()
        let context = try OperationContext(settings, access)
        let facts = try context.facts(partitions)
        switch output {
        case .json: Terminal.data(json(group, facts, settings))
        case .text: Terminal.data(text(group, facts, settings))
        }
    }

    // MARK: Text

    static func text(_ group: GroupDescription?, _ facts: [PartitionFacts], _ settings: Settings) -> String {
        let members = group?.members ?? []
        let state = group.map { "\($0.state), \(members.count) member\(members.count == 1 ? "" : "s")" } ?? "not known to the brokers"
        var lines = ["group \(settings.group): \(state)"]
        lines += members.map { "  \($0.id) (\($0.host))" }.sorted()
        lines.append("topic \(settings.input.topic)")
        for one in facts { lines += self.lines(one) }
        return lines.map { $0 + "\n" }.joined()
    }

    private static func lines(_ facts: PartitionFacts) -> [String] {
        let log = "log \(facts.logStart) to \(facts.logEnd)"
        guard let committed = facts.committed else {
            return ["partition \(facts.partition): nothing committed, \(log)"] + checkpointLines(facts)
        }
        var lines = ["partition \(facts.partition): committed \(committed.offset), \(log), lag \(max(0, facts.logEnd - committed.offset))"]
        switch facts.metadata {
        case .success(let metadata): lines += self.lines(metadata)
        case .failure(let problem): lines.append("  metadata cannot be read: \(problem)")
        case nil: break
        }
        return lines + checkpointLines(facts)
    }

    private static func lines(_ metadata: CommitMetadata) -> [String] {
        let totals = Outcome.allCases.map { "\(metadata.totals[$0]) \($0.name)" }.joined(separator: ", ")
        var lines = [
            "  lineage \(metadata.epoch), stream time \(readable(metadata.streamTime)), digest \(hexadecimal(metadata.digest)), fold \(metadata.foldHash), "
                + "\(metadata.partitionCount) partitions",
            "  read \(metadata.totals.read): \(totals)",
        ]
        if let entry = metadata.history.last {
            lines.append("  rules \(entry.sequence): sha256:\(entry.ruleSet.hexadecimal), from offset \(entry.fromOffset)")
        }
        return lines
    }

    private static func checkpointLines(_ facts: PartitionFacts) -> [String] {
        let places = facts.checkpoints.reversed().map { "\($0.kept.offset) (lineage \($0.epoch))" }.joined(separator: ", ")
        return ["  checkpoints: \(places.isEmpty ? "none" : places)"]
    }

    // MARK: JSON

    static func json(_ group: GroupDescription?, _ facts: [PartitionFacts], _ settings: Settings) -> String {
        let members = (group?.members ?? []).map { "{\"id\":\(jsonQuoted($0.id)),\"host\":\(jsonQuoted($0.host))}" }.sorted().joined(separator: ",")
        let state = group.map { jsonQuoted($0.state) } ?? "null"
        return "{\"group\":{\"name\":\(jsonQuoted(settings.group)),\"state\":\(state),\"members\":[\(members)]},\"topic\":\(jsonQuoted(settings.input.topic)),"
            + "\"partitions\":[\(facts.map(json).joined(separator: ","))]}\n"
    }

    private static func json(_ facts: PartitionFacts) -> String {
        let committed = facts.committed.map { "\($0.offset)" } ?? "null"
        let lag = facts.committed.map { "\(max(0, facts.logEnd - $0.offset))" } ?? "null"
        var metadata = "null"
        var problem = "null"
        switch facts.metadata {
        case .success(let good): metadata = json(good)
        case .failure(let why): problem = jsonQuoted("\(why)")
        case nil: break
        }
        let checkpoints = facts.checkpoints.reversed().map { "{\"epoch\":\($0.epoch),\"offset\":\($0.kept.offset),\"switches\":\($0.kept.sequence)}" }
        return "{\"partition\":\(facts.partition),\"committed\":\(committed),\"log_start\":\(facts.logStart),\"log_end\":\(facts.logEnd),\"lag\":\(lag),"
            + "\"metadata\":\(metadata),\"problem\":\(problem),\"checkpoints\":[\(checkpoints.joined(separator: ","))]}"
    }

    private static func json(_ metadata: CommitMetadata) -> String {
        let totals = Outcome.allCases.map { outcome in
            "\"\(outcome.name)\":{\"records\":\(metadata.totals[outcome]),\"amount\":\(metadata.totals.amounts[Int(outcome.rawValue)])}"
        }
        let rules = metadata.history.last.map { entry in
            "{\"sequence\":\(entry.sequence),\"rule_set\":\"sha256:\(entry.ruleSet.hexadecimal)\",\"from_offset\":\(entry.fromOffset)}"
        }
        return "{\"epoch\":\(metadata.epoch),\"stream_time\":\(jsonTime(metadata.streamTime)),\"digest\":\"\(hexadecimal(metadata.digest))\","
            + "\"fold\":\(jsonQuoted(metadata.foldHash)),\"partition_count\":\(metadata.partitionCount),\"totals\":{\(totals.joined(separator: ","))},"
            + "\"anchor\":\(metadata.anchor.map { "\($0.offset)" } ?? "null"),\"rules\":\(rules ?? "null")}"
    }
}

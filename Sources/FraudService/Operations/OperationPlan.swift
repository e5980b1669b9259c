import FraudEngine

/// What a command would change, partition by partition; nothing is changed yet.
struct OperationPlan {
    /// As it is called, for example `offsets reset`.
    let action: String
    let group: String
    let topic: String
    var changes: [PartitionChange] = []
    /// Partitions that stay as they are, and why.
    var untouched: [(partition: Int32, why: String)] = []
    /// What it costs, one sentence each.
    var costs: [String] = []
    /// Stored before anything is committed; nil: no new one is needed.
    var ruleSet: (hash: RuleSetHash, bundle: [UInt8])?
}

/// What becomes of one partition.
struct PartitionChange {
    let partition: Int32
    /// What is committed now.
    let before: CommittedPosition?
    let beforeEpoch: Int64?
    /// What will be.
    let offset: Int64
    let metadata: CommitMetadata
    /// The state at `offset`; nil: an empty one, which needs no checkpoint.
    var checkpoint: (header: CheckpointHeader, snapshot: PartitionSnapshot)?
    /// What happens to it beyond that, one sentence each.
    var notes: [String] = []
    /// Unread records that are gone, or passed by `offsets reset`, at most; nil: it is not known.
    var lostCount: Int64? = 0
    var passed = PassedRecords()

    var after: CommittedPosition { CommittedPosition(offset: offset, metadata: metadata.line) }

    /// A new lineage with the machine's state at its present offset.
    init(_ facts: PartitionFacts, state machine: inout PartitionMachine, epoch: Int64, _ worker: WorkerSettings) {
        self.init(
            facts, offset: machine.next,
            CommitMetadata(of: machine, epoch: epoch, foldHash: worker.foldHash, partitionCount: worker.partitionCount))
        let header = CheckpointHeader(
            group: worker.group, topic: worker.topic, partition: partition, epoch: epoch, offset: offset, foldHash: worker.foldHash,
            partitionCount: worker.partitionCount, anchor: machine.anchor, history: machine.history, digest: metadata.digest)
        checkpoint = (header, machine.snapshot())
    }

    init(_ facts: PartitionFacts, offset: Int64, _ metadata: CommitMetadata) {
        partition = facts.partition
        before = facts.committed
        if case .success(let metadata) = facts.metadata { beforeEpoch = metadata.epoch } else { beforeEpoch = nil }
        self.offset = offset
        self.metadata = metadata
    }
}

/// Records that are passed without being processed.
struct PassedRecords {
    struct Record {
        var offset: Int64
        /// Kafka timestamp, Unix milliseconds; nil: it has none.
        var timestamp: Int64?
        /// Masked.
        var key: String?
        /// Key and value.
        var byteCount: Int
    }

    /// More are only counted.
    static let listLimit = 1_000

    private(set) var count = 0
    private(set) var listed: [Record] = []

    mutating func add(_ record: RawRecord) {
        count += 1
        guard listed.count < Self.listLimit else { return }
        let key = record.key == nil ? nil : Log.masked(String(decoding: record.keySlice.array, as: UTF8.self))
        listed.append(
            Record(
                offset: record.offset, timestamp: record.timestamp == RawRecord.absentTimestamp ? nil : record.timestamp, key: key,
                byteCount: record.keyCount + record.valueCount))
    }
}

// MARK: For people

extension OperationPlan {
    var text: String {
        var lines = ["\(action): group \(group), topic \(topic)"]
        lines += changes.flatMap(\.lines)
        lines += untouched.map { "partition \($0.partition): left as it is: \($0.why)" }
        if !changes.isEmpty { lines += costs.map { "note: \($0)" } }
        return lines.map { $0 + "\n" }.joined()
    }
}

extension PartitionChange {
    fileprivate var lines: [String] {
        let from = before.map { "offset \($0.offset)" } ?? "no offset"
        var lines = ["partition \(partition): \(from) -> offset \(offset), lineage \(beforeEpoch.map(String.init) ?? "none") -> \(metadata.epoch)"]
        lines.append("  " + (checkpoint == nil ? "an empty state" : "a state with stream time \(readable(metadata.streamTime)), in a new checkpoint"))
        lines += notes.map { "  \($0)" }
        for record in passed.listed {
            let time = record.timestamp.map(readable) ?? "no timestamp"
            lines.append("  passed: offset \(record.offset), \(time), key \(record.key ?? "none"), \(record.byteCount) bytes")
        }
        if passed.count > passed.listed.count { lines.append("  and \(passed.count - passed.listed.count) more") }
        return lines
    }
}

/// A time for people; `none` before the first payment.
func readable(_ milliseconds: Int64) -> String { milliseconds == StreamTime.none ? "none" : String(jsonTime(milliseconds).dropFirst().dropLast()) }

// MARK: For programs and the audit

extension OperationPlan {
    /// The members that stdout and the audit share, without braces.
    var members: String {
        [
            "\"group\":\(jsonQuoted(group))", "\"topic\":\(jsonQuoted(topic))", "\"partitions\":[\(changes.map(\.json).joined(separator: ","))]",
            "\"untouched\":[\(untouched.map { "{\"partition\":\($0.partition),\"why\":\(jsonQuoted($0.why))}" }.joined(separator: ","))]",
            "\"notes\":[\(costs.map(jsonQuoted).joined(separator: ","))]",
        ].joined(separator: ",")
    }
}

extension PartitionChange {
    fileprivate var json: String {
        let from = before.map { "{\"offset\":\($0.offset),\"epoch\":\(beforeEpoch.map(String.init) ?? "null")}" } ?? "null"
        let rules = metadata.history.last.map { "\"sha256:\($0.ruleSet.hexadecimal)\"" } ?? "null"
        let to =
            "{\"offset\":\(offset),\"epoch\":\(metadata.epoch),\"stream_time\":\(jsonTime(metadata.streamTime)),\"digest\":\"\(hexadecimal(metadata.digest))\","
            + "\"fold\":\"\(metadata.foldHash)\",\"rule_set\":\(rules),\"checkpoint\":\(checkpoint != nil)}"
        let listed = passed.listed.map { record in
            "{\"offset\":\(record.offset),\"timestamp\":\(record.timestamp.map(jsonTime) ?? "null"),\"key\":\(record.key.map(jsonQuoted) ?? "null"),"
                + "\"bytes\":\(record.byteCount)}"
        }
        return "{\"partition\":\(partition),\"from\":\(from),\"to\":\(to),\"lost_records\":\(lostCount.map(String.init) ?? "null"),"
            + "\"passed_records\":\(passed.count),\"passed\":[\(listed.joined(separator: ","))],\"notes\":[\(notes.map(jsonQuoted).joined(separator: ","))]}"
    }
}

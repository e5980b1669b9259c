import FraudEngine
import ReferenceFold

/// What must hold while a run goes on and when it has ended. The first thing that does not hold ends the run.
final class Checks {
    private unowned let world: World
    private(set) var violation: String?
    private(set) var isOver = false
    /// By partition, all that were ever committed, by sequence.
    private var histories: [Int32: [UInt64: RuleActivation]] = [:]
    private var commits: [(partition: Int32, position: CommittedPosition, metadata: CommitMetadata)] = []
    private var snapshots: [CheckpointHeader] = []

    init(_ world: World) { self.world = world }

    func violated(_ what: String) {
        guard violation == nil else { return }
        violation = what
        world.trace("WRONG: \(what)")
    }

    // MARK: On the way

    func flushed(_ plan: FlushPlan, _ process: WorkerProcess) {
        if plan.assignmentEpoch != process.machine.assignmentEpoch { violated("\(process) flushes for another assignment") }
    }

    func committed(_ partition: Int32, _ position: CommittedPosition, before: CommittedPosition?) {
        do throws(CommitMetadata.Problem) {
            let metadata = try CommitMetadata(line: position.metadata)
            if position.metadata.utf8.count > CommitMetadata.maxBytes { violated("metadata of \(position.metadata.utf8.count) bytes") }
            if let before {
                let old = try CommitMetadata(line: before.metadata)
                if position.offset < before.offset { violated("partition \(partition) is committed at \(position.offset), behind \(before.offset)") }
                if metadata.epoch != old.epoch { violated("partition \(partition) has another lineage at \(position.offset)") }
            }
            note(partition, position.offset, metadata.history, before: before?.offset)
            commits.append((partition, position, metadata))
        } catch {
            violated("metadata of partition \(partition) cannot be read: \(error)")
        }
    }

    /// A history only grows, by entries that begin where they are committed.
    private func note(_ partition: Int32, _ offset: Int64, _ entries: [RuleActivation], before: Int64?) {
        var known = histories[partition] ?? [:]
        let last = known.keys.max() ?? 0
        for entry in entries {
            if let old = known[entry.sequence], old != entry { violated("partition \(partition): rule-set entry \(entry.sequence) has changed") }
            if known[entry.sequence] == nil, entry.sequence <= last { violated("partition \(partition): rule-set entry \(entry.sequence) comes late") }
            if known[entry.sequence] == nil, let before, entry.fromOffset != before {
                violated("partition \(partition): rule-set entry \(entry.sequence) begins at \(entry.fromOffset), inside of a transaction")
            }
            known[entry.sequence] = entry
        }
        let newest = known.keys.max() ?? 0
        if entries.last?.sequence != newest || known.count != Int(newest) { violated("partition \(partition): the rule-set history at \(offset) has a gap") }
        if let end = entries.last, end.fromOffset > offset { violated("partition \(partition): a rule set is in force from beyond the committed offset") }
        histories[partition] = known
    }

    func snapshot(_ header: CheckpointHeader) {
        guard let decided = world.group.decidedOffset[header.partition], header.offset <= decided else {
            return violated("a checkpoint of partition \(header.partition) is taken at \(header.offset), which is not committed")
        }
        snapshots.append(header)
    }

    func refused(_ partition: Int32, _ why: Refusal) {
        switch why {
        case .abortedThrice:
            if !world.scenario.faults.contains(where: \.refusesRecords) {
                violated("partition \(partition) is refused, and no broker refused its records: \(why.message)")
            }
        case .metadataUnreadable, .checkpointWithoutOffset, .partitionCountChanged, .foldChanged, .anchorMismatch, .offsetBeyondLog, .logStartsLater,
            .noUsableCheckpoint, .ruleSetMissing, .digestMismatch:
            violated("partition \(partition) is refused: \(why.message)")
        }
    }

    func scoreWritten(_ waiting: WaitingScore) {
        let (partition, offset) = (waiting.change.partition, waiting.change.offset)
        if offset >= world.group.decidedOffset[partition] ?? 0 {
            violated("a score of partition \(partition) reaches Redis at \(offset), which is not committed")
        }
    }

    // MARK: At the end

    /// Everything is read, committed, live, and written to Redis.
    func isComplete() -> Bool {
        var live = 0
        for process in world.processes {
            guard let process, process.scores.isComplete else { return false }
            for partition in process.machine.tasks.keys {
                guard let task = process.machine.tasks[partition], task.phase == .live, task.committed == world.group.committed[partition],
                    task.machine.history.last?.ruleSet == SimulationRules.sets[world.newestRules].hash, !task.mustCommit
                else { return false }
                live += 1
            }
        }
        guard live == world.scenario.partitions, !world.outputs.contains(where: \.hasOpenTransaction) else { return false }
        return world.inputs.enumerated().allSatisfy { index, input in
            world.group.committed[Int32(index)]?.offset == (input.visible.last?.offset ?? -1) + 1
        }
    }

    func stuck() {
        let standing = world.inputs.enumerated().map { index, input in
            "partition \(index) at \(world.group.committed[Int32(index)]?.offset ?? -1) of \((input.visible.last?.offset ?? -1) + 1)"
        }
        let workers = world.processes.map { process in
            guard let process else { return "nobody" }
            let tasks = process.machine.tasks.keys.sorted().map { "\($0) \(process.machine.tasks[$0].map { "\($0.phase)" } ?? "")" }
            return "\(process) has \(tasks), loads \(process.machine.loadingPartitions), scores \(process.scores.isComplete ? "written" : "waiting")"
        }
        violated("no end within the bound: \(standing.joined(separator: ", ")); \(workers.joined(separator: "; "))")
    }

    func finish() {
        guard violation == nil else { return }
        let committed = world.outputs.flatMap(\.committed)
        for kind in committed.map(\.kind) { world.count(Self.coverage(kind)) }
        for partition in 0..<Int32(world.scenario.partitions) where violation == nil { compare(partition) }
        isOver = true
    }

    private static func coverage(_ kind: Outbox.Kind) -> CoverageKind {
        switch kind {
        case .alert: .alert
        case .shadowAlert: .shadowAlert
        case .late: .late
        case .deadLetter: .deadLetter
        }
    }

    private func compare(_ partition: Int32) {
        let known = histories[partition] ?? [:]
        let history = known.keys.sorted().compactMap { known[$0] }
        let records = world.inputs[Int(partition)].visible
        let end = (records.last?.offset ?? -1) + 1
        let scores = world.redis.scores.keys.sorted().compactMap { world.redis.scores[$0] }.filter { $0.change.partition == partition }
        var wanted: [Int64: Set<RuleSetHash>] = [end: [SimulationRules.sets[world.newestRules].hash]]
        for commit in commits where commit.partition == partition { wanted[commit.position.offset, default: []].formUnion([]) }
        for header in snapshots where header.partition == partition { wanted[header.offset, default: []].formUnion([]) }
        for score in scores where score.change.receivedAt == nil { wanted[score.change.offset + 1, default: []].insert(score.change.ruleSet) }
        let settings = SimulationRules.settings(world.scenario, seed: 1)
        let oracle = Oracle(partition: partition, records: records, history: history, wanted: wanted, settings: settings, random: &world.random)
        compareOutputs(partition, oracle)
        compareStates(partition, oracle, records: records.count, end: end)
        compareScores(partition, oracle, scores, end: end)
    }

    private func compareOutputs(_ partition: Int32, _ oracle: Oracle) {
        for place in world.outputs.indices {
            let found = world.outputs[place].committed.filter { $0.source == partition }
            let expected = oracle.outputs.filter { World.place(of: $0) == place }
            for (index, (a, b)) in zip(found, expected).enumerated() where a != b {
                return violated("output \(index) of partition \(partition) at place \(place) is \(Self.text(a)), not \(Self.text(b))")
            }
            if found.count > expected.count { return violated("partition \(partition): too many outputs, first \(Self.text(found[expected.count]))") }
            if found.count < expected.count { return violated("partition \(partition): outputs are missing, first \(Self.text(expected[found.count]))") }
        }
    }

    private static func text(_ record: OutputRecord) -> String { "\(record.kind) \(String(decoding: record.value ?? [], as: UTF8.self))" }

    private func compareStates(_ partition: Int32, _ oracle: Oracle, records: Int, end: Int64) {
        for (_, position, metadata) in commits.filter({ $0.partition == partition }) {
            guard let expected = oracle.boundaries[position.offset] else { preconditionFailure("every commit is a boundary") }
            if metadata.digest != expected.digest { return violated("partition \(partition): the digest committed at \(position.offset) is wrong") }
            if !expected.totals.isEqual(to: metadata.totals) { return violated("partition \(partition): the totals committed at \(position.offset) are wrong") }
            if metadata.streamTime != expected.streamTime ?? StreamTime.none {
                return violated("partition \(partition): the time committed at \(position.offset) is wrong")
            }
            if metadata.anchor != expected.anchor { return violated("partition \(partition): the anchor committed at \(position.offset) is wrong") }
        }
        for header in snapshots where header.partition == partition {
            if header.digest != oracle.boundaries[header.offset]?.digest {
                return violated("partition \(partition): the checkpoint at \(header.offset) has another digest")
            }
        }
        let read = PlainOutcome.allCases.reduce(0) { $0 + (oracle.boundaries[end]?.totals.count($1) ?? 0) }
        if read != UInt64(records) { violated("partition \(partition): the totals do not add up") }
    }

    /// Of each account: what Redis holds is what was right at its offset, and nothing has changed since.
    private func compareScores(_ partition: Int32, _ oracle: Oracle, _ scores: [ScoreStore.Score], end: Int64) {
        for score in scores {
            let isRight =
                score.change.receivedAt == nil
                ? (oracle.boundaries[score.change.offset + 1]?.scores[score.change.ruleSet] ?? []).contains { Self.areEqual($0, score.change) }
                : oracle.changes.contains { $0.isEqual(to: score.change) }
            guard isRight else {
                return violated("the score of \(ScoreStore.key(score.change.account)) at \(score.change.offset) was never right")
            }
        }
        let newest = SimulationRules.sets[world.newestRules].hash
        for expected in oracle.boundaries[end]?.scores[newest] ?? [] {
            let name = ScoreStore.key(expected.account)
            guard let held = world.redis.scores[name] else { return violated("the score of \(name) is missing in Redis") }
            let lastChange = oracle.changes.last { $0.account == expected.account }?.offset ?? -1
            if held.change.offset < lastChange { return violated("the score of \(name) in Redis is of \(held.change.offset), it changed at \(lastChange)") }
            if held.change.ruleSet != newest { return violated("the score of \(name) in Redis is one of older rules") }
        }
    }

    private static func areEqual(_ a: ScoreChange, _ b: ScoreChange) -> Bool {
        a.account == b.account && a.score == b.score && a.band == b.band && a.decision == b.decision && a.rules == b.rules && a.ruleSet == b.ruleSet
    }
}

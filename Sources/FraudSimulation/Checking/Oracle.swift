import FraudEngine
import ReferenceFold
import RuleFiles

/// What one partition must give out and be: the reference fold over its input, under the rule sets that were in force, and, for what only the engine
/// knows (digests, scores that are told again), the engine's own fold without an interruption.
struct Oracle {
    /// The state after every record below an offset.
    struct Boundary {
        var streamTime: Int64?
        var totals: PlainTotals
        var digest: UInt64 = 0
        var anchor: Anchor?
        /// Non-zero scores, by rule set asked for.
        var scores: [RuleSetHash: [ScoreChange]] = [:]
    }

    private(set) var outputs: [OutputRecord] = []
    /// Changes of scores, in order.
    private(set) var changes: [PlainScore] = []
    private(set) var boundaries: [Int64: Boundary] = [:]

    /// - Parameter wanted: offsets to stop at, and the rule sets whose scores are asked for there.
    init(
        partition: Int32, records: [InputRecord], history: [RuleActivation], wanted: [Int64: Set<RuleSetHash>], settings: WorkerSettings,
        random: inout SimulationRandom
    ) {
        foldPlainly(partition, records, history, wanted, settings)
        fold(partition, records, history, wanted, settings, &random)
    }

    // MARK: The reference

    private mutating func foldPlainly(
        _ partition: Int32, _ records: [InputRecord], _ history: [RuleActivation], _ wanted: [Int64: Set<RuleSetHash>], _ settings: WorkerSettings
    ) {
        let configuration = ReferenceFold.Configuration(
            group: settings.group, topic: settings.topic, mapping: settings.mapping, windows: settings.windows)
        let activations = history.map { PlainActivation(fromOffset: $0.fromOffset, rules: SimulationRules.plain[$0.ruleSet]!) }
        var reference = ReferenceFold(partition: partition, configuration: configuration, history: activations)
        var at = 0
        for cut in wanted.keys.sorted() + [Int64.max] {
            while at < records.count, records[at].offset < cut {
                let result = reference.fold(records[at].plain)
                outputs += result.outputs.map { OutputRecord($0, source: partition) }
                if let score = result.score { changes.append(score) }
                at += 1
            }
            boundaries[cut] = Boundary(streamTime: reference.streamTime, totals: reference.totals)
        }
    }

    // MARK: The engine

    private mutating func fold(
        _ partition: Int32, _ records: [InputRecord], _ history: [RuleActivation], _ wanted: [Int64: Set<RuleSetHash>], _ settings: WorkerSettings,
        _ random: inout SimulationRandom
    ) {
        var machine = PartitionMachine(
            partition: partition, state: PartitionState(windows: settings.windows, seed: 77), next: 0, anchor: nil, history: history)
        var kits = Kits(settings)
        var outbox = Outbox()
        var at = 0
        let cuts = Set(wanted.keys).union(history.map(\.fromOffset)).sorted()
        for cut in cuts {
            while at < records.count, records[at].offset < cut {
                var end = min(records.count, at + 1 + random.below(PaymentBatch.capacity))
                while records[end - 1].offset >= cut { end -= 1 }
                let rules = history.last { $0.fromOffset <= records[at].offset }?.ruleSet ?? history[0].ruleSet
                let box = kits.box(rules, &machine)
                records[at..<end].map(\.raw).withUnsafeBufferPointer {
                    machine.fold($0, kit: &box.kit, outbox: &outbox, context: settings.output, emits: false, headers: { _, _, _ in })
                }
                at = end
            }
            guard let rules = wanted[cut] else { continue }
            boundaries[cut]?.digest = machine.state.digest
            boundaries[cut]?.anchor = machine.anchor
            for hash in rules {
                let box = kits.box(hash, &machine)
                boundaries[cut]?.scores[hash] = machine.scores(.all, from: 1, count: 1 << 20, kit: box.kit).scores
            }
        }
    }

    private struct Kits {
        let settings: WorkerSettings
        private var boxes: [RuleSetHash: KitBox] = [:]
        private var bound: RuleSetHash?

        init(_ settings: WorkerSettings) { self.settings = settings }

        mutating func box(_ hash: RuleSetHash, _ machine: inout PartitionMachine) -> KitBox {
            let box = boxes[hash] ?? make(hash)
            boxes[hash] = box
            if bound != hash { machine.use(box.kit) }
            bound = hash
            return box
        }

        private func make(_ hash: RuleSetHash) -> KitBox {
            guard let set = SimulationRules.sets.first(where: { $0.hash == hash }) else { preconditionFailure("only known rules are in force") }
            return KitBox(FoldKit(ruleSet: set, mapping: settings.mapping, windows: settings.windows))
        }
    }
}

extension OutputRecord {
    init(_ output: PlainOutput, source: Int32) {
        switch output.kind {
        case .alert: kind = .alert
        case .shadowAlert: kind = .shadowAlert
        case .late: kind = .late
        case .deadLetter: kind = .deadLetter
        }
        self.source = source
        key = output.key
        value = output.value
        var block = ByteWriter()
        for header in output.headers {
            header.name.withUnsafeBytes { name in
                guard let value = header.value else { return HeaderBlock.append(name: ByteSlice(name), value: nil, to: &block) }
                value.withUnsafeBytes { HeaderBlock.append(name: ByteSlice(name), value: ByteSlice($0), to: &block) }
            }
        }
        headers = block.array()
    }
}

extension PlainTotals {
    func isEqual(to totals: Totals) -> Bool {
        Outcome.allCases.allSatisfy { outcome in
            let same = PlainOutcome.allCases[Int(outcome.rawValue)]
            return totals[outcome] == count(same) && totals.amounts[Int(outcome.rawValue)] == amount(same)
        }
    }
}

extension PlainScore {
    func isEqual(to change: ScoreChange) -> Bool {
        account == change.account && score == change.score && band == PlainBand(change.band) && decision == PlainAction(change.decision)
            && rules == change.rules && offset == change.offset && ruleSet == change.ruleSet.hexadecimal
    }
}

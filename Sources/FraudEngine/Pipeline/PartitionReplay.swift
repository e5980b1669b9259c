/// Brings a recovered state to the committed offset outside of a service: the same fold with outputs off, each record under the rule set that
/// judged it. One owner, one thread.
package struct PartitionReplay: ~Copyable {
    package private(set) var machine: PartitionMachine
    /// Y: the first record that is not folded.
    package let until: Int64
    /// Records folded so far.
    package private(set) var recordCount = 0
    private let committedAnchor: Anchor?
    private var foundAnchor: Anchor?
    private var kits: [RuleSetHash: KitBox] = [:]
    private var boundRules: RuleSetHash?
    private var outbox = Outbox()
    private let output: OutputContext

    /// - Parameters:
    ///   - recovered: its state is taken.
    ///   - start: the first record to fold; what lies between the state's own offset and it is lost.
    package init(_ recovered: RecoveredState, partition: Int32, from start: Int64, until: Int64, anchor: Anchor?, settings: WorkerSettings) {
        machine = PartitionMachine(
            partition: partition, state: recovered.take(), next: start, anchor: start == until ? anchor ?? recovered.anchor : recovered.anchor,
            history: recovered.history)
        self.until = until
        committedAnchor = anchor
        output = settings.output
        for set in recovered.ruleSets {
            kits[set.hash] = KitBox(FoldKit(ruleSet: set, mapping: settings.mapping, windows: settings.windows))
        }
    }

    /// Takes a run of at most 64 records, in order. Those before the start only show the anchor, those from `until` on are not looked at.
    package mutating func take(_ records: UnsafeBufferPointer<RawRecord>) {
        var start = 0
        while start < records.count, records[start].offset < until {
            noteAnchor(records[start])
            guard records[start].offset >= machine.next else {
                start += 1
                continue
            }
            let hash = machine.history.last { $0.fromOffset <= records[start].offset }?.ruleSet ?? machine.history[0].ruleSet
            let bound = min(until, machine.history.first { $0.fromOffset > records[start].offset }?.fromOffset ?? Int64.max)
            var end = start + 1
            while end < records.count, records[end].offset < bound {
                noteAnchor(records[end])
                end += 1
            }
            fold(UnsafeBufferPointer(rebasing: records[start..<end]), under: hash)
            start = end
        }
    }

    private mutating func fold(_ records: UnsafeBufferPointer<RawRecord>, under hash: RuleSetHash) {
        guard let box = kits[hash] else { preconditionFailure("a recovered state comes with the rule sets that judged what is replayed") }
        if boundRules != hash {
            machine.use(box.kit)
            boundRules = hash
        }
        machine.fold(records, kit: &box.kit, outbox: &outbox, context: output, emits: false, headers: { _, _, _ in })
        recordCount += records.count
    }

    private mutating func noteAnchor(_ record: RawRecord) {
        guard let committedAnchor, record.offset == committedAnchor.offset else { return }
        foundAnchor = Anchor(offset: record.offset, hash: Anchor.hash(record))
    }

    /// Whether the log is the one that was read, as far as the record at the committed anchor tells: it was to be read, and was another or none.
    ///
    /// - Parameter first: the first offset that was asked for.
    package func isAnchorWrong(readFrom first: Int64) -> Bool {
        guard let committedAnchor, committedAnchor.offset >= first else { return false }
        return foundAnchor != committedAnchor
    }

    /// The machine at `offset`, no matter whether the log's last offsets held records.
    package consuming func finished(at offset: Int64, anchor: Anchor?) -> PartitionMachine {
        machine.pass(to: offset, anchor: anchor)
        return machine
    }

    /// Ends a replay that did not begin with all that came before: stream time and totals are those committed at Y.
    package mutating func adopt(_ metadata: CommitMetadata) { machine.adopt(streamTime: metadata.streamTime, totals: metadata.totals) }
}

import FraudEngine

/// Checkpoints of all partitions, where every worker finds them. Writing is atomic; what was written may be damaged or gone later.
final class CheckpointStore {
    private struct Entry {
        /// As the place says, not the bytes.
        var epoch: Int64
        var kept: KeptCheckpoint
        var bytes: [UInt8]
    }

    private static let keptCount = 3

    private unowned let world: World
    /// By partition, oldest first.
    private var entries: [Int32: [Entry]] = [:]
    var slowUntil: Int64 = 0
    var failingUntil: Int64 = 0

    init(_ world: World) { self.world = world }

    /// Microseconds that an access takes now.
    func delay() -> Int64 { world.random.among(500...30_000) + (world.time.now < slowUntil ? world.random.among(500_000...4_000_000) : 0) }

    func newestOffset(_ partition: Int32) -> Int64? { entries[partition]?.last?.kept.offset }

    /// Whether it was written.
    func write(_ snapshot: PartitionSnapshot, _ header: CheckpointHeader) -> Bool {
        guard world.time.now >= failingUntil else {
            world.count(.checkpointFailed)
            return false
        }
        var bytes = ByteWriter()
        CheckpointFile.encode(header, snapshot, to: &bytes)
        check(bytes, header)
        let all = (entries[header.partition] ?? []).filter { ($0.epoch, $0.kept) != (header.epoch, header.kept) }
        let new = Entry(epoch: header.epoch, kept: header.kept, bytes: bytes.array())
        let sorted = (all + [new]).sorted { ($0.epoch, $0.kept.offset, $0.kept.sequence) < ($1.epoch, $1.kept.offset, $1.kept.sequence) }
        entries[header.partition] = Array(sorted.suffix(Self.keptCount))
        world.count(.checkpointWritten)
        return true
    }

    /// What is written is what the snapshot was taken of, whatever the worker has done since.
    private func check(_ bytes: borrowing ByteWriter, _ header: CheckpointHeader) {
        let isWhole = bytes.withBytes { raw in
            do throws(CheckpointFile.Problem) {
                _ = try CheckpointFile.decode(raw, windows: SimulationRules.windows, seed: 1)
                return true
            } catch {
                return false
            }
        }
        if !isWhole { world.checks.violated("the checkpoint of partition \(header.partition) at \(header.offset) is not what its snapshot was taken of") }
    }

    /// What a partition goes on from, by the worker's own search; nil: the store does not answer at present.
    func load(_ partition: Int32, _ committed: CommittedPosition, _ settings: WorkerSettings) -> Result<RecoveredState, Refusal>? {
        let search = CheckpointSearch<[UInt8], Never>(
            settings: settings, bytes: { .success($0) },
            ruleSet: { (hash) throws(RecoveryFailure<Never>) in
                guard let set = SimulationRules.sets.first(where: { $0.hash == hash }) else { throw .refused(.ruleSetMissing(hash.hexadecimal)) }
                return set
            },
            notUsed: { [world] entry, problem in
                world.count(.checkpointNotUsed)
                world.trace("store: checkpoint \(entry.kept.offset) of partition \(partition) is not used: \(problem.text)")
            })
        guard world.time.now >= failingUntil else { return nil }
        do throws(RecoveryFailure<Never>) {
            return .success(try search.load(partition, committed, (entries[partition] ?? []).map { .init(epoch: $0.epoch, kept: $0.kept, place: $0.bytes) }))
        } catch {
            switch error {
            case .refused(let why): return .failure(why)
            }
        }
    }

    // MARK: Harm

    func tear() {
        change { list, count in
            let bytes = list[list.count - 1].bytes
            list[list.count - 1].bytes = Array(bytes.prefix(bytes.count / 2))
            count(.checkpointTorn)
        }
    }

    func flip() {
        change { [world] list, count in
            list[list.count - 1].bytes[world.random.below(list[list.count - 1].bytes.count)] ^= 1 << UInt8(world.random.below(8))
            count(.checkpointTorn)
        }
    }

    func loseNewest() {
        change { list, count in
            list.removeLast()
            count(.checkpointLost)
        }
    }

    func loseAll() {
        change { list, count in
            list.removeAll()
            count(.checkpointLost)
        }
    }

    /// Another lineage's checkpoint, and bytes that belong to another place, newer than all others.
    func addForeign() {
        change { list, count in
            guard let last = list.last else { return }
            var further = last
            further.kept.offset += 1
            var older = last
            older.epoch -= 1_000
            list = [older] + list + [further]
            count(.checkpointForeign)
        }
    }

    private func change(_ body: (inout [Entry], (CoverageKind) -> Void) -> Void) {
        for partition in entries.keys.sorted() {
            guard var list = entries[partition], !list.isEmpty else { continue }
            body(&list) { world.count($0) }
            entries[partition] = list
        }
    }
}

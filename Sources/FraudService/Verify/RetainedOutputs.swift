import ReferenceFold

/// What output topics can have deleted at their beginnings: whether one that is missing is lost, or only older than what its partition still holds.
///
/// Outputs of one input partition stand in one output partition in the order of the input. Beyond that, only times tell: an output was written after the
/// outputs of its input partition that come before it, and after its payment.
struct RetainedOutputs {
    enum Deletion {
        /// It would still be there.
        case impossible
        /// It was written before all that its partition still holds.
        case certain
        /// Nothing tells when it was written, or its partition holds nothing any more.
        case possible
    }

    private struct Part: Hashable {
        var kind: PlainOutput.Kind
        /// Of the output topic.
        var partition: Int32
    }

    private struct Flow: Hashable {
        var part: Part
        /// Of the input.
        var partition: Int32
    }

    /// When outputs of an input partition were written, Kafka timestamps.
    private struct Witness {
        /// Of the input.
        var offset: Int64
        var time: Int64
    }

    /// So far the clocks of instances may be apart, milliseconds.
    private static let skew: Int64 = 60_000
    /// So far ahead of theirs brokers take timestamps of producers (`message.timestamp.after.max.ms`), milliseconds.
    private static let ahead: Int64 = 3_600_000

    /// How long an output may wait for its place in the log, milliseconds.
    let openTransaction: Int64
    private var shortened: Set<Part> = []
    private var firstTimes: [Part: Int64] = [:]
    private var lowest: [Flow: Int64] = [:]
    private var witnesses: [Int32: [Witness]] = [:]
    /// By input partition, in step with its witnesses: the latest time up to there, the earliest from there on.
    private var latest: [Int32: [Int64]] = [:]
    private var earliest: [Int32: [Int64]] = [:]

    init(openTransaction: Int64) { self.openTransaction = openTransaction }

    // MARK: Noting

    /// The topic has deleted the first records of one of its partitions.
    mutating func noteShortened(_ kind: PlainOutput.Kind, partition: Int32) { shortened.insert(Part(kind: kind, partition: partition)) }

    /// Any record, of whomever; those of a partition come in order.
    mutating func noteRecord(_ found: FoundOutput) {
        let part = Part(kind: found.kind, partition: found.partition)
        if shortened.contains(part), firstTimes[part] == nil { firstTimes[part] = found.timestamp }
    }

    /// An output of this group.
    mutating func noteOutput(_ found: FoundOutput, of origin: FoundOutput.Origin) {
        let flow = Flow(part: Part(kind: found.kind, partition: found.partition), partition: origin.partition)
        if shortened.contains(flow.part) { lowest[flow] = min(lowest[flow] ?? .max, origin.offset) }
    }

    /// An output that names this group.
    mutating func noteWritten(_ found: FoundOutput, of origin: FoundOutput.Origin) {
        witnesses[origin.partition, default: []].append(Witness(offset: origin.offset, time: found.timestamp))
    }

    /// Once all is noted, and before anything is asked.
    ///
    /// - Parameter epochs: Unix milliseconds, by input partition: what was written before may have been written by an earlier lineage, too, so that it does
    ///   not tell when this one wrote.
    mutating func prepare(epochs: [Int32: Int64]) {
        for (partition, unsorted) in witnesses {
            let sorted = unsorted.sorted { $0.offset < $1.offset }
            witnesses[partition] = sorted
            var times: [Int64] = []
            var time = Int64.min
            for witness in sorted {
                time = max(time, witness.time)
                times.append(time)
            }
            latest[partition] = times
            times = []
            time = .max
            for witness in sorted.reversed() {
                if witness.time >= epochs[partition] ?? .min { time = min(time, witness.time) }
                times.append(time)
            }
            earliest[partition] = times.reversed()
        }
    }

    // MARK: Judging

    /// - Parameters:
    ///   - partitions: of the output topic, where it can have stood.
    ///   - received: the payment's Kafka timestamp.
    ///   - isOwn: no other group writes such outputs there without a name.
    func deletion(
        _ kind: PlainOutput.Kind, in partitions: Set<Int32>, of origin: FoundOutput.Origin, received: Int64?, isOwn: Bool
    ) -> Deletion {
        guard !shortened.isEmpty else { return .impossible }
        let all = partitions.map { deletion(Part(kind: kind, partition: $0), origin, received, isOwn: isOwn) }
        if all.allSatisfy({ $0 == .impossible }) { return .impossible }
        return all.allSatisfy { $0 == .certain } ? .certain : .possible
    }

    private func deletion(_ part: Part, _ origin: FoundOutput.Origin, _ received: Int64?, isOwn: Bool) -> Deletion {
        guard shortened.contains(part) else { return .impossible }
        if isOwn, let offset = lowest[Flow(part: part, partition: origin.partition)], offset < origin.offset { return .impossible }
        guard let first = firstTimes[part] else { return .possible }
        let (after, before) = bounds(origin)
        if let after, after > first + openTransaction + Self.skew { return .impossible }
        if let received, received > first + openTransaction + Self.ahead { return .impossible }
        return before.map { $0 <= first } ?? false ? .certain : .possible
    }

    /// Between which times it was written, as far as it is known.
    private func bounds(_ origin: FoundOutput.Origin) -> (after: Int64?, before: Int64?) {
        guard let known = witnesses[origin.partition], let latest = latest[origin.partition], let earliest = earliest[origin.partition] else {
            return (nil, nil)
        }
        let from = Self.count(known) { $0 < origin.offset }
        let to = Self.count(known) { $0 <= origin.offset }
        let before = to < known.count && earliest[to] < .max ? earliest[to] : nil
        return (from > 0 ? latest[from - 1] : nil, before)
    }

    /// How many come first of which this is true.
    private static func count(_ sorted: [Witness], _ isBefore: (Int64) -> Bool) -> Int {
        var (low, high) = (0, sorted.count)
        while low < high {
            let middle = (low + high) / 2
            if isBefore(sorted[middle].offset) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

import Kafka
import ReferenceFold

/// In which partition of its topic an output belongs (contract of the alert's key), also where partitions were added later: keys move then.
struct OutputPlacement {
    /// One that stands in its topic; those of an input partition in the order of the input.
    struct Row {
        /// Among the expected.
        var index: Int
        var home: Home
        /// Of the output topic.
        var partition: Int32
        /// Kafka timestamp, Unix milliseconds.
        var time: Int64
    }

    /// What decides of the partition: the key's hash, or without a key the number of the input partition.
    struct Home: Equatable {
        var number: Int32

        init(_ output: PlainOutput, of origin: FoundOutput.Origin) {
            number = output.key.map { $0.withUnsafeBytes { Int32(bitPattern: KeyPartitioner.murmur2($0) & 0x7fff_ffff) } } ?? origin.partition
        }

        func partition(among count: Int32) -> Int32 { number % count }
    }

    /// Until the last producer hears of new partitions (librdkafka's `topic.metadata.refresh.interval.ms`, 5 min) and a little; milliseconds.
    private static let refresh: Int64 = 600_000
    /// So many rows before one tell by which number of partitions they were written.
    private static let memory = 1_000

    /// Numbers of partitions that the topic had when these were written: the present one last.
    private(set) var counts: [Int32]
    /// Stand where no number of partitions has put them; places among the expected.
    private(set) var misplaced: [Int] = []

    /// - Parameter count: of partitions now.
    init(_ rows: [Row], count: Int32) {
        counts = [count]
        var current = count
        var former: (count: Int32, from: Int64)?
        for place in rows.indices.reversed() {
            let row = rows[place]
            if row.home.partition(among: current) == row.partition { continue }
            if let former, row.time >= former.from, row.home.partition(among: former.count) == row.partition { continue }
            guard let smaller = Self.smaller(than: current, rows[max(0, place - Self.memory)..<place], row) else {
                misplaced.append(row.index)
                continue
            }
            former = (current, row.time - Self.refresh)
            current = smaller
            counts.insert(current, at: 0)
        }
    }

    /// The number of partitions that put it there, as it did those before it, and better than the present one.
    private static func smaller(than current: Int32, _ before: ArraySlice<Row>, _ row: Row) -> Int32? {
        func fits(_ count: Int32) -> Int { before.count { $0.home.partition(among: count) == $0.partition } }
        let candidates = (row.partition + 1..<max(current, row.partition + 1)).filter { row.home.partition(among: $0) == row.partition }
        guard let best = candidates.map({ (count: $0, fits: fits($0)) }).max(by: { ($0.fits, $0.count) < ($1.fits, $1.count) }) else { return nil }
        return best.fits >= fits(current) ? best.count : nil
    }

    /// Where one that is missing can have stood.
    func partitions(_ home: Home) -> Set<Int32> { Set(counts.map { home.partition(among: $0) }) }
}

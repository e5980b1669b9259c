import FraudEngine

/// Redis with the scores and the partitions' marks: the rules are those of `ScoreScript`.
final class ScoreStore {
    struct Score {
        var epoch: Int64
        var change: ScoreChange
    }

    private struct Mark {
        var epoch: Int64
        var offset: Int64
        var writes: Int64
    }

    private unowned let world: World
    /// By partition and account.
    private(set) var scores: [String: Score] = [:]
    private var marks: [Int32: Mark] = [:]
    var downUntil: Int64 = 0

    init(_ world: World) { self.world = world }

    var isUp: Bool { world.time.now >= downUntil }

    static func key(_ account: [UInt8]) -> String { String(decoding: account, as: UTF8.self) }

    private static func place(_ epoch: Int64, _ change: ScoreChange) -> (Int64, Int64, UInt64) { (epoch, change.offset, change.sequence) }

    func write(_ waiting: WaitingScore) {
        world.checks.scoreWritten(waiting)
        let key = Self.key(waiting.change.account)
        if let held = scores[key], Self.place(held.epoch, held.change) > Self.place(waiting.epoch, waiting.change) {
            world.count(.scoreStale)
            return
        }
        world.count(.scoreApplied)
        scores[key] = Score(epoch: waiting.epoch, change: waiting.change)
    }

    /// How many marks there were before.
    func mark(_ place: PartitionPlace) -> Int64 {
        var held = marks[place.partition] ?? Mark(epoch: place.epoch, offset: place.offset, writes: 0)
        if (held.epoch, held.offset) <= (place.epoch, place.offset) { (held.epoch, held.offset) = (place.epoch, place.offset) }
        held.writes += 1
        marks[place.partition] = held
        return held.writes - 1
    }

    /// It was started again without its data.
    func empty() {
        scores.removeAll()
        marks.removeAll()
        world.count(.redisEmptied)
    }
}

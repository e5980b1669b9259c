/// An account's last committed score, on its way to Redis.
package struct WaitingScore: Sendable {
    package var change: ScoreChange
    package var epoch: Int64
    /// When it was handed over, monotonic nanoseconds.
    package var since: Int64
    /// The worker of its partition.
    package var owner: ObjectIdentifier

    package init(change: ScoreChange, epoch: Int64, since: Int64, owner: ObjectIdentifier) {
        self.change = change
        self.epoch = epoch
        self.since = since
        self.owner = owner
    }

    func isOlder(than other: WaitingScore) -> Bool { (epoch, change.offset, change.sequence) < (other.epoch, other.change.offset, other.change.sequence) }

    /// Told again by the worker, not caused by a payment.
    var isRewritten: Bool { change.receivedAt == nil }
}

/// The scores that wait: the last one of each account, in the order in which accounts came, never more than `capacity`.
///
/// What finds no room is remembered by its partition and the account's class, to be asked for again: fewer classes at once where an answer finds too
/// little room. So a partition with more scores than may wait is written in the end, however its worker hands them over.
/// Every operation costs O(1), taking and giving back O(batch); tables grow in small pieces, so that nobody waits long for the lock around it.
package struct ScoreQueue {
    /// Scores that are taken at once: one pipeline.
    package static let batchSize = 512
    private static let shardCount = 64
    /// Milliseconds from the last of a partition's answer to the next question for its scores, and how long an answer may stay away. A worker that is
    /// asked in the midst of its answer begins anew: asking too often would keep it from ever ending.
    private static let leastPause: Int64 = 1_000
    private static let longestAnswer: Int64 = 10_000

    private struct Key: Hashable {
        var partition: Int32
        var account: [UInt8]
    }

    /// What a partition lacks in Redis.
    private struct Loss {
        var owner: ObjectIdentifier
        /// Of which something is missing that was not asked for.
        var missing = ScoreClasses.none
        /// What was asked for last.
        var asked = ScoreClasses.none
        /// How many classes to ask for at once.
        var width = ScoreClasses.all.count
        /// The last answer found too little room.
        var hasOverflowed = false
        /// When it was asked last, and when a score was told again last since then; monotonic milliseconds.
        var askedAt: Int64?
        var answeredAt: Int64?
    }

    /// What a worker is to tell again.
    package struct Question {
        package var partition: Int32
        package var classes: ScoreClasses
        package var owner: ObjectIdentifier
    }

    private let capacity: Int
    /// By account: where it stands, as its chunk's number times `batchSize` plus the index in it.
    private var places = [[Key: Int]](repeating: [:], count: ScoreQueue.shardCount)
    private var chunks: [[WaitingScore]] = []
    private var firstChunk = 0
    private var losses: [Int32: Loss] = [:]
    package private(set) var count = 0
    /// Taken and neither written nor given back; they count against the capacity.
    package private(set) var inFlight = 0

    package init(capacity: Int) { self.capacity = capacity }

    package var isDrained: Bool { count == 0 && inFlight == 0 }

    /// Partitions of which scores are missing.
    package var losing: [Int32] { losses.filter { !$0.value.missing.isEmpty }.keys.sorted() }

    // MARK: In and out

    package mutating func offer(_ new: WaitingScore) {
        let key = Key(partition: new.change.partition, account: new.change.account)
        let hash = key.hashValue
        if new.isRewritten { losses[key.partition]?.answeredAt = new.since / 1_000_000 }
        if let place = places[Self.shard(hash)][key] {
            replace(place, new)
        } else if count + inFlight < capacity {
            append(new, key, hash)
        } else {
            drop(new)
        }
    }

    /// The oldest ones, at most `batchSize`; they are in flight until `written` or `giveBack`.
    package mutating func take() -> [WaitingScore] {
        precondition(inFlight == 0, "one batch at a time")
        guard !chunks.isEmpty else { return [] }
        let batch = chunks.removeFirst()
        firstChunk += 1
        for waiting in batch {
            let key = Key(partition: waiting.change.partition, account: waiting.change.account)
            places[Self.shard(key.hashValue)][key] = nil
        }
        count -= batch.count
        inFlight = batch.count
        return batch
    }

    package mutating func written() { inFlight = 0 }

    /// Puts a batch back before all others, but for accounts that have a newer score by now.
    package mutating func giveBack(_ batch: [WaitingScore]) {
        inFlight = 0
        var rest: [WaitingScore] = []
        for old in batch {
            let key = Key(partition: old.change.partition, account: old.change.account)
            let shard = Self.shard(key.hashValue)
            if let place = places[shard][key] {
                replace(place, old)
            } else {
                places[shard][key] = (firstChunk - 1) * Self.batchSize + rest.count
                rest.append(old)
            }
        }
        guard !rest.isEmpty else { return }
        chunks.insert(rest, at: 0)
        firstChunk -= 1
        count += rest.count
    }

    private mutating func replace(_ place: Int, _ new: WaitingScore) {
        let (chunk, index) = place.quotientAndRemainder(dividingBy: Self.batchSize)
        if !new.isOlder(than: chunks[chunk - firstChunk][index]) { chunks[chunk - firstChunk][index] = new }
    }

    private mutating func append(_ new: WaitingScore, _ key: Key, _ hash: Int) {
        if chunks.last.map({ $0.count == Self.batchSize }) ?? true { chunks.append([]) }
        let last = chunks.count - 1
        places[Self.shard(hash)][key] = (firstChunk + last) * Self.batchSize + chunks[last].count
        chunks[last].append(new)
        count += 1
    }

    private static func shard(_ hash: Int) -> Int { hash & (shardCount - 1) }

    // MARK: Losses

    private mutating func drop(_ new: WaitingScore) {
        let missed = new.change.account.withUnsafeBytes { ScoreClasses(of: ByteSlice($0)) }
        var loss = losses[new.change.partition] ?? Loss(owner: new.owner)
        loss.owner = new.owner
        loss.missing.insert(missed)
        if new.isRewritten, loss.asked.intersects(missed) { loss.hasOverflowed = true }
        losses[new.change.partition] = loss
    }

    /// Redis has lost scores of this partition.
    package mutating func lost(_ partition: Int32, _ owner: ObjectIdentifier) {
        var loss = losses[partition] ?? Loss(owner: owner)
        loss.owner = owner
        loss.missing = .all
        loss.width = ScoreClasses.all.count
        loss.hasOverflowed = false
        losses[partition] = loss
    }

    /// What workers are to tell again, now that everything is written. Called only while Redis takes scores.
    package mutating func ask(now: Int64) -> [Question] {
        guard isDrained else { return [] }
        var questions: [Question] = []
        for (partition, loss) in losses where !loss.missing.isEmpty {
            if let answeredAt = loss.answeredAt {
                guard now - answeredAt >= Self.leastPause else { continue }
            } else if let askedAt = loss.askedAt {
                guard now - askedAt >= Self.longestAnswer else { continue }
            }
            var asked = loss
            if loss.hasOverflowed { asked.width = max(1, loss.width / 2) }
            asked.asked = asked.missing.removeFirst(asked.width)
            asked.hasOverflowed = false
            asked.askedAt = now
            asked.answeredAt = nil
            losses[partition] = asked
            questions.append(Question(partition: partition, classes: asked.asked, owner: loss.owner))
        }
        return questions.sorted { $0.partition < $1.partition }
    }
}

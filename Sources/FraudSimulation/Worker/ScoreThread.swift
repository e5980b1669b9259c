import FraudEngine

/// A process's thread that writes committed scores to Redis, as `ScoreWriter` does it: the queue, the partitions' places and the ledger of marks are its own.
final class ScoreThread {
    private let world: World
    private unowned let process: WorkerProcess
    private var queue: ScoreQueue
    private var marks: [Int32: PartitionMark] = [:]
    private var ledger = MarkLedger()
    private var nextLook: Int64 = 0
    /// Until something is offered or the next look is due.
    private var isResting = false
    private var rests = 0

    init(_ world: World, _ process: WorkerProcess) {
        self.world = world
        self.process = process
        queue = ScoreQueue(capacity: world.scenario.scoreCapacity)
    }

    var isDrained: Bool { queue.isDrained }
    var isComplete: Bool { queue.isDrained && queue.losing.isEmpty }

    func offer(_ changes: [ScoreChange], _ epochs: [Int32: Int64]) {
        for change in changes {
            guard let epoch = epochs[change.partition] else { continue }
            if change.receivedAt == nil { world.count(.scoreWrittenAgain) }
            queue.offer(WaitingScore(change: change, epoch: epoch, since: world.time.now * 1_000, owner: ObjectIdentifier(process)))
        }
        if isResting { go() }
    }

    func mark(_ mark: PartitionMark) { marks[mark.partition] = mark }

    func start() { later(.milliseconds(1)) }

    private func rest() {
        isResting = true
        rests += 1
        let number = rests
        world.time.after(max(1, nextLook - world.time.now)) { [weak self, process] in
            process.deliver { if let self, self.isResting, self.rests == number { self.go() } }
        }
    }

    private func go() {
        isResting = false
        later(.milliseconds(1))
    }

    private func later(_ delay: Int64) {
        world.time.after(delay) { [weak self, process] in process.deliver { self?.turn() } }
    }

    private func turn() {
        let isDue = world.time.now >= nextLook
        guard isDue || queue.count > 0 else { return rest() }
        if isDue { nextLook = world.time.now + .seconds(1) }
        let batch = queue.take()
        let reports = marks.keys.sorted().compactMap { marks[$0] }
        marks.removeAll()
        let places = PartitionPlace.all(batch, reports)
        // Its commands arrive one after the other; Redis may go in between, or before it has answered.
        let redis: ScoreStore = world.redis
        world.time.after(world.random.among(100...2_000)) { [weak self, world, process] in
            let reaches = redis.isUp ? (world.random.chance(2) ? world.random.below(batch.count + places.count + 1) : .max) : 0
            for waiting in batch.prefix(reaches) { redis.write(waiting) }
            let rest = max(0, reaches == .max ? .max : reaches - batch.count)
            let before = places.prefix(rest).map { redis.mark($0) }
            let isAnswered = redis.isUp && reaches == .max
            world.time.after(world.random.among(100...2_000)) { process.deliver { self?.ended(batch, reports, places, before, isAnswered) } }
        }
    }

    private func ended(_ batch: [WaitingScore], _ reports: [PartitionMark], _ places: [PartitionPlace], _ before: [Int64], _ isAnswered: Bool) {
        guard isAnswered else {
            world.count(.redisDown)
            queue.giveBack(batch)
            for report in reports where marks[report.partition] == nil { marks[report.partition] = report }
            return later(.milliseconds(200))
        }
        queue.written()
        for (place, count) in zip(places, before) where ledger.isLost(place.partition, before: count) { queue.lost(place.partition, place.owner) }
        for question in queue.ask(now: world.time.milliseconds) {
            world.count(.scoresAskedAgain)
            process.inbox.append(.scoresLost(partition: question.partition, question.classes))
        }
        later(.milliseconds(1))
    }
}

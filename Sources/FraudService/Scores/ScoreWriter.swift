import FraudEngine
import Redis
import Synchronization
import Threads

/// Writes committed scores to Redis from a thread of its own. Workers only hand over: the last state of each account waits, bounded, however
/// long Redis is away; what had to be dropped, or what Redis lost, is asked for again from the worker.
final class ScoreWriter: Sendable {
    private struct Contents {
        var queue: ScoreQueue
        var marks: [Int32: PartitionMark] = [:]
        /// Of the workers that have told something; held, so that no other object takes an identifier over.
        var inboxes: [ObjectIdentifier: WorkerInbox] = [:]
        /// A signal is on its way that the thread has not seen.
        var isSignalled = false
        var isClosed = false
        var problem: String?
        var isConnected = false
    }

    /// Changes that are handed over with the lock held.
    private static let sliceSize = 256

    private let address: RedisAddress
    private let keys: ScoreKeys
    private let metrics: Metrics
    private let log: Log
    private let contents: Mutex<Contents>
    /// Something waits, or the writer was closed.
    private let wake = Semaphore()
    /// The writer was closed; nothing else ends a backoff.
    private let closing = Semaphore()

    /// - Parameter capacity: accounts that may wait.
    init(url: RedisURL, group: String, metrics: Metrics, log: Log, capacity: Int = 1_000_000) {
        address = RedisAddress(url)
        keys = ScoreKeys(group: group)
        self.metrics = metrics
        self.log = log
        contents = Mutex(Contents(queue: ScoreQueue(capacity: capacity)))
    }

    // MARK: From other threads

    /// Takes scores whose transaction is acknowledged. Never waits for Redis.
    func offer(_ changes: [ScoreChange], epochs: [Int32: Int64], inbox: WorkerInbox) {
        let now = Clock.monotonicNanoseconds()
        var start = 0
        while start < changes.count {
            let end = min(changes.count, start + Self.sliceSize)
            let (count, wakes) = contents.withLock { contents in
                contents.inboxes[ObjectIdentifier(inbox)] = inbox
                for change in changes[start..<end] {
                    guard let epoch = epochs[change.partition] else { continue }
                    contents.queue.offer(WaitingScore(change: change, epoch: epoch, since: now, owner: ObjectIdentifier(inbox)))
                }
                defer { contents.isSignalled = true }
                return (contents.queue.count, !contents.isSignalled)
            }
            if wakes { wake.signal() }
            metrics.setRedisPending(count)
            start = end
        }
    }

    /// Where the partitions stand now.
    func mark(_ marks: [PartitionMark], inbox: WorkerInbox) {
        contents.withLock { contents in
            contents.inboxes[ObjectIdentifier(inbox)] = inbox
            for mark in marks { contents.marks[mark.partition] = mark }
        }
    }

    /// Lets `run` return once everything is written, or at the first failure.
    func close() {
        contents.withLock { $0.isClosed = true }
        wake.signal()
        closing.signal()
    }

    /// Whether everything was written within that time; given up early where Redis is away.
    func waitUntilDrained(milliseconds: Int64) -> Bool {
        let start = Clock.monotonicMilliseconds()
        while !isDrained {
            let waited = Clock.monotonicMilliseconds() - start
            if waited >= milliseconds || waited >= 2_000 && !isConnected { return false }
            Clock.pause(milliseconds: 5)
        }
        return true
    }

    var isDrained: Bool { contents.withLock { $0.queue.isDrained } }
    var isConnected: Bool { contents.withLock { $0.isConnected } }
    var lastError: String? { contents.withLock { $0.problem } }

    /// For people: what is not in Redis yet; empty where nothing is missing.
    var backlog: String {
        let (count, losing) = contents.withLock { ($0.queue.count + $0.queue.inFlight, $0.queue.losing.count) }
        let waiting = count == 0 ? "" : "\(count) scores wait to be written"
        let missing = losing == 0 ? "" : "the scores of \(losing) partitions are to be written again"
        return waiting.isEmpty || missing.isEmpty ? waiting + missing : "\(waiting), \(missing)"
    }

    // MARK: The thread

    /// The thread's body.
    func run() {
        var session = ScoreSession(address, keys)
        var pace = ScorePace()
        while true {
            if !session.isConnected {
                guard connect(&session, &pace) else {
                    if closing.wait(milliseconds: pace.backoff) { return }
                    continue
                }
            }
            let isDue = pace.isDue(Clock.monotonicMilliseconds())
            let work = take(withMarks: isDue)
            if work.batch.isEmpty, work.marks.isEmpty, !isDue {
                if work.isClosed { return }
                _ = wake.wait(milliseconds: pace.rest(Clock.monotonicMilliseconds()))
                continue
            }
            if !attempt(&session, work.batch, work.marks) || isDue && !tidy(&session) {
                pace.failed()
                if closing.wait(milliseconds: work.isClosed ? 0 : pace.backoff) || work.isClosed { return }
            } else {
                pace.succeeded()
            }
        }
    }

    private func connect(_ session: inout ScoreSession, _ pace: inout ScorePace) -> Bool {
        do throws(RedisError) {
            try session.connect()
        } catch {
            failed(error, &session)
            pace.failed()
            return false
        }
        pace.connected()
        contents.withLock { contents in
            contents.isConnected = true
            contents.problem = nil
        }
        log.info("connected to Redis", [.address: "\(address)"])
        return true
    }

    /// At most a batch; with it, or when they are due, the reports that have come.
    private func take(withMarks isDue: Bool) -> (batch: [WaitingScore], marks: [PartitionMark], isClosed: Bool) {
        contents.withLock { contents in
            contents.isSignalled = false
            let batch = contents.queue.take()
            guard isDue || contents.isClosed || !batch.isEmpty else { return (batch, [], contents.isClosed) }
            defer { contents.marks.removeAll() }
            return (batch, Array(contents.marks.values), contents.isClosed)
        }
    }

    /// Whether Redis took it.
    private func attempt(_ session: inout ScoreSession, _ batch: [WaitingScore], _ marks: [PartitionMark]) -> Bool {
        do throws(RedisError) {
            settle(batch, try session.write(batch, marks, now: Clock.wallMilliseconds()))
            return true
        } catch {
            failed(error, &session)
            giveBack(batch, marks)
            return false
        }
    }

    private func tidy(_ session: inout ScoreSession) -> Bool {
        do throws(RedisError) {
            try session.tidy()
            return true
        } catch {
            failed(error, &session)
            return false
        }
    }

    /// Counts what became of a batch, and asks again for what is missing once nothing waits any more.
    private func settle(_ batch: [WaitingScore], _ outcome: ScoreSession.Outcome) {
        metrics.scoresWritten(outcome.applied, .applied)
        metrics.scoresWritten(outcome.stale, .stale)
        metrics.scoresWritten(outcome.failed, .failed)
        let end = Clock.monotonicNanoseconds()
        for waiting in batch { metrics.observeScoreLatency(seconds: Double(end - waiting.since) / 1e9) }
        if let refusal = outcome.refusal { log.error("Redis refuses a score or mark for good; the others are written", [.error: refusal]) }
        for place in outcome.lost {
            log.warning("Redis lost its data: the partition's scores are written again", [.partition: "\(place.partition)"])
        }
        let (count, questions) = contents.withLock { contents in
            contents.queue.written()
            for place in outcome.lost { contents.queue.lost(place.partition, place.owner) }
            let questions = contents.queue.ask(now: end / 1_000_000).map { ($0, contents.inboxes[$0.owner]) }
            return (contents.queue.count, questions)
        }
        metrics.setRedisPending(count)
        for (question, inbox) in questions { inbox?.post(.scoresLost(partition: question.partition, question.classes)) }
    }

    private func giveBack(_ batch: [WaitingScore], _ marks: [PartitionMark]) {
        metrics.scoresWritten(batch.count, .failed)
        contents.withLock { contents in
            contents.queue.giveBack(batch)
            for mark in marks where contents.marks[mark.partition] == nil { contents.marks[mark.partition] = mark }
        }
    }

    private func failed(_ error: RedisError, _ session: inout ScoreSession) {
        session.disconnect()
        let isNew = contents.withLock { contents in
            defer {
                contents.problem = "\(error)"
                contents.isConnected = false
            }
            return contents.problem == nil
        }
        if isNew { log.warning("Redis is away: scores wait, alerts go on", [.error: "\(error)"]) }
    }
}

/// When the score thread looks at the partitions' marks, and how long it rests. Milliseconds, monotonic.
struct ScorePace {
    private static let interval: Int64 = 1_000
    private static let shortestBackoff: Int64 = 50
    private static let longestBackoff: Int64 = 1_000

    private var nextLook: Int64 = .min
    private(set) var backoff = ScorePace.shortestBackoff / 2

    /// Whether a second has passed since it last was; true at once after a connection.
    mutating func isDue(_ now: Int64) -> Bool {
        guard now >= nextLook else { return false }
        nextLook = now + Self.interval
        return true
    }

    /// Until the next look.
    func rest(_ now: Int64) -> Int64 { max(0, nextLook - now) }

    mutating func connected() { nextLook = .min }

    mutating func failed() { backoff = min(Self.longestBackoff, backoff * 2) }

    /// Redis took what it was given.
    mutating func succeeded() { backoff = Self.shortestBackoff / 2 }
}

import FraudEngine
import Redis
import Synchronization

/// How far a live partition is, for readers of scores.
struct PartitionMark: Sendable {
    var partition: Int32
    /// Milliseconds; `StreamTime.none` before the first payment.
    var streamTime: Int64
    /// The last offset whose transaction is acknowledged.
    var offset: Int64
    var epoch: Int64
    /// Records.
    var lag: Int64
    /// Unix milliseconds.
    var at: Int64
    var ruleSet: RuleSetHash
    var inbox: WorkerInbox
}

/// Writes committed scores to Redis from a thread of its own. Workers only hand over: the last state of each account waits, bounded, however
/// long Redis is away; what had to be dropped, or what Redis lost, is asked for again from the worker.
final class ScoreWriter: Sendable {
    private struct Waiting {
        var change: ScoreChange
        var epoch: Int64
        /// When it was handed over, monotonic nanoseconds.
        var since: Int64

        func isOlder(than other: Waiting) -> Bool { (epoch, change.offset) < (other.epoch, other.change.offset) }
    }

    private struct Contents {
        var waiting: [[UInt8]: Waiting] = [:]
        var marks: [Int32: PartitionMark] = [:]
        /// Partitions whose scores are to be written again.
        var lost: [Int32: WorkerInbox] = [:]
        var isWriting = false
        var isClosed = false
        var problem: String?
        var isConnected = false
    }

    /// Accounts that may wait.
    private static let capacity = 1_000_000
    private static let batchSize = 512
    private static let leaderboardLength = 10_000
    private static let longestBackoff: Int64 = 1_000

    private let address: RedisAddress
    private let keys: ScoreKeys
    private let metrics: Metrics
    private let log: Log
    private let contents = Mutex(Contents())
    private let wake = Semaphore()

    init(url: RedisURL, group: String, metrics: Metrics, log: Log) {
        address = RedisAddress(url)
        keys = ScoreKeys(group: group)
        self.metrics = metrics
        self.log = log
    }

    // MARK: From other threads

    /// Takes scores whose transaction is acknowledged. Never blocks on Redis.
    func offer(_ changes: [ScoreChange], epochs: [Int32: Int64], inbox: WorkerInbox) {
        let now = Clock.monotonicNanoseconds()
        let count = contents.withLock { contents in
            for change in changes {
                guard let epoch = epochs[change.partition] else { continue }
                let new = Waiting(change: change, epoch: epoch, since: now)
                if let old = contents.waiting[change.account] {
                    if !new.isOlder(than: old) { contents.waiting[change.account] = new }
                } else if contents.waiting.count < Self.capacity {
                    contents.waiting[change.account] = new
                } else {
                    contents.lost[change.partition] = inbox
                }
            }
            return contents.waiting.count
        }
        metrics.setRedisPending(count)
        wake.signal()
    }

    /// Where the partitions stand now.
    func mark(_ marks: [PartitionMark]) {
        contents.withLock { contents in
            for mark in marks { contents.marks[mark.partition] = mark }
        }
    }

    /// Lets `run` return after one more attempt to write what waits.
    func close() {
        contents.withLock { $0.isClosed = true }
        wake.signal()
    }

    /// Whether everything was written within that time.
    func waitUntilDrained(milliseconds: Int64) -> Bool {
        let deadline = Clock.monotonicMilliseconds() + milliseconds
        while true {
            let isDrained = contents.withLock { $0.waiting.isEmpty && !$0.isWriting }
            if isDrained { return true }
            if Clock.monotonicMilliseconds() >= deadline { return false }
            wake.signal()
            Clock.pause(milliseconds: 5)
        }
    }

    var isConnected: Bool { contents.withLock { $0.isConnected } }
    var lastError: String? { contents.withLock { $0.problem } }

    // MARK: The thread

    /// What the thread knows of Redis.
    private struct Session {
        var connection: RedisConnection?
        /// By partition: what was written last.
        var written: [Int32: (epoch: Int64, offset: Int64)] = [:]
        var markedAt: Int64 = 0
        var backoff: Int64 = 50
    }

    /// The thread's body.
    func run() {
        var session = Session()
        while true {
            let wait = session.connection == nil ? session.backoff : max(0, 1_000 - (Clock.monotonicMilliseconds() - session.markedAt))
            _ = wake.wait(milliseconds: wait)
            let (batch, marks, isClosed) = take(session.markedAt)
            if !batch.isEmpty || !marks.isEmpty { attempt(&session, batch, marks) }
            contents.withLock { $0.isWriting = false }
            if isClosed { return }
        }
    }

    /// What waits; marks with each batch, and each second.
    private func take(_ markedAt: Int64) -> (batch: [Waiting], marks: [PartitionMark], isClosed: Bool) {
        contents.withLock { contents in
            let batch = Array(contents.waiting.values)
            contents.waiting.removeAll()
            contents.isWriting = !batch.isEmpty
            var marks: [PartitionMark] = []
            if !batch.isEmpty || contents.isClosed || Clock.monotonicMilliseconds() - markedAt >= 900 {
                marks = contents.marks.values.sorted { $0.partition < $1.partition }
                contents.marks.removeAll()
            }
            return (batch, marks, contents.isClosed)
        }
    }

    private func attempt(_ session: inout Session, _ batch: [Waiting], _ marks: [PartitionMark]) {
        var done = 0
        do throws(RedisError) {
            if session.connection == nil { try connect(&session) }
            while done < batch.count {
                let end = min(batch.count, done + Self.batchSize)
                try write(batch[done..<end], &session)
                done = end
            }
            try write(marks, &session)
            askAgain()
        } catch {
            failed(error, &session)
            giveBack(batch[done...], marks)
        }
    }

    private func connect(_ session: inout Session) throws(RedisError) {
        session.connection = try RedisConnection(address, timeouts: RedisTimeouts(connect: 1_000, command: 2_000), scripts: [ScoreScript.text])
        session.backoff = 50
        contents.withLock { contents in
            contents.isConnected = true
            contents.problem = nil
        }
        log.info("connected to Redis", [.address: "\(address)"])
    }

    private func failed(_ error: RedisError, _ session: inout Session) {
        let isNew = contents.withLock { contents in
            defer {
                contents.problem = "\(error)"
                contents.isConnected = false
            }
            return contents.problem == nil
        }
        if isNew { log.warning("Redis is away: scores wait, alerts go on", [.error: "\(error)"]) }
        session.connection = nil
        session.backoff = min(Self.longestBackoff, session.backoff * 2)
    }

    private func giveBack(_ rest: ArraySlice<Waiting>, _ marks: [PartitionMark]) {
        metrics.scoresWritten(rest.count, .failed)
        contents.withLock { contents in
            for old in rest where contents.waiting[old.change.account].map({ $0.isOlder(than: old) }) ?? true {
                contents.waiting[old.change.account] = old
            }
            for mark in marks where contents.marks[mark.partition] == nil { contents.marks[mark.partition] = mark }
        }
    }

    private func write(_ batch: ArraySlice<Waiting>, _ session: inout Session) throws(RedisError) {
        let now = Clock.wallMilliseconds()
        let first = batch.startIndex
        var applied = 0
        var stale = 0
        var problem: String?
        try session.connection!.evaluate(
            count: batch.count, script: { _ in 0 },
            arguments: { run, command in
                ScoreScript.append(batch[first + run].change, epoch: batch[first + run].epoch, keys: keys, now: now, to: &command)
            },
            reply: { _, value in
                switch value.integer {
                case 1: applied += 1
                case 0: stale += 1
                case _: if case .error(let text) = value { problem = text } else { problem = "an answer of another kind" }
                }
            })
        if let problem { throw .server(problem) }
        metrics.scoresWritten(applied, .applied)
        metrics.scoresWritten(stale, .stale)
        let end = Clock.monotonicNanoseconds()
        for entry in batch { metrics.observeScoreLatency(seconds: Double(end - entry.since) / 1e9) }
        metrics.setRedisPending(contents.withLock { $0.waiting.count })
        try trim(batch, &session)
    }

    private func trim(_ batch: ArraySlice<Waiting>, _ session: inout Session) throws(RedisError) {
        for key in Set(batch.map { keys.top($0.change.eventTime) }).sorted() {
            _ = try session.connection!.call(RedisCommand("ZREMRANGEBYRANK", key, "0", "-\(Self.leaderboardLength + 1)"))
        }
    }

    /// Writes where the partitions stand, and looks whether what stood there before is still there.
    private func write(_ marks: [PartitionMark], _ session: inout Session) throws(RedisError) {
        session.markedAt = Clock.monotonicMilliseconds()
        for mark in marks {
            session.connection!.send(RedisCommand("HMGET", keys.partition(mark.partition), "epoch", "offset"))
            session.connection!.send(
                RedisCommand(
                    "HSET", keys.partition(mark.partition), "stream_time", mark.streamTime == StreamTime.none ? "" : timeText(mark.streamTime), "offset",
                    "\(mark.offset)", "epoch", "\(mark.epoch)", "lag", "\(mark.lag)", "at", timeText(mark.at), "rule_set",
                    "sha256:\(mark.ruleSet.hexadecimal)"))
        }
        for mark in marks {
            let before = try session.connection!.receive().elements?.map(\.decimal) ?? []
            if case .error(let text) = try session.connection!.receive() { throw .server(text) }
            if let last = session.written[mark.partition], last.epoch == mark.epoch {
                let stored = before.count == 2 ? (before[0] ?? -1, before[1] ?? -1) : (-1, -1)
                if stored < (last.epoch, last.offset) {
                    log.warning("Redis lost its data: the partition's scores are written again", [.partition: "\(mark.partition)"])
                    contents.withLock { $0.lost[mark.partition] = mark.inbox }
                }
            }
            session.written[mark.partition] = (mark.epoch, mark.offset)
        }
    }

    /// Once Redis takes scores again.
    private func askAgain() {
        let lost = contents.withLock { contents in
            defer { contents.lost.removeAll() }
            return contents.lost
        }
        for partition in lost.keys.sorted() { lost[partition]?.post(.scoresLost(partition: partition)) }
    }
}

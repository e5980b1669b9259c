import FraudEngine
import Kafka
import Synchronization

/// Why a worker cannot go on.
enum WorkerFailure: Error, Sendable, CustomStringConvertible {
    /// Another process runs under the same identity.
    case fenced(String)
    case unreachable(String)
    /// The broker cannot do what the service needs.
    case unsupported(String)
    case client(String)

    var description: String {
        switch self {
        case .fenced(let why): "fenced: \(why)"
        case .unreachable(let why): "Kafka does not answer: \(why)"
        case .unsupported(let why): "not supported by the brokers: \(why)"
        case .client(let why): "the client gave up: \(why)"
        }
    }

    /// Of a change of what is read.
    init(assignment error: KafkaError) { self = error.isFenced ? .fenced("\(error)") : .client("\(error)") }
}

/// What all workers of a service share; immutable or thread-safe.
struct WorkerEnvironment: Sendable {
    let settings: WorkerSettings
    let names: OutputTopicNames
    /// By `Outbox.Kind`.
    let outputPartitions: [Int32]
    let consumerProperties: KafkaProperties
    let producerProperties: KafkaProperties
    let birth: BirthPolicy
    let checkpoints: CheckpointThread
    let store: CheckpointStore
    let cures: CureContext
    let scores: ScoreWriter?
    let metrics: Metrics
    let log: Log
    /// Milliseconds that a stopping worker waits for its last checkpoints.
    let shutdownGrace: Int64
    /// The consumers' `heartbeat.interval.ms`
    let heartbeatMilliseconds: Int64
    /// It runs to the end of the input and leaves.
    let drains: Bool
}

/// Where a new group starts reading (`input.start`).
enum BirthPolicy: Sendable, Equatable {
    case earliest
    case latest
    /// The first record at or after this time, Unix milliseconds.
    case time(Int64)
}

/// One stream worker: a thread that owns a consumer, a transactional producer and the machines of its partitions.
///
/// It waits in librdkafka, and in a rebalance for the checkpoint store. The decisions are `WorkerMachine`'s; this only does what it asks for.
final class StreamWorker {
    static let callTimeout: Int32 = 5_000
    private static let batchCapacity = 1_000
    private static let longestWait: Int64 = 100
    /// Nanoseconds
    private static let longestRest: Int64 = 2_000_000

    let shared: WorkerEnvironment
    let inbox: WorkerInbox
    let board: WorkerBoard
    let transactionalID: String
    let consumer: Consumer
    let groupInstance: String
    var output: OutputProducer
    var machine: WorkerMachine
    /// Captured in the assign callback, used only with that assignment's offsets.
    var membership: GroupMetadata?
    var membershipEpoch: UInt64 = 0
    var headerScratch = ByteWriter(capacity: 1024)
    private var batch = RecordBatch(capacity: StreamWorker.batchCapacity)
    private let run: UnsafeMutablePointer<RawRecord>
    private var recoveringSince: [Int32: Int64] = [:]
    private var isRevoking = false
    private var failure: WorkerFailure?
    private var markedAt: Int64 = 0

    private var saidAt: Int64 = 0
    /// Partitions whose offset the broker refused, until it is known why, and when they are looked for next.
    private var lostLogs: Set<Int32> = []
    private var lookAt: Int64 = 0
    /// Between a rebalance that gave partitions, or none, and one that takes them.
    private var isAssigned = false
    private var drainEnds = DrainEnds()
    /// Where partitions ended when they came, for as long as the consumer knows nothing newer than it did then.
    private var claimedEnds: [Int32: (end: Int64, cached: Int64?)] = [:]
    /// Positions have changed since the last poll began.
    private var isReadAnew = false

    /// - Parameter assignmentEpoch: later than those of the worker before, whose answers may still come to the inbox.
    init(
        _ shared: WorkerEnvironment, ruleSet: RuleSet, index: Int, instance: String, inbox: WorkerInbox, board: WorkerBoard, assignmentEpoch: UInt64 = 0
    ) throws(WorkerFailure) {
        self.shared = shared
        self.inbox = inbox
        self.board = board
        transactionalID = "\(shared.settings.group).\(instance).\(index)"
        groupInstance = "\(instance).\(index)"
        let deadline = Clock.monotonicMilliseconds() + 60_000
        output = try Self.makeOutput(shared, id: transactionalID) { (error) throws(WorkerFailure) in
            // At a start somebody waits for an answer; later it has worked before.
            let isOver = assignmentEpoch == 0 && Clock.monotonicMilliseconds() > deadline
            guard !isOver, !inbox.isStopAsked else { throw .unreachable("\(error)") }
            Clock.pause(milliseconds: 50)
        }
        machine = WorkerMachine(settings: shared.settings, ruleSet: ruleSet, assignmentEpoch: assignmentEpoch)
        run = .allocate(capacity: PaymentBatch.capacity)
        var properties = shared.consumerProperties
        properties.set("group.instance.id", groupInstance)
        do throws(KafkaError) {
            consumer = try Consumer(properties: properties, log: shared.log.kafka, reportsEnd: shared.drains)
        } catch {
            throw .client("\(error)")
        }
    }

    deinit { run.deallocate() }

    /// Makes a producer and takes the transactional id over, which ends the transaction of its predecessor.
    /// - Parameter waitsAfter: before it is tried again; throws to give up.
    static func makeOutput(
        _ shared: WorkerEnvironment, id: String, waitsAfter: (KafkaError) throws(WorkerFailure) -> Void
    ) throws(WorkerFailure) -> OutputProducer {
        var properties = shared.producerProperties
        properties.set("transactional.id", id)
        let made: OutputProducer
        do throws(KafkaError) {
            made = try OutputProducer(properties: properties, names: shared.names, log: shared.log.kafka)
        } catch {
            throw .client("\(error)")
        }
        while true {
            do {
                try made.producer.initTransactions(timeoutMilliseconds: callTimeout)
                return made
            } catch {
                if error.isFenced { throw .fenced("\(error)") }
                if error.isUnsupported { throw .unsupported("\(error)") }
                guard error.isRetriable || error.isTimedOut else { throw .client("\(error)") }
                try waitsAfter(error)
            }
        }
    }

    // MARK: The loop

    /// The thread's body: returns when asked to stop, or throws when it cannot go on.
    func loop() throws(WorkerFailure) {
        CrashNote.prepareThread()
        // Unowned: callbacks only run inside this object's own polls.
        consumer.onRebalance = { [unowned self] event in rebalance(event) }
        do throws(KafkaError) { try consumer.subscribe(shared.settings.topic) } catch { throw .client("\(error)") }
        var deadline: Int64?
        while true {
            turn()
            if let failure { throw failure }
            guard machine.isStopped else { continue }
            let now = Clock.monotonicMilliseconds()
            if machine.isSettled || now > deadline ?? Int64.max { break }
            deadline = deadline ?? now + shared.shutdownGrace
        }
        batch.destroy()
        consumer.close()
        output.producer.destroy()
        if let failure { throw failure }
    }

    /// Gives up what it holds after a failure, without a word to the group.
    func abandon() {
        batch.destroy()
        consumer.onRebalance = nil
        consumer.close()
        output.producer.destroy()
        machine.drainCounters { ruleSet, counters in shared.metrics.add(counters, of: ruleSet) }
        board.publish(WorkerBoard.Contents(at: Clock.monotonicMilliseconds()))
    }

    private func turn() {
        let now = Clock.monotonicMilliseconds()
        machine.beginRead()
        isReadAnew = false
        let wait = machine.isStopped ? 10 : min(machine.waitLimit(now: now), Self.longestWait)
        consumer.poll(into: &batch, timeoutMilliseconds: Int32(wait))
        // A callback may have failed: its clients may be gone.
        guard failure == nil else { return batch.destroy() }
        let errors = takeErrors()
        // An end that was read while a callback fired is as doubtful as a record.
        switch machine.endRead(count: batch.records.count + errors.count { $0.isPartitionEnd }) {
        case .fold: fold()
        case .drop: batch.destroy()
        case .readAgain(let positions):
            batch.destroy()
            do throws(KafkaError) { try assign(positions) } catch { failure = failure ?? WorkerFailure(assignment: error) }
        }
        judge(errors)
        lookForLogs()
        for event in inbox.take() { handle(event) }
        handle(.tick)
        report()
    }

    private func fold() {
        let records = batch.records
        let began = Clock.monotonicNanoseconds()
        machine.isCatchingUp = records.count == Self.batchCapacity
        var start = 0
        while start < records.count {
            let partition = records[start].partition
            // What is replayed is a run of its own, so that the note of a crash tells it from what is new.
            let replayEnd = machine.tasks[partition]?.replayEnd ?? .min
            let isReplay = records[start].offset < replayEnd
            var end = start
            while end < records.count, records[end].partition == partition, end - start < PaymentBatch.capacity {
                let record = records[end]
                if isReplay, record.offset >= replayEnd { break }
                run[end - start] = RawRecord(
                    value: record.value, valueCount: record.valueCount, key: record.key, keyCount: record.keyCount, offset: record.offset,
                    timestamp: record.timestamp)
                end += 1
            }
            CrashNote.begin(partition, first: run[0].offset, last: run[end - start - 1].offset, isReplay: isReplay)
            machine.fold(partition: partition, UnsafeBufferPointer(start: run, count: end - start)) { index, traceOnly, block in
                batch.copyHeaders(of: start + index, traceOnly: traceOnly, to: &block)
            }
            CrashNote.end()
            start = end
        }
        batch.destroy()
        perform(machine.takePending())
        // A replay goes as fast as the processors: half of the time is left to the partitions that are live beside it, here, elsewhere and at the brokers.
        if machine.isCatchingUp, machine.isReplaying { Clock.pause(nanoseconds: min(Clock.monotonicNanoseconds() - began, Self.longestRest)) }
    }

    func handle(_ event: WorkerEvent) {
        perform(machine.handle(event, now: Clock.monotonicMilliseconds(), wallClock: Clock.wallMilliseconds()))
    }

    private func takeErrors() -> [KafkaError] {
        var errors: [KafkaError] = []
        while let error = consumer.nextError() { errors.append(error) }
        return errors
    }

    private func judge(_ errors: [KafkaError]) {
        for error in errors {
            if error.isPartitionEnd {
                if !isReadAnew, let partition = error.partition, let offset = error.offset { drainEnds.note(read: offset, of: partition) }
                continue
            }
            if error.isFenced { failure = .fenced("\(error)") }
            if error.isOffsetOutOfRange, let partition = error.partition { lostLogs.insert(partition) }
            shared.log.warning("the Kafka consumer reports a problem", [.error: "\(error)"])
        }
        if let fatal = consumer.fatalError, failure == nil { failure = fatal.isFenced ? .fenced("\(fatal)") : .client("\(fatal)") }
        output.producer.poll()
        while let error = output.producer.nextError() { shared.log.warning("the Kafka producer reports a problem", [.error: "\(error)"]) }
    }

    /// After an offset was refused: where the log begins and ends now. Others go on meanwhile: what has no answer is asked again a second later.
    private func lookForLogs() {
        let now = Clock.monotonicMilliseconds()
        guard !lostLogs.isEmpty, now >= lookAt else { return }
        lookAt = now + 1_000
        for partition in lostLogs.sorted() {
            do throws(KafkaError) {
                let marks = try consumer.watermarks(partition: partition, topic: shared.settings.topic, timeoutMilliseconds: 1_000)
                lostLogs.remove(partition)
                handle(.logLost(partition: partition, start: marks.low, end: marks.high))
            } catch {
                // The others' leaders are likely away too.
                return shared.log.warning("the Kafka consumer reports a problem", [.error: "\(error)"])
            }
        }
    }

    // MARK: Actions

    private func assign(_ positions: [(partition: Int32, offset: Int64)]) throws(KafkaError) {
        isReadAnew = true
        drainEnds.forgetRead()
        try consumer.assign(positions)
    }

    private func perform(_ actions: [WorkerAction]) {
        inbox.assignmentEpoch = machine.assignmentEpoch
        for action in actions where failure == nil {
            do throws(WorkerFailure) { try perform(action) } catch { failure = error }
        }
    }

    private func perform(_ action: WorkerAction) throws(WorkerFailure) {
        switch action {
        case .captureMembership(let epoch):
            membership = consumer.groupMetadata()
            membershipEpoch = epoch
        case .claim(let partitions): handle(.assigned(try claims(partitions)))
        case .claimAgain(let partition): for claim in try claims([partition]) { handle(.claimedAgain(claim)) }
        case .assign(let positions):
            // A revoke is answered by giving up the whole assignment, once, at its end.
            guard !isRevoking else { return }
            do throws(KafkaError) { try assign(positions) } catch { throw WorkerFailure(assignment: error) }
        case .load(let partition, let claim, let committed):
            // Not a claim: what was folded into an aborted transaction is recovered.
            recoveringSince[partition] = recoveringSince[partition] ?? Clock.monotonicMilliseconds()
            shared.checkpoints.offer(.load(partition: partition, claim: claim, committed, inbox))
        case .locate(let partition, let claim, let time): handle(.located(partition: partition, claim: claim, offset: try offset(partition, at: time)))
        case .flush(let plan):
            let outcome = try transact(plan)
            handle(.flushed(outcome))
        case .writeScores(let changes, let epochs): shared.scores?.offer(changes, epochs: epochs, inbox: inbox)
        case .writeCheckpoint(let snapshot, let header): shared.checkpoints.offer(.write(snapshot, header, inbox))
        case .refused(let partition, let why):
            recoveringSince[partition] = nil
            if case .digestMismatch = why { shared.metrics.digestMismatch() }
            shared.log.error(
                "partition refused", [.partition: "\(partition)", .reason: why.name, .error: why.message, .cure: why.cure(shared.cures, partition)])
        case .replaying(let partition, let from, let until):
            shared.log.info("replaying", [.partition: "\(partition)", .from: "\(from)", .until: "\(until)"])
        case .wentLive(let partition):
            if let task = machine.tasks[partition] {
                let now = Clock.monotonicMilliseconds()
                let seconds = Double(now - (recoveringSince.removeValue(forKey: partition) ?? now)) / 1_000
                shared.metrics.recovered(from: task.recoveredFrom, seconds: seconds)
                shared.log.info(
                    "partition live",
                    [.partition: "\(partition)", .offset: "\(task.machine.next)", .source: task.recoveredFrom, .seconds: Log.seconds(seconds)])
            }
        case .switched(let partition, let entry):
            shared.log.info(
                "rule set switched", [.partition: "\(partition)", .ruleSet: entry.ruleSet.hexadecimal, .offset: "\(entry.fromOffset)"])
        case .stopped: break
        }
    }

    // MARK: Rebalance

    private func rebalance(_ event: RebalanceEvent) {
        shared.metrics.rebalanced()
        do throws(WorkerFailure) {
            switch event {
            case .assigned(let partitions):
                recoveringSince = Dictionary(uniqueKeysWithValues: partitions.map { ($0, Clock.monotonicMilliseconds()) })
                shared.log.info("partitions assigned", [.count: "\(partitions.count)"])
                handle(.given(partitions))
                isAssigned = true
            case .revoked(let partitions, let isLost):
                let reason = isLost ? "lost" : machine.isStopped ? "stopping" : "rebalance"
                shared.log.info("partitions revoked", [.count: "\(partitions.count)", .reason: reason])
                isAssigned = false
                isRevoking = true
                lostLogs = []
                handle(.revoked(isLost: isLost))
                isRevoking = false
                membership = nil
                // Who waits for the end of a drain must not take what is gone for done.
                if shared.drains { report(isDue: true) }
                do throws(KafkaError) { try consumer.unassign() } catch { throw WorkerFailure(assignment: error) }
            }
        } catch {
            failure = failure ?? error
        }
    }

    /// What the broker and, where there is no committed offset, the checkpoint store know of the partitions.
    private func claims(_ partitions: [Int32]) throws(WorkerFailure) -> [Claim] {
        let committed = try committedPositions(partitions)
        let topic = shared.settings.topic
        let count = try ask { () throws(KafkaError) in try consumer.partitionCount(of: topic, timeoutMilliseconds: Self.callTimeout) }
        var claims: [Claim] = []
        var others: [Int32] = []
        for partition in partitions.sorted() {
            if let position = committed[partition], machine.canResume(partition, at: position) {
                // Payments wait: no more questions.
                claims.append(Claim(resuming: partition, at: position, partitionCount: count))
            } else {
                others.append(partition)
            }
        }
        let store = shared.store.open()
        let deadline = Clock.monotonicMilliseconds() + TransactionMachine.giveUpAfter
        for partition in others {
            let marks = try watermarks(partition)
            claimedEnds[partition] = (marks.high, cachedEnd(partition))
            var birth = marks.low
            switch shared.birth {
            case .earliest: break
            case .latest: birth = marks.high
            case .time(let time): birth = try offset(partition, at: time) ?? marks.high
            }
            var claim = Claim(
                partition: partition, committed: committed[partition], logStart: marks.low, logEnd: marks.high, birthOffset: birth, newestCheckpoint: nil,
                partitionCount: count)
            if claim.committed == nil { look(for: &claim, in: store, deadline: deadline) }
            claims.append(claim)
        }
        return claims
    }

    private func look(for claim: inout Claim, in store: any CheckpointAccess, deadline: Int64) {
        while true {
            do throws(StoreProblem) {
                claim.newestCheckpoint = try store.list(claim.partition).last?.kept.offset
                return
            } catch {
                if error.isPassing, !inbox.isStopAsked, Clock.monotonicMilliseconds() < deadline {
                    Clock.pause(milliseconds: 200)
                    continue
                }
                claim.storeProblem = "\(error)"
                return shared.log.error("checkpoints cannot be listed", [.partition: "\(claim.partition)", .error: "\(error)"])
            }
        }
    }

    private func watermarks(_ partition: Int32) throws(WorkerFailure) -> Watermarks {
        try ask { () throws(KafkaError) in
            try consumer.watermarks(partition: partition, topic: shared.settings.topic, timeoutMilliseconds: Self.callTimeout)
        }
    }

    private func offset(_ partition: Int32, at time: Int64) throws(WorkerFailure) -> Int64? {
        let times = [(partition: partition, timestamp: time)]
        return try ask { () throws(KafkaError) in
            try consumer.offsets(forTimes: times, topic: shared.settings.topic, timeoutMilliseconds: Self.callTimeout).first?.offset
        }
    }

    /// One question to the brokers, asked again while a leader or coordinator moves.
    func ask<Answer>(_ question: () throws(KafkaError) -> Answer) throws(WorkerFailure) -> Answer {
        let since = Clock.monotonicMilliseconds()
        while true {
            do {
                return try question()
            } catch {
                if error.isUnauthorized { throw .client("\(error)") }
                try waitForBrokers(error, since: since)
            }
        }
    }

    /// Brokers that are away are waited for, however long: scores are served meanwhile, and nothing would be won by a restart.
    func waitForBrokers(_ error: KafkaError, since: Int64) throws(WorkerFailure) {
        let now = Clock.monotonicMilliseconds()
        if inbox.isStopAsked, now - since > shared.shutdownGrace / 2 { throw .unreachable("\(error)") }
        if now - max(since, saidAt) >= 10_000 {
            saidAt = now
            shared.log.warning("waiting for the brokers", [.error: "\(error)"])
            board.publish(WorkerBoard.Contents(at: now))
        }
        Clock.pause(milliseconds: 50)
    }

    /// Where partitions that are live end now. A fetch tells the log's end, which an open transaction of the input keeps from being read; a question tells
    /// where reading would end, by now.
    private func lookForEnds() {
        for (partition, task) in machine.tasks where task.phase == .live && !drainEnds.isKnown(partition) {
            guard let fetched = consumer.cachedWatermarks(partition: partition, topic: shared.settings.topic) else { continue }
            do throws(KafkaError) {
                let asked = try consumer.watermarks(partition: partition, topic: shared.settings.topic, timeoutMilliseconds: 1_000)
                drainEnds.note(end: max(fetched.high, asked.high), of: partition)
            } catch {
                return shared.log.warning("the Kafka consumer reports a problem", [.error: "\(error)"])
            }
        }
    }

    // MARK: Reporting

    /// Where a partition ends as far as it is known.
    private func end(_ partition: Int32) -> Int64? {
        let cached = cachedEnd(partition)
        guard let claimed = claimedEnds[partition], claimed.cached == cached else { return cached }
        return claimed.end
    }

    /// As the last fetch told, also that of an earlier assignment.
    private func cachedEnd(_ partition: Int32) -> Int64? { consumer.cachedWatermarks(partition: partition, topic: shared.settings.topic)?.high }

    /// Brings counters and positions to where other threads read them, ten times a second.
    private func report(isDue: Bool = false) {
        let now = Clock.monotonicMilliseconds()
        guard isDue || now - markedAt >= 100 || machine.isStopped else { return }
        markedAt = now
        if shared.drains { lookForEnds() }
        var samples: [PartitionReport] = []
        for partition in machine.tasks.keys.sorted() {
            guard let task = machine.tasks[partition] else { continue }
            var sample = PartitionReport(task, logEnd: end(partition) ?? task.machine.next)
            sample.remaining = drainEnds.remaining(partition, next: sample.next, committed: sample.committed)
            sample.unstable = consumer.partitionEnds.first { $0.partition == partition }.map { max(0, $0.high - $0.stable) }
            samples.append(sample)
        }
        var refusals: [Int32: RefusalReport] = [:]
        for (partition, why) in machine.refused {
            refusals[partition] = RefusalReport(name: why.name, message: why.message, cure: why.cure(shared.cures, partition))
        }
        board.publish(
            WorkerBoard.Contents(
                partitions: samples, refused: refusals, loading: machine.loadingPartitions,
                isMember: machine.isMember, isAssigned: isAssigned, at: now))
        machine.drainCounters { ruleSet, counters in shared.metrics.add(counters, of: ruleSet) }
        shared.scores?.mark(samples.compactMap { $0.mark(inbox) }, inbox: inbox)
    }
}

extension RecordBatch {
    /// Copies a record's headers into a header block: all, or `traceparent` only.
    func copyHeaders(of index: Int, traceOnly: Bool, to block: inout ByteWriter) {
        if traceOnly {
            let found = withHeader("traceparent", of: index) { $0.map { Array($0) } }
            // A traceparent has 55 bytes (W3C Trace Context); what is much longer is something else.
            if let found, found.count <= 256 { HeaderBlock.append("traceparent", found, to: &block) }
            return
        }
        var copy = ByteWriter(capacity: 256)
        visitHeaders(of: index) { name, value in
            HeaderBlock.append(name: ByteSlice(name), value: value.map { ByteSlice($0) }, to: &copy)
        }
        copy.withBytes { block.append($0) }
    }
}

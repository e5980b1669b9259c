import FraudEngine

/// The loop of the shell's worker: read, fold, take what other threads say, tick.
extension WorkerProcess {
    /// Milliseconds (`StreamWorker.longestWait`).
    private static let longestWait: Int64 = 100
    private static let shutdownGrace: Int64 = 8_000

    /// Begins a turn; false while it waits.
    func read() -> Bool {
        if machine.isStopped, isDone() { return close() }
        if consumer.fatal != nil {
            end(.fenced)
            return false
        }
        machine.beginRead()
        taken = []
        mayWaitAgain = false
        if consumer.hasNews { return continueRead() }
        return wait(machine.isStopped ? 10 : min(machine.waitLimit(now: world.time.milliseconds), Self.longestWait))
    }

    /// Waits for a record or a callback, at most that many milliseconds.
    private func wait(_ wait: Int64) -> Bool {
        var isWaiting = true
        func go() {
            guard isWaiting else { return }
            isWaiting = false
            deliver { [unowned self] in resume(.afterCallback) }
        }
        // At least a moment: time goes on.
        world.time.after(max(50, .milliseconds(wait)), go)
        if wait > 0 { consumer.wait { [unowned self] in world.time.after(world.random.among(10...200), go) } }
        return false
    }

    /// Takes records and runs callbacks, in whatever order they stand in the client's queue: records of the assignment before may come first, and in the
    /// same read as those of the next.
    func continueRead() -> Bool {
        let limit = world.scenario.readLimit
        if !consumer.callbacks.isEmpty {
            taken += consumer.take(min(world.random.below(4), limit - taken.count))
            if let callback = consumer.takeCallback() {
                mayWaitAgain = true
                agenda.append(.afterCallback)
                run(callback)
                return true
            }
        }
        // The time that was left when a callback came may be long enough for what the new assignment reads.
        if mayWaitAgain, consumer.isEmpty, taken.count < limit, world.random.chance(50) {
            mayWaitAgain = false
            return wait(world.random.among(1...Self.longestWait))
        }
        taken += consumer.take(limit - taken.count)
        agenda.append(.turn)
        agenda.append(.tick)
        agenda.append(.afterRead(taken))
        taken = []
        return true
    }

    private func run(_ callback: ConsumerClient.Callback) {
        world.trace("\(self) callback \(callback)")
        switch callback {
        case .assign(let partitions): agenda.append(.event(.given(partitions)))
        case .revoke(let isLost):
            world.count(isLost ? .assignmentLost : .assignmentRevoked)
            isRevoking = true
            agenda.append(.event(.revoked(isLost: isLost)))
        }
    }

    private func isDone() -> Bool {
        let now = world.time.milliseconds
        guard !(machine.isSettled && scores.isDrained) else { return true }
        stopDeadline = stopDeadline ?? now + Self.shutdownGrace
        return now > stopDeadline ?? now
    }

    /// Leaves without telling the group; the last revoke callback runs inside.
    private func close() -> Bool {
        agenda.append(.closed)
        if consumer.close() { run(.revoke(isLost: false)) }
        return true
    }

    func fold(_ records: [(partition: Int32, record: InputRecord)]) {
        switch machine.endRead(count: records.count) {
        case .fold: foldRuns(records)
        case .drop: if !records.isEmpty { world.count(.batchDropped) }
        case .readAgain(let positions):
            world.count(.batchDropped)
            consumer.assign(positions)
        }
        // Taken at this point of the turn.
        let events = inbox
        inbox.removeAll()
        agenda += events.reversed().map { Work.event($0) }
        agenda += machine.takePending().reversed().map { Work.action($0) }
    }

    private func foldRuns(_ records: [(partition: Int32, record: InputRecord)]) {
        machine.isCatchingUp = records.count == world.scenario.readLimit
        var start = 0
        while start < records.count {
            let partition = records[start].partition
            var end = start
            while end < records.count, records[end].partition == partition, end - start < PaymentBatch.capacity { end += 1 }
            let run = records[start..<end].map(\.record.raw)
            run.withUnsafeBufferPointer {
                _ = machine.fold(partition: partition, $0) { _, _, _ in }
            }
            start = end
        }
        withExtendedLifetime(records) {}
    }

    /// Where live partitions stand, for the store of scores, ten times a second.
    func report() {
        let now = world.time.milliseconds
        guard now - reportedAt >= 100 || machine.isStopped else { return }
        reportedAt = now
        machine.drainCounters { [world] _, counters in
            world.count(.outcomeFolded, Int(counters.outcomes[Int(Outcome.folded.rawValue)]))
            world.count(.outcomeDuplicate, Int(counters.outcomes[Int(Outcome.duplicate.rawValue)]))
            world.count(.outcomeIgnored, Int(counters.outcomes[Int(Outcome.ignored.rawValue)]))
        }
        for partition in machine.tasks.keys.sorted() {
            guard let task = machine.tasks[partition], task.phase == .live, let committed = task.committed, let last = task.machine.history.last else {
                continue
            }
            scores.mark(
                PartitionMark(
                    partition: partition, streamTime: task.machine.state.streamTime, offset: committed.offset - 1, epoch: task.epoch, lag: 0, at: now,
                    ruleSet: last.ruleSet, owner: ObjectIdentifier(self)))
        }
    }
}

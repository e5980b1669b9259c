import FraudEngine
import Kafka

/// One transaction from begin to its known end.
extension StreamWorker {
    /// How a call of the transaction ended, if not well.
    private enum Trouble: Error {
        case abort(KafkaError)
        /// The client is dead, or an answer did not come: only the broker knows.
        case unknown(KafkaError)
        case fenced(KafkaError)
    }

    /// Produces the outbox, sends the offsets and commits; settles a doubtful end before it answers.
    func transact(_ plan: FlushPlan) throws(WorkerFailure) -> TransactionOutcome {
        guard let group = membership, membershipEpoch == plan.assignmentEpoch else {
            preconditionFailure("offsets go with the group metadata of their own assignment")
        }
        let start = Clock.monotonicNanoseconds()
        var outcome: TransactionOutcome
        do throws(Trouble) {
            try produceAll(plan, group)
            outcome = .committed
        } catch {
            switch error {
            case .fenced(let cause): throw .fenced("\(cause)")
            case .abort(let cause): outcome = try abort(plan, cause)
            case .unknown(let cause): outcome = try settle(plan, cause)
            }
        }
        if isAnswerDoubtful {
            // A late answer to this transaction could hit the next one (KIP-890 is not in librdkafka): a new producer fences it.
            isAnswerDoubtful = false
            try replaceProducer(because: "an answer of the transaction coordinator was late")
        }
        let seconds = Double(Clock.monotonicNanoseconds() - start) / 1e9
        shared.metrics.transactionEnded(outcome.name, seconds: seconds)
        return outcome
    }

    private func produceAll(_ plan: FlushPlan, _ group: GroupMetadata) throws(Trouble) {
        try step { () throws(KafkaError) in try output.producer.begin() }
        let now = Clock.wallMicroseconds()
        var extra = ByteWriter(capacity: 128)
        appendRunHeaders(now, to: &extra)
        for entry in machine.outbox.entries where plan.covers(entry.partition) {
            try step { () throws(KafkaError) in try produce(entry, extra: extra) }
        }
        let offsets = plan.offsets.map { (partition: $0.partition, offset: $0.position.offset, metadata: $0.position.metadata) }
        let topic = shared.settings.topic
        try step { () throws(KafkaError) in
            try output.producer.sendOffsets(offsets, topic: topic, group: group, timeoutMilliseconds: Self.callTimeout)
        }
        try step { () throws(KafkaError) in try output.producer.commit(timeoutMilliseconds: Self.callTimeout) }
        let milliseconds = Clock.wallMilliseconds()
        for entry in machine.outbox.entries where plan.covers(entry.partition) {
            shared.metrics.observeEventLatency(seconds: Double(milliseconds - entry.receivedAt) / 1000)
        }
    }

    /// What differs from run to run stands in headers only.
    private func appendRunHeaders(_ microseconds: Int64, to block: inout ByteWriter) {
        var time = ByteWriter(capacity: 64)
        time.append(timestampMicroseconds: microseconds)
        HeaderBlock.append("tripline_decided_at", time.array(), to: &block)
        HeaderBlock.append("tripline_mode", utf8: machine.isCatchingUp ? "catch_up" : "live", to: &block)
    }

    private func produce(_ entry: Outbox.Entry, extra: borrowing ByteWriter) throws(KafkaError) {
        let bytes = machine.outbox.bytes.bytes
        func slice(_ range: Range<Int>) -> UnsafeRawBufferPointer {
            UnsafeRawBufferPointer(start: bytes + range.lowerBound, count: range.count)
        }
        var headers = slice(entry.headers)
        if entry.kind == .alert || entry.kind == .shadowAlert {
            headerScratch.removeAll()
            headerScratch.append(headers)
            headerScratch.append(UnsafeRawBufferPointer(start: extra.bytes, count: extra.count))
            headers = UnsafeRawBufferPointer(start: headerScratch.bytes, count: headerScratch.count)
        }
        let topic = output.topic(entry.kind)
        let partition = entry.key == nil ? entry.partition % shared.outputPartitions[Int(entry.kind.rawValue)] : nil
        try output.producer.produce(
            topic, partition: partition, key: entry.key.map(slice), value: entry.value.map(slice), headers: headers, timestamp: nil)
    }

    /// One call, made again while its error is retriable, up to twice the transaction timeout.
    private func step(_ call: () throws(KafkaError) -> Void) throws(Trouble) {
        let deadline = Clock.monotonicMilliseconds() + Self.giveUpAfter
        while true {
            do {
                return try call()
            } catch {
                switch error.reaction {
                case .leave: throw .fenced(error)
                case .abort: throw .abort(error)
                case .replaceClient: throw .unknown(error)
                case .retry:
                    isAnswerDoubtful = true
                    guard Clock.monotonicMilliseconds() < deadline else { throw .unknown(error) }
                }
            }
        }
    }

    private func abort(_ plan: FlushPlan, _ cause: KafkaError) throws(WorkerFailure) -> TransactionOutcome {
        shared.log.warning("transaction aborted", [.error: "\(cause)"])
        do throws(Trouble) {
            try step { () throws(KafkaError) in try output.producer.abort(timeoutMilliseconds: Self.callTimeout) }
            return .aborted("\(cause)", isTransient: cause.isTransient)
        } catch {
            switch error {
            case .fenced(let fence): throw .fenced("\(fence)")
            case .abort(let other), .unknown(let other): return try settle(plan, other)
            }
        }
    }

    /// After a doubtful end: a new producer makes the old transaction final, then the committed offsets tell how it ended.
    private func settle(_ plan: FlushPlan, _ cause: KafkaError) throws(WorkerFailure) -> TransactionOutcome {
        shared.log.warning("outcome of a transaction unknown, asking the broker", [.error: "\(cause)"])
        isAnswerDoubtful = false
        try replaceProducer(because: "\(cause)")
        let positions = try committedPositions(plan.offsets.map(\.partition))
        let sent = plan.offsets.allSatisfy { positions[$0.partition] == .some($0.position) }
        if sent { return .committed }
        let unchanged = plan.offsets.allSatisfy { positions[$0.partition] == machine.tasks[$0.partition]?.committed }
        return unchanged ? .aborted("\(cause)", isTransient: cause.isTransient) : .foreign(positions)
    }

    func replaceProducer(because why: String) throws(WorkerFailure) {
        shared.log.warning("producer replaced", [.reason: why])
        shared.metrics.producerReplaced()
        output.producer.destroy()
        output = try Self.makeOutput(shared, id: transactionalID)
    }

    /// What the broker has committed for the partitions; waits for transactions that are still open.
    func committedPositions(_ partitions: [Int32]) throws(WorkerFailure) -> [Int32: CommittedPosition] {
        let found = try ask { () throws(KafkaError) in
            try consumer.committed(partitions, topic: shared.settings.topic, timeoutMilliseconds: 10_000)
        }
        var positions: [Int32: CommittedPosition] = [:]
        for committed in found {
            guard let offset = committed.offset else { continue }
            positions[committed.partition] = CommittedPosition(offset: offset, metadata: committed.metadata ?? "")
        }
        return positions
    }
}

extension TransactionOutcome {
    /// The label of `transactions_total`.
    var name: String {
        switch self {
        case .committed: "committed"
        case .aborted: "aborted"
        case .foreign: "foreign"
        }
    }
}

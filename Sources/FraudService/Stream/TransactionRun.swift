import FraudEngine
import Kafka

/// The calls of one transaction; `TransactionMachine` decides on them.
extension StreamWorker {
    /// Produces the outbox, sends the offsets and commits; a doubtful end is settled before it answers.
    func transact(_ plan: FlushPlan) throws(WorkerFailure) -> TransactionOutcome {
        let start = Clock.monotonicNanoseconds()
        var transaction = machine.transaction(plan, now: Clock.monotonicMilliseconds())
        var produced = 0
        while true {
            let answer: TransactionMachine.Answer
            switch transaction.call {
            case .end(let outcome):
                shared.metrics.transactionEnded(outcome.name, seconds: Double(Clock.monotonicNanoseconds() - start) / 1e9)
                return outcome
            case .leave(let why): throw .fenced(why)
            case .begin: answer = step { () throws(KafkaError) in try output.producer.begin() }
            case .produce: answer = step { () throws(KafkaError) in try produce(plan, from: &produced) }
            case .sendOffsets: answer = step { () throws(KafkaError) in try sendOffsets(plan) }
            case .commit: answer = commit(plan)
            case .abort(let cause):
                shared.log.warning("transaction aborted", [.error: cause.text])
                answer = step { () throws(KafkaError) in try output.producer.abort(timeoutMilliseconds: Self.callTimeout) }
            case .replaceProducer(let why, let isOpen):
                if isOpen { shared.log.warning("outcome of a transaction unknown, asking the broker", [.error: why]) }
                try replaceProducer(because: why)
                answer = .done
            case .readCommitted: answer = .positions(try committedPositions(plan.offsets.map(\.partition)))
            }
            transaction.answer(answer, now: Clock.monotonicMilliseconds())
        }
    }

    private func step(_ call: () throws(KafkaError) -> Void) -> TransactionMachine.Answer {
        do throws(KafkaError) {
            try call()
            return .done
        } catch {
            var fault = ClientFault(error)
            if error.isProducerFenced, !isIdentityLost() {
                // By the coordinator, which ended a transaction that took too long: that says nothing of what was in it.
                fault.reaction = .replaceClient
                fault.isTransient = true
            }
            return .failed(fault)
        }
    }

    private func produce(_ plan: FlushPlan, from produced: inout Int) throws(KafkaError) {
        var extra = ByteWriter(capacity: 128)
        appendRunHeaders(Clock.wallMicroseconds(), to: &extra)
        while produced < machine.outbox.entries.count {
            let entry = machine.outbox.entries[produced]
            if plan.covers(entry.partition) { try produce(entry, extra: extra) }
            produced += 1
        }
    }

    private func sendOffsets(_ plan: FlushPlan) throws(KafkaError) {
        guard let captured = membership, membershipEpoch == plan.assignmentEpoch else {
            preconditionFailure("offsets go with the group metadata of their own assignment")
        }
        let group = consumer.renewed(captured)
        let offsets = plan.offsets.map { (partition: $0.partition, offset: $0.position.offset, metadata: $0.position.metadata) }
        try output.producer.sendOffsets(offsets, topic: shared.settings.topic, group: group, timeoutMilliseconds: Self.callTimeout)
    }

    private func commit(_ plan: FlushPlan) -> TransactionMachine.Answer {
        let answer = step { () throws(KafkaError) in try output.producer.commit(timeoutMilliseconds: Self.callTimeout) }
        if case .done = answer {
            let milliseconds = Clock.wallMilliseconds()
            for entry in machine.outbox.entries where plan.covers(entry.partition) {
                shared.metrics.observeEventLatency(seconds: Double(milliseconds - entry.receivedAt) / 1000)
            }
        }
        return answer
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

    func replaceProducer(because why: String) throws(WorkerFailure) {
        shared.log.warning("producer replaced", [.reason: why])
        shared.metrics.producerReplaced()
        output.producer.destroy()
        let since = Clock.monotonicMilliseconds()
        output = try Self.makeOutput(shared, id: transactionalID) { (error) throws(WorkerFailure) in try waitForBrokers(error, since: since) }
    }

    /// A broker also takes the identity from a producer whose transaction it ended because it lasted too long. Whose it is the group tells: another
    /// process has the consumer's place too, which the consumer hears with its next heartbeat.
    private func isIdentityLost() -> Bool {
        let deadline = Clock.monotonicMilliseconds() + shared.heartbeatMilliseconds + 1_000
        while Clock.monotonicMilliseconds() < deadline {
            if let fatal = consumer.fatalError { return fatal.isFenced }
            Clock.pause(milliseconds: 50)
        }
        return false
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

extension ClientFault {
    init(_ error: KafkaError) {
        let reaction: Reaction =
            switch error.reaction {
            case .retry: .retry
            case .abort: .abort
            case .replaceClient: .replaceClient
            case .leave: .leave
            }
        self.init(reaction: reaction, isTransient: error.isTransient, text: "\(error)")
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

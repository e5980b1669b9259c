/// An error of the Kafka client, as far as decisions depend on it.
package struct ClientFault: Error, Equatable, Sendable {
    /// What a transaction's owner does about it.
    package enum Reaction: Sendable, Equatable {
        /// Make the same call with the same arguments again.
        case retry
        /// Abort the transaction; the producer stays usable.
        case abort
        /// The client is dead, or an answer did not come: only the broker knows how the transaction ended.
        case replaceClient
        /// Another process owns the identity: leave, and do not take it back.
        case leave
    }

    package var reaction: Reaction
    /// It says nothing about the records: the same ones may go through later.
    package var isTransient: Bool
    package var text: String

    package init(reaction: Reaction, isTransient: Bool, text: String) {
        self.reaction = reaction
        self.isTransient = isTransient
        self.text = text
    }
}

/// One transaction from begin to its known end, as a machine of calls and answers: which call comes next, which is made again, when it is aborted, and
/// how a doubtful end is settled. The shell makes the calls, one at a time.
package struct TransactionMachine {
    package enum Call: Equatable, Sendable {
        case begin
        /// Queue the outbox's records of the plan's partitions, from the first that is not queued yet.
        case produce
        /// All offsets of the plan, with the group metadata of its assignment.
        case sendOffsets
        case commit
        case abort(because: ClientFault)
        /// A new producer takes the identity over, which makes what the old one left final. `isOpen`: how that ended is not known yet.
        case replaceProducer(because: String, isOpen: Bool)
        /// What is committed for the plan's partitions; waits for transactions that are still open.
        case readCommitted
        /// Over: tell the worker's machine.
        case end(TransactionOutcome)
        /// Over, and so is this process.
        case leave(String)
    }

    package enum Answer: Sendable {
        case done
        case failed(ClientFault)
        case positions([Int32: CommittedPosition])
    }

    /// Milliseconds until a call that fails and may be made again is given up: twice the default transaction timeout.
    package static let giveUpAfter: Int64 = 20_000

    package let plan: FlushPlan
    /// The call to make now.
    package private(set) var call = Call.begin
    /// What was committed before, by partition.
    private let before: [Int32: CommittedPosition]
    private var callSince: Int64
    /// An answer of the coordinator did not come in time.
    private var isDoubtful = false
    /// Why the end is open, while it is.
    private var doubt: ClientFault?
    /// How it ended, while the producer is still to be replaced.
    private var outcome: TransactionOutcome?

    init(plan: FlushPlan, before: [Int32: CommittedPosition], now: Int64) {
        self.plan = plan
        self.before = before
        callSince = now
    }

    /// Takes the answer to `call` at `now` (monotonic milliseconds); the next call.
    @discardableResult
    package mutating func answer(_ answer: Answer, now: Int64) -> Call {
        switch answer {
        case .done:
            call = next()
            callSince = now
        case .failed(let fault): call = failed(fault, now: now)
        case .positions(let positions):
            precondition(call == .readCommitted, "positions answer one question")
            call = .end(settled(positions))
        }
        return call
    }

    private mutating func next() -> Call {
        switch call {
        case .begin: return .produce
        case .produce: return .sendOffsets
        case .sendOffsets: return .commit
        case .commit: return finish(.committed)
        case .abort(let cause): return finish(.aborted(cause.text, isTransient: cause.isTransient))
        case .replaceProducer: return outcome.map { .end($0) } ?? .readCommitted
        case .readCommitted, .end, .leave: preconditionFailure("no call without its answer")
        }
    }

    private mutating func failed(_ fault: ClientFault, now: Int64) -> Call {
        switch (fault.reaction, call) {
        case (.leave, _): return .leave(fault.text)
        case (.abort, .begin), (.abort, .produce), (.abort, .sendOffsets), (.abort, .commit):
            callSince = now
            return .abort(because: fault)
        case (.retry, _):
            isDoubtful = true
            return now - callSince < Self.giveUpAfter ? call : settle(fault)
        case (.abort, _), (.replaceClient, _): return settle(fault)
        }
    }

    /// The end is known. A late answer to this transaction could hit the next one (KIP-890 is not in librdkafka): a new producer fences it.
    private mutating func finish(_ ended: TransactionOutcome) -> Call {
        guard isDoubtful else { return .end(ended) }
        outcome = ended
        return .replaceProducer(because: "an answer of the transaction coordinator was late", isOpen: false)
    }

    /// After a doubtful end: a new producer makes the old transaction final, then the committed offsets tell how it ended.
    private mutating func settle(_ fault: ClientFault) -> Call {
        // Why it was to be aborted counts, not why that failed.
        if case .abort(let cause) = call { doubt = cause } else { doubt = fault }
        return .replaceProducer(because: fault.text, isOpen: true)
    }

    private func settled(_ positions: [Int32: CommittedPosition]) -> TransactionOutcome {
        guard let doubt else { preconditionFailure("only a doubtful end is settled") }
        if plan.offsets.allSatisfy({ positions[$0.partition] == $0.position }) { return .committed }
        let isUnchanged = plan.offsets.allSatisfy { positions[$0.partition] == before[$0.partition] }
        return isUnchanged ? .aborted(doubt.text, isTransient: doubt.isTransient) : .foreign(positions)
    }
}

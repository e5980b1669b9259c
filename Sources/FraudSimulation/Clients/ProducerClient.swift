import FraudEngine

/// librdkafka's transactional producer: queues records, adds partitions to the transaction and sends batches in the background, and classes what
/// brokers answer as librdkafka does it. One call at a time; a call that timed out goes on, and the same call made again waits for it.
final class ProducerClient {
    private enum Call: Equatable { case sendOffsets, commit, abort }

    private final class Operation {
        let call: Call
        var answer: TransactionMachine.Answer?
        var waiter: ((TransactionMachine.Answer) -> Void)?
        /// Its request stays in the network: the call, made again, sends another one.
        var isStranded = false

        init(_ call: Call) { self.call = call }
    }

    /// Microseconds.
    static let callTimeout: Int64 = .seconds(5)
    /// What a fault says whose cause is the producer's epoch.
    static let fencedText = "\(BrokerCode.producerFenced)"
    private static let retryBackoff: Int64 = .milliseconds(10)
    private static let batchSize = 5

    private let world: World
    private unowned let process: WorkerProcess
    private let name: String
    private var producer = ProducerIdentity(id: -1, epoch: -1)
    private(set) var isDestroyed = false
    private var operation: Operation?
    private var transaction = 0
    private var queues: [[OutputRecord]]
    /// By place: 0 unknown to the transaction, 1 being added, 2 added.
    private var added: [Int]
    private var inFlight: [Bool]
    private var sequences: [Int]
    private var hasOffsets = false
    private var fatal: ClientFault?
    private var abortCause: ClientFault?
    private var drained: (() -> Void)?

    init(_ world: World, _ process: WorkerProcess, name: String) {
        self.world = world
        self.process = process
        self.name = name
        queues = Array(repeating: [], count: world.outputs.count)
        added = Array(repeating: 0, count: world.outputs.count)
        inFlight = Array(repeating: false, count: world.outputs.count)
        sequences = added
    }

    func destroy() { isDestroyed = true }

    /// `init_transactions`
    func initialise(_ done: @escaping () -> Void) {
        world.request(
            process, .initProducer, .transactions, serve: { [world, name] reply in reply(world.transactions.initProducer(name)) },
            answered: { [weak self] (answer: (BrokerCode, ProducerIdentity?)) in
                guard let self, !isDestroyed else { return }
                guard answer.0 == .none, let identity = answer.1 else { return later { $0.initialise(done) } }
                producer = identity
                done()
            })
    }

    private func later(_ body: @escaping (ProducerClient) -> Void) {
        world.time.after(Self.retryBackoff) { [weak self, process] in
            process.deliver {
                guard let self, !self.isDestroyed else { return }
                body(self)
            }
        }
    }

    // MARK: Calls

    func begin() -> TransactionMachine.Answer {
        if let fatal { return .failed(fatal) }
        transaction += 1
        operation = nil
        abortCause = nil
        drained = nil
        hasOffsets = false
        for place in queues.indices {
            queues[place] = []
            added[place] = 0
            inFlight[place] = false
        }
        return .done
    }

    /// Queues records; sending them is the background's.
    func produce(_ records: [(place: Int, record: OutputRecord)]) -> TransactionMachine.Answer {
        if let fault = fatal ?? abortCause { return .failed(fault) }
        for (place, record) in records { queues[place].append(record) }
        for place in queues.indices { pump(place) }
        return .done
    }

    func sendOffsets(
        _ positions: [(partition: Int32, position: CommittedPosition)], _ membership: Membership, _ done: @escaping (TransactionMachine.Answer) -> Void
    ) {
        call(.sendOffsets, done) { [self] in
            if let fault = fatal ?? abortCause { return finish($0, .failed(fault)) }
            addOffsets(positions, membership, $0)
        }
    }

    func commit(_ done: @escaping (TransactionMachine.Answer) -> Void) {
        call(.commit, done) { [self] operation in
            whenDrained { [self] in
                if let fault = fatal ?? abortCause { return finish(operation, .failed(fault)) }
                end(commits: true, operation)
            }
        }
    }

    func abort(_ done: @escaping (TransactionMachine.Answer) -> Void) {
        call(.abort, done) { [self] operation in
            for place in queues.indices { queues[place] = [] }
            whenDrained { [self] in
                if let fatal { return finish(operation, .failed(fatal)) }
                end(commits: false, operation)
            }
        }
    }

    private func call(_ call: Call, _ done: @escaping (TransactionMachine.Answer) -> Void, _ start: (Operation) -> Void) {
        let present: Operation
        if let known = operation, known.call == call {
            present = known
            if let answer = known.answer {
                operation = nil
                return done(answer)
            }
            known.waiter = done
            if known.isStranded {
                known.isStranded = false
                start(known)
            }
        } else {
            present = Operation(call)
            operation = present
            present.waiter = done
            start(present)
        }
        world.time.after(Self.callTimeout) { [weak self, process, world] in
            process.deliver {
                guard let self, self.operation === present, present.answer == nil, let waiter = present.waiter else { return }
                present.waiter = nil
                world.count(.callTimedOut)
                waiter(.failed(ClientFault(reaction: .retry, isTransient: true, text: "timed out")))
            }
        }
    }

    private func finish(_ finished: Operation, _ answer: TransactionMachine.Answer) {
        guard finished === operation, finished.answer == nil else { return }
        if let waiter = finished.waiter {
            operation = nil
            waiter(answer)
        } else {
            finished.answer = answer
        }
    }

    // MARK: Background

    private func pump(_ place: Int) {
        guard !queues[place].isEmpty, !inFlight[place], fatal == nil else { return }
        switch added[place] {
        case 0: add(place)
        case 1: break
        default: send(place)
        }
    }

    private func add(_ place: Int) {
        added[place] = 1
        let (identity, number) = (producer, transaction)
        world.request(
            process, .addPartitions, .transactions,
            serve: { [world] reply in reply(world.isUnauthorized ? .unauthorized : world.transactions.add(place: place, identity)) },
            answered: { [weak self] (code: BrokerCode) in
                guard let self, !isDestroyed, number == transaction else { return }
                if code == .concurrent { return later { if number == $0.transaction { $0.add(place) } } }
                if code == .none { added[place] = 2 } else { fail(code) }
                pump(place)
                checkDrained()
            })
    }

    private func send(_ place: Int) {
        let batch = Array(queues[place].prefix(Self.batchSize))
        let (identity, sequence, number) = (producer, sequences[place], transaction)
        inFlight[place] = true
        world.request(
            process, .produce, .broker, refused: BrokerCode.unauthorized,
            serve: { [world] reply in
                if world.isUnauthorized { return reply(.unauthorized) }
                let isVerified = world.transactions.isOngoing(identity, place: place)
                reply(world.outputs[place].append(batch, identity, sequence: sequence, isVerified: isVerified))
            },
            answered: { [weak self] (code: BrokerCode) in
                guard let self, !isDestroyed else { return }
                if code == .none { sequences[place] = sequence + batch.count }
                guard number == transaction else { return }
                inFlight[place] = false
                if code == .none { queues[place] = Array(queues[place].dropFirst(batch.count)) } else { fail(code) }
                pump(place)
                checkDrained()
            })
    }

    private func whenDrained(_ body: @escaping () -> Void) {
        drained = body
        checkDrained()
    }

    private func checkDrained() {
        guard let body = drained, !inFlight.contains(true), fatal != nil || abortCause != nil || queues.allSatisfy(\.isEmpty) else { return }
        drained = nil
        body()
    }

    private func addOffsets(_ positions: [(partition: Int32, position: CommittedPosition)], _ membership: Membership, _ operation: Operation) {
        let identity = producer
        world.request(
            process, .addOffsets, .transactions, serve: { [world] reply in reply(world.transactions.addOffsets(identity)) },
            answered: { [weak self] (code: BrokerCode) in
                guard let self, !isDestroyed, operation === self.operation else { return }
                if code == .concurrent { return later { $0.addOffsets(positions, membership, operation) } }
                guard code == .none else { return finish(operation, .failed(fail(code))) }
                hasOffsets = true
                commitOffsets(positions, membership, operation)
            })
    }

    private func commitOffsets(_ positions: [(partition: Int32, position: CommittedPosition)], _ membership: Membership, _ operation: Operation) {
        let identity = producer
        world.request(
            process, .commitOffsets, .group,
            serve: { [world] reply in
                guard world.transactions.isOngoing(identity, place: nil) else { return reply(.invalidTransactionState) }
                reply(world.group.commit(positions, membership, producer: identity.id))
            },
            answered: { [weak self] (code: BrokerCode) in
                guard let self, !isDestroyed, operation === self.operation else { return }
                guard code == .none else {
                    world.count(.offsetsRefused)
                    return finish(operation, .failed(fail(code)))
                }
                finish(operation, .done)
            })
    }

    private func end(commits: Bool, _ operation: Operation) {
        guard hasOffsets || added.contains(2) else { return finish(operation, .done) }
        let identity = producer
        world.request(
            process, .end, .transactions, stranded: { operation.isStranded = true },
            serve: { [world] reply in
                let code = world.transactions.end(identity, commits: commits)
                if operation.isStranded || operation !== self.operation, code == .producerFenced { world.count(.lateRequestFenced) }
                reply(code)
            },
            answered: { [weak self] (code: BrokerCode) in
                guard let self, !isDestroyed, operation === self.operation else { return }
                if code == .concurrent { return later { $0.end(commits: commits, operation) } }
                finish(operation, code == .none ? .done : .failed(fail(code)))
            })
    }

    /// librdkafka's class of what a broker answered to a request of a transaction.
    @discardableResult
    private func fail(_ code: BrokerCode) -> ClientFault {
        let fault: ClientFault
        switch code {
        case .producerFenced, .instanceFenced:
            fault = ClientFault(reaction: .leave, isTransient: false, text: "\(code)")
            fatal = fatal ?? fault
        case .invalidTransactionState where operation?.call == .commit || operation?.call == .abort:
            fault = ClientFault(reaction: .replaceClient, isTransient: true, text: "\(code)")
            fatal = fatal ?? fault
        case .outOfSequence:
            fault = ClientFault(reaction: .replaceClient, isTransient: true, text: "\(code)")
            fatal = fatal ?? fault
        case .illegalGeneration, .unknownMember, .rebalanceInProgress, .unstable, .concurrent:
            fault = ClientFault(reaction: .abort, isTransient: true, text: "\(code)")
            abortCause = abortCause ?? fault
        case .invalidTransactionState:
            fault = ClientFault(reaction: .abort, isTransient: true, text: "\(code)")
            abortCause = abortCause ?? fault
        case .unauthorized, .none:
            if code == .unauthorized { world.count(.recordRefused) }
            fault = ClientFault(reaction: .abort, isTransient: false, text: "\(code)")
            abortCause = abortCause ?? fault
        }
        return fault
    }
}

import FraudEngine

/// librdkafka's consumer: joins the group and sends heartbeats in the background, fetches ahead, and runs rebalance callbacks only inside of a read.
final class ConsumerClient {
    enum Callback: Equatable {
        case assign([Int32])
        case revoke(isLost: Bool)
    }

    static let heartbeatInterval: Int64 = .seconds(3)
    private static let readAhead = 40

    private let world: World
    private unowned let process: WorkerProcess
    private let instance: String
    private var memberID = ""
    private var generation = -1
    /// What the group gave, until the worker has given it up.
    private var given: [Int32] = []
    private var isRevoking = false
    private var isMember = false
    private var heartbeat = 0
    private var lastAnswer: Int64 = 0
    private(set) var callbacks: [Callback] = []
    /// The client is dead.
    private(set) var fatal: ClientFault?
    /// Rises with each assignment: older fetches are dropped.
    private var version = 0
    private var queue: [(partition: Int32, record: InputRecord)] = []
    private var waiter: (() -> Void)?
    private(set) var isClosed = false

    init(_ world: World, _ process: WorkerProcess, instance: String) {
        self.world = world
        self.process = process
        self.instance = instance
    }

    /// The member's present generation and id, which the background may have changed.
    var metadata: Membership { Membership(memberID: memberID, generation: generation, instance: instance) }

    var isEmpty: Bool { queue.isEmpty }
    var hasNews: Bool { !queue.isEmpty || !callbacks.isEmpty || fatal != nil }

    // MARK: The group

    func join() {
        guard !isClosed else { return }
        isMember = false
        let memberID = memberID
        world.request(
            process, .join, .group, serve: { [world, instance] reply in world.group.join(instance, memberID, reply) },
            answered: { [weak self] (answer: GroupCoordinator.Joined) in
                guard let self, !isClosed, fatal == nil else { return }
                switch answer.code {
                case .none:
                    self.memberID = answer.memberID
                    generation = answer.generation
                    sync()
                case .instanceFenced: die()
                case .unknownMember:
                    self.memberID = ""
                    generation = -1
                    later { $0.join() }
                case .concurrent, .producerFenced, .invalidTransactionState, .unauthorized, .illegalGeneration, .rebalanceInProgress, .unstable, .outOfSequence:
                    later { $0.join() }
                }
            })
    }

    private func sync() {
        let metadata = metadata
        world.request(
            process, .sync, .group, serve: { [world] reply in reply(world.group.sync(metadata)) },
            answered: { [weak self] (answer: (BrokerCode, [Int32])) in
                guard let self, !isClosed, fatal == nil else { return }
                guard answer.0 == .none else {
                    if answer.0 == .instanceFenced { return die() }
                    if answer.0 == .unknownMember { memberID = "" }
                    return later { $0.join() }
                }
                given = answer.1
                isRevoking = false
                isMember = true
                callbacks.append(.assign(answer.1))
                lastAnswer = world.time.now
                wake()
                heartbeat += 1
                beat(heartbeat)
            })
    }

    private func beat(_ number: Int) {
        world.time.after(Self.heartbeatInterval) { [weak self, process] in
            process.deliver {
                guard let self, number == self.heartbeat, self.isMember, !self.isClosed, self.fatal == nil else { return }
                let metadata = self.metadata
                self.world.request(
                    process, .heartbeat, .group, serve: { [world = self.world] reply in reply(world.group.heartbeat(metadata)) },
                    answered: { [weak self] (code: BrokerCode) in self?.heard(code, number) })
            }
        }
    }

    private func heard(_ code: BrokerCode, _ number: Int) {
        guard number == heartbeat, isMember, !isClosed, fatal == nil else { return }
        switch code {
        case .none:
            lastAnswer = world.time.now
            beat(number)
        case .rebalanceInProgress:
            lastAnswer = world.time.now
            giveUp(isLost: false)
            if isMember { beat(number) }
        case .instanceFenced: die()
        case .unknownMember, .illegalGeneration, .concurrent, .producerFenced, .invalidTransactionState, .unauthorized, .unstable, .outOfSequence:
            if code == .unknownMember { memberID = "" }
            generation = -1
            giveUp(isLost: true)
        }
    }

    /// No answer within the session: the client takes its assignment for lost. Runs when a stopped process wakes.
    func checkSession() {
        guard isMember, !isClosed, fatal == nil, world.time.now - lastAnswer > GroupCoordinator.sessionTimeout else { return }
        memberID = ""
        generation = -1
        giveUp(isLost: true)
    }

    private func giveUp(isLost: Bool) {
        if isLost { isMember = false }
        guard !isRevoking else { return }
        guard !given.isEmpty || callbacks.contains(where: { if case .assign = $0 { true } else { false } }) else { return join() }
        isRevoking = true
        callbacks.append(.revoke(isLost: isLost))
        wake()
    }

    private func die() {
        fatal = ClientFault(reaction: .leave, isTransient: false, text: "fenced instance")
        wake()
    }

    private func later(_ body: @escaping (ConsumerClient) -> Void) {
        world.time.after(.milliseconds(100)) { [weak self, process] in
            process.deliver {
                guard let self, !self.isClosed else { return }
                body(self)
            }
        }
    }

    // MARK: Reading

    func takeCallback() -> Callback? { callbacks.isEmpty ? nil : callbacks.removeFirst() }

    /// Up to `count` records that are queued.
    func take(_ count: Int) -> [(partition: Int32, record: InputRecord)] {
        let taken = Array(queue.prefix(count))
        queue.removeFirst(taken.count)
        return taken
    }

    /// Calls back once there is something to read or a callback to run.
    func wait(_ body: @escaping () -> Void) { waiter = body }

    private func wake() {
        guard let body = waiter else { return }
        waiter = nil
        body()
    }

    func assign(_ positions: [(partition: Int32, offset: Int64)]) {
        version += 1
        queue.removeAll()
        for (partition, offset) in positions { fetch(partition, offset, version) }
    }

    /// The answer to a revoke.
    func unassign() {
        assign([])
        given = []
        isRevoking = false
        if !isClosed, fatal == nil { join() }
    }

    private func fetch(_ partition: Int32, _ offset: Int64, _ wanted: Int) {
        guard wanted == version, !isClosed else { return }
        let input = world.inputs[Int(partition)]
        let count = 1 + world.random.below(20)
        world.request(
            process, .fetch, .broker,
            serve: { reply in
                let answer = input.read(from: offset, count: count)
                if answer.next > offset { return reply(answer) }
                input.wait { reply(input.read(from: offset, count: count)) }
            },
            answered: { [weak self] (answer: (records: [InputRecord], next: Int64)) in
                guard let self, wanted == version, !isClosed else { return }
                for record in answer.records { queue.append((partition, record)) }
                if !answer.records.isEmpty { wake() }
                fetchLater(partition, answer.next, wanted)
            })
    }

    private func fetchLater(_ partition: Int32, _ offset: Int64, _ wanted: Int) {
        if queue.count < Self.readAhead { return fetch(partition, offset, wanted) }
        world.time.after(.milliseconds(20)) { [weak self, process] in process.deliver { self?.fetchLater(partition, offset, wanted) } }
    }

    // MARK: Leaving

    /// Ends the client; a static member does not tell the group. The last revoke is the caller's to run.
    func close() -> Bool {
        isClosed = true
        version += 1
        queue.removeAll()
        let hadAssignment = !given.isEmpty
        given = []
        return hadAssignment
    }
}

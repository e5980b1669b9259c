/// Kafka's coordinator of transactions: producer ids and epochs, which partitions are in a transaction, its two-phase end, its timeout.
final class TransactionCoordinator {
    enum Status: Equatable {
        case empty
        case ongoing
        /// Decided; markers are being written.
        case preparing(commits: Bool)
        case complete(commits: Bool)
    }

    private final class Owner {
        var producer: ProducerIdentity
        var status = Status.empty
        var places: Set<Int> = []
        var hasOffsets = false
        var startedAt: Int64 = 0

        init(_ producer: ProducerIdentity) { self.producer = producer }
    }

    /// Milliseconds (`transaction.timeout.ms`).
    private static let timeout: Int64 = 10_000

    private unowned let world: World
    private var owners: [String: Owner] = [:]
    private var names: [Int: String] = [:]

    init(_ world: World) {
        self.world = world
    }

    func start() { world.time.after(.seconds(1)) { [unowned self] in expire() } }

    private func expire() {
        for name in owners.keys.sorted() {
            guard let owner = owners[name], owner.status == .ongoing, world.time.milliseconds - owner.startedAt > Self.timeout else { continue }
            world.count(.transactionTimedOut)
            world.trace("coordinator: the transaction of \(name) timed out")
            owner.producer.epoch += 1
            prepare(owner, commits: false)
        }
        start()
    }

    // MARK: Requests

    /// `InitProducerId`: fences the former owner and ends its transaction.
    func initProducer(_ name: String) -> (BrokerCode, ProducerIdentity?) {
        guard let owner = owners[name] else {
            let new = Owner(ProducerIdentity(id: owners.count + 1, epoch: 0))
            owners[name] = new
            names[new.producer.id] = name
            return (.none, new.producer)
        }
        switch owner.status {
        case .ongoing:
            owner.producer.epoch += 1
            prepare(owner, commits: false)
            return (.concurrent, nil)
        case .preparing: return (.concurrent, nil)
        case .empty, .complete:
            owner.producer.epoch += 1
            owner.status = .empty
            return (.none, owner.producer)
        }
    }

    func add(place: Int, _ producer: ProducerIdentity) -> BrokerCode {
        begin(producer) { $0.places.insert(place) }
    }

    func addOffsets(_ producer: ProducerIdentity) -> BrokerCode {
        begin(producer) { $0.hasOffsets = true }
    }

    private func begin(_ producer: ProducerIdentity, _ add: (Owner) -> Void) -> BrokerCode {
        guard let owner = find(producer) else { return .producerFenced }
        switch owner.status {
        case .preparing: return .concurrent
        case .empty, .complete:
            owner.status = .ongoing
            owner.places.removeAll()
            owner.hasOffsets = false
            owner.startedAt = world.time.milliseconds
        case .ongoing: break
        }
        add(owner)
        return .none
    }

    /// `EndTxn`. It names no transaction: one that comes late ends whichever is open under the same epoch.
    func end(_ producer: ProducerIdentity, commits: Bool) -> BrokerCode {
        guard let owner = find(producer) else { return .producerFenced }
        switch owner.status {
        case .empty: return .invalidTransactionState
        case .ongoing:
            prepare(owner, commits: commits)
            return .none
        case .preparing(let decided): return decided == commits ? .concurrent : .invalidTransactionState
        case .complete(let decided): return decided == commits ? .none : .invalidTransactionState
        }
    }

    private func find(_ producer: ProducerIdentity) -> Owner? {
        guard let name = names[producer.id], let owner = owners[name], owner.producer == producer else { return nil }
        return owner
    }

    /// What partition leaders and the group's coordinator ask before they take something of a transaction.
    func isOngoing(_ producer: ProducerIdentity, place: Int?) -> Bool {
        guard let owner = find(producer), owner.status == .ongoing else { return false }
        return place.map { owner.places.contains($0) } ?? owner.hasOffsets
    }

    // MARK: The end

    private func prepare(_ owner: Owner, commits: Bool) {
        owner.status = .preparing(commits: commits)
        if commits, owner.hasOffsets { world.group.decided(owner.producer.id) }
        var left = owner.places.count + (owner.hasOffsets ? 1 : 0)
        guard left > 0 else {
            owner.status = .complete(commits: commits)
            return
        }
        let producer = owner.producer
        func finish() {
            left -= 1
            if left == 0 { owner.status = .complete(commits: commits) }
        }
        for place in owner.places.sorted() {
            world.time.after(world.markerDelay()) { [unowned self] in
                world.outputs[place].mark(producer, commits: commits)
                finish()
            }
        }
        if owner.hasOffsets {
            world.time.after(world.markerDelay()) { [unowned self] in
                world.group.mark(producer.id, commits: commits)
                finish()
            }
        }
    }
}

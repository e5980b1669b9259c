import FraudEngine

/// What a member sends with a transaction's offsets (KIP-447, KIP-345).
struct Membership: Equatable {
    var memberID: String
    var generation: Int
    var instance: String
}

/// Kafka's coordinator of one group, classic protocol: static members, eager rebalances, sessions; and the group's offsets, with those of open
/// transactions.
final class GroupCoordinator {
    enum Status { case empty, preparing, completing, stable }

    struct Joined {
        var code: BrokerCode
        var memberID = ""
        var generation = -1
    }

    private final class Member {
        var memberID: String
        var assignment: [Int32] = []
        var join: ((Joined) -> Void)?
        /// Rises with each sign of life: an older session's end is void.
        var session = 0

        init(_ memberID: String) { self.memberID = memberID }
    }

    static let sessionTimeout: Int64 = .seconds(10)
    private static let rebalanceTimeout: Int64 = .seconds(60)
    private static let initialDelay: Int64 = .milliseconds(500)

    private unowned let world: World
    private var members: [String: Member] = [:]
    private(set) var generation = 0
    private var status = Status.empty
    private var rebalance = 0
    private var memberCount = 0
    private(set) var committed: [Int32: CommittedPosition] = [:]
    /// By producer id.
    private var pending: [Int: [Int32: CommittedPosition]] = [:]
    /// One past the last offset whose commit is decided, by partition.
    private(set) var decidedOffset: [Int32: Int64] = [:]

    init(_ world: World) { self.world = world }

    // MARK: Membership

    func join(_ instance: String, _ memberID: String, _ answer: @escaping (Joined) -> Void) {
        guard let member = members[instance] else {
            guard memberID.isEmpty else { return answer(Joined(code: .unknownMember)) }
            let new = Member(newMemberID(instance))
            members[instance] = new
            new.join = answer
            return prepare()
        }
        if memberID.isEmpty {
            // A static member comes back: whoever held its place is fenced; a stable group goes on as it is.
            member.join?(Joined(code: .instanceFenced))
            member.join = nil
            member.memberID = newMemberID(instance)
        } else if memberID != member.memberID {
            return answer(Joined(code: .instanceFenced))
        }
        switch status {
        case .stable, .completing:
            extend(member, instance)
            answer(Joined(code: .none, memberID: member.memberID, generation: generation))
        case .empty, .preparing:
            member.join = answer
            completeIfJoined()
        }
    }

    private func newMemberID(_ instance: String) -> String {
        memberCount += 1
        return "\(instance)-\(memberCount)"
    }

    func sync(_ membership: Membership) -> (BrokerCode, [Int32]) {
        let code = validate(membership)
        guard code == .none, let member = members[membership.instance] else { return (code, []) }
        extend(member, membership.instance)
        if status == .preparing { return (.rebalanceInProgress, []) }
        status = .stable
        return (.none, member.assignment)
    }

    func heartbeat(_ membership: Membership) -> BrokerCode {
        let code = validate(membership)
        guard code == .none, let member = members[membership.instance] else { return code }
        extend(member, membership.instance)
        return status == .preparing ? .rebalanceInProgress : .none
    }

    private func validate(_ membership: Membership) -> BrokerCode {
        guard let member = members[membership.instance] else { return .unknownMember }
        if member.memberID != membership.memberID { return .instanceFenced }
        return membership.generation == generation ? .none : .illegalGeneration
    }

    private func extend(_ member: Member, _ instance: String) {
        member.session += 1
        let session = member.session
        world.time.after(Self.sessionTimeout) { [unowned self] in
            guard let present = members[instance], present === member, member.session == session, member.join == nil else { return }
            world.count(.sessionExpired)
            world.trace("group: the session of \(instance) has expired")
            members[instance] = nil
            if status == .preparing { completeIfJoined() } else { prepare() }
        }
    }

    // MARK: Rebalance

    private func prepare() {
        guard status != .preparing else { return completeIfJoined() }
        let isFirst = status == .empty
        status = .preparing
        rebalance += 1
        let number = rebalance
        world.count(.rebalance)
        world.trace("group: a rebalance begins")
        // Members that do not come back within that time are dropped when their session ends.
        world.time.after(isFirst ? Self.initialDelay : Self.rebalanceTimeout) { [unowned self] in
            if status == .preparing, rebalance == number { complete() }
        }
        if !isFirst { completeIfJoined() }
    }

    private func completeIfJoined() {
        guard status == .preparing, members.values.allSatisfy({ $0.join != nil }) else { return }
        // A moment later: others may come with the same wave.
        let number = rebalance
        world.time.after(.milliseconds(20)) { [unowned self] in
            if status == .preparing, rebalance == number, members.values.allSatisfy({ $0.join != nil }) { complete() }
        }
    }

    private func complete() {
        generation += 1
        guard !members.isEmpty else {
            status = .empty
            return
        }
        status = .completing
        assign()
        for instance in members.keys.sorted() {
            guard let member = members[instance] else { continue }
            let answer = member.join
            member.join = nil
            if answer != nil { extend(member, instance) }
            answer?(Joined(code: .none, memberID: member.memberID, generation: generation))
        }
    }

    /// The range assignor.
    private func assign() {
        let instances = members.keys.sorted()
        let count = world.scenario.partitions
        var next = 0
        for (index, instance) in instances.enumerated() {
            let share = count / instances.count + (index < count % instances.count ? 1 : 0)
            members[instance]?.assignment = (next..<(next + share)).map { Int32($0) }
            next += share
        }
        world.trace("group: generation \(generation) of \(instances)")
    }

    // MARK: Offsets

    /// `TxnOffsetCommit`
    func commit(_ positions: [(partition: Int32, position: CommittedPosition)], _ membership: Membership, producer: Int) -> BrokerCode {
        // Of a group without members everybody who claims no generation may set offsets.
        if membership.generation >= 0 || !members.isEmpty {
            let code = validate(membership)
            guard code == .none else { return code }
        }
        for (partition, position) in positions { pending[producer, default: [:]][partition] = position }
        return .none
    }

    /// Positions that no open transaction is about to change; nil: one is.
    func fetch(_ partitions: [Int32]) -> [Int32: CommittedPosition]? {
        guard !pending.values.contains(where: { positions in partitions.contains { positions[$0] != nil } }) else { return nil }
        return committed.filter { partitions.contains($0.key) }
    }

    /// The transaction is to be committed, whatever comes.
    func decided(_ producer: Int) {
        for (partition, position) in pending[producer] ?? [:] { decidedOffset[partition] = max(decidedOffset[partition] ?? 0, position.offset) }
    }

    func mark(_ producer: Int, commits: Bool) {
        let positions = pending.removeValue(forKey: producer) ?? [:]
        guard commits else { return }
        for partition in positions.keys.sorted() {
            guard let position = positions[partition] else { continue }
            world.trace("group: partition \(partition) is committed at \(position.offset)")
            world.checks.committed(partition, position, before: committed[partition])
            committed[partition] = position
        }
    }
}

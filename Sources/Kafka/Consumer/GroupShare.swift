/// The partitions that a group has given to a member, and what the member's handler is told of them: always the whole assignment, also where the group
/// hands partitions over one by one (KIP-429).
struct GroupShare: Equatable {
    /// Each callback names what comes or goes, and not all there is.
    let isIncremental: Bool
    /// Ascending where it is incremental.
    private(set) var partitions: [Int32] = []
    /// The handler was told of them, and not since that they are gone.
    private(set) var isHeld = false

    init(isIncremental: Bool) { self.isIncremental = isIncremental }

    /// More partitions came, or none: a new generation began. What was kept goes and comes back, so that what is uncommitted is committed at the turn.
    /// - Parameter isClosing: nothing is taken on any more.
    mutating func given(_ more: [Int32], isClosing: Bool) -> [RebalanceEvent] {
        guard isIncremental else {
            partitions = more
            isHeld = true
            return [.assigned(more)]
        }
        let events: [RebalanceEvent] = isHeld ? [.revoked(partitions, lost: false)] : []
        partitions = (partitions + more).sorted()
        isHeld = !isClosing
        return isClosing ? events : events + [.assigned(partitions)]
    }

    /// Some partitions go. Those that stay come back with the `given` that follows, which librdkafka sends even where nothing is added.
    mutating func taken(_ some: [Int32], isLost: Bool) -> [RebalanceEvent] {
        defer { isHeld = false }
        guard isIncremental else {
            partitions = []
            return [.revoked(some, lost: isLost)]
        }
        let events: [RebalanceEvent] = isHeld || isLost ? [.revoked(partitions, lost: isLost)] : []
        partitions.removeAll { isLost || some.contains($0) }
        return events
    }
}

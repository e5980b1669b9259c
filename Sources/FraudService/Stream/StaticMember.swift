import Kafka

/// A static member's place in its consumer group, seen from outside.
struct StaticMember {
    /// `group.instance.id`
    let id: String
    let group: String
    let clientProperties: KafkaProperties
    /// `session.timeout.ms`: who is not heard for so long loses the place.
    let sessionMilliseconds: Int64

    /// For a group that does not come to rest, milliseconds.
    private var longestWait: Int64 { max(60_000, 2 * sessionMilliseconds + 10_000) }

    /// Whether the place is still held after a session during which this process was silent: then another one lives there. What a process left
    /// behind itself, for example by a request to join whose answer was lost, is gone by then.
    ///
    /// Blocks for a session and two seconds, longer while the group does not come to rest; goes on asking while no broker answers.
    /// - Parameter isStopping: ends the wait, without an answer: false.
    func isHeldByAnother(unless isStopping: () -> Bool) throws(KafkaError) -> Bool {
        let admin = try Admin(properties: clientProperties)
        defer { admin.destroy() }
        var since: Int64?
        var heldSince: Int64?
        while !isStopping() {
            do {
                let found = try admin.group(group, timeoutMilliseconds: 2_000)
                guard let found, found.members.contains(where: isMe) else { return false }
                let now = Clock.monotonicMilliseconds()
                since = since ?? now
                if found.state != "Stable" { heldSince = nil } else { heldSince = heldSince ?? now }
                if let heldSince, now - heldSince > sessionMilliseconds + 2_000 { return true }
                if let since, now - since > longestWait { return true }
            } catch {
                if error.isUnauthorized { throw error }
                since = nil
                heldSince = nil
            }
            Clock.pause(milliseconds: 200)
        }
        return false
    }

    /// A coordinator names a static member by its id, `-` and 36 characters of its own.
    private func isMe(_ member: GroupMember) -> Bool { member.id.hasPrefix(id + "-") && member.id.utf8.count == id.utf8.count + 37 }
}

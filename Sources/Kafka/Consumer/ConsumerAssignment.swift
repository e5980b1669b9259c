internal import CRdKafka

/// What librdkafka waits for in a rebalance callback.
enum RebalanceAnswer {
    case assign
    case unassign
}

extension Consumer {
    /// Makes these partitions the whole assignment, each from its offset (the next record to read). May be called again with
    /// more partitions; what was queued of the others is then read anew from the offsets given here.
    ///
    /// Under the cooperative protocol, while a rebalance is under way, it takes effect in the callback that ends the rebalance, and nothing is read until
    /// then. A `KafkaError` with `isFenced`: the group cannot be told any more what is whose; give the consumer up and join anew.
    package func assign(_ offsets: [(partition: Int32, offset: Int64)]) throws(KafkaError) {
        if share.isIncremental { return try change(to: offsets, isAssignment: true) }
        awaited = nil
        let list = PartitionList(topic: topic ?? "", offsets: offsets)
        try check(rd_kafka_assign(client.pointer, list.pointer), "assign")
        settleAssignment()
    }

    /// Ends the assignment.
    package func unassign() throws(KafkaError) {
        if share.isIncremental { return try change(to: [], isAssignment: false) }
        awaited = nil
        try check(rd_kafka_assign(client.pointer, nil), "unassign")
        settleAssignment()
    }

    /// The member as it is now, for offsets of partitions that the handler holds since `captured`. Unchanged under the eager protocol, where the metadata
    /// of the assignment hold until it ends, and wherever a broker shall refuse the offsets: where the assignment is lost, or a generation was missed.
    ///
    /// Under the cooperative protocol a generation begins before the callback that tells of it, and gives nothing away before that is answered. One that
    /// began without this member may have given away what it holds: only the generation that follows at once was joined with it in hand.
    package func renewed(_ captured: GroupMetadata) -> GroupMetadata {
        guard share.isIncremental, let memberID, share.isHeld || awaited != nil, let present = presentMetadata(),
            let (old, new) = captured.generation.flatMap({ old in present.generation.map { (old, $0) } }), old >= 0, new == old || new == old &+ 1
        else { return captured }
        // Asked later than the metadata: what is not lost now was not lost then.
        return rd_kafka_assignment_lost(client.pointer) == 0 && presentID() == memberID ? present : captured
    }

    // MARK: The cooperative protocol

    /// Gives up what is read and reads `offsets` instead, in the parts that librdkafka demands of a cooperative member.
    ///
    /// Outside of a callback, librdkafka takes such a change for the answer to a callback that it has queued and nobody has seen: what is to be revoked
    /// would be another member's while it is still read here. A queued callback comes with another generation, so with that nothing is changed any more,
    /// and the callback, which has everything assigned anew, is waited for.
    private func change(to offsets: [(partition: Int32, offset: Int64)], isAssignment: Bool) throws(KafkaError) {
        let answer = awaited
        if answer == nil {
            guard !isClosed, share.isHeld, !(reading.isEmpty && offsets.isEmpty) else { return }
            isDeferred = hasGroupMoved
            if isDeferred { return }
        }
        isDeferred = false
        if !reading.isEmpty || answer == .unassign {
            let list = PartitionList(topic: topic ?? "", partitions: reading)
            try finish(rd_kafka_incremental_unassign(client.pointer, list.pointer))
            reading = []
            if answer == .unassign || isClosed { awaited = nil }
        }
        if !offsets.isEmpty || (isAssignment && answer == .assign) {
            let list = PartitionList(topic: topic ?? "", offsets: offsets)
            try finish(rd_kafka_incremental_assign(client.pointer, list.pointer))
            reading = offsets.map(\.partition)
            awaited = nil
        }
        if answer == nil, hasGroupMoved {
            throw KafkaError(RD_KAFKA_RESP_ERR__FENCED, message: "the group began a new generation while the assignment was changed")
        }
        settleAssignment()
    }

    /// Whether a rebalance has begun that no callback has told of yet.
    var hasGroupMoved: Bool {
        guard let settled else { return false }
        guard let present = presentMetadata() else { return true }
        return !present.isSame(as: settled) || rd_kafka_assignment_lost(client.pointer) != 0
    }

    /// The coordinator's name for this member; nil where it has none.
    private func presentID() -> String? {
        guard let id = rd_kafka_memberid(client.pointer) else { return nil }
        defer { rd_kafka_mem_free(client.pointer, id) }
        return id.pointee == 0 ? nil : String(cString: id)
    }

    private func finish(_ error: OpaquePointer?) throws(KafkaError) {
        guard let error else { return }
        throw KafkaError(consuming: error, client: client.pointer)
    }

    // MARK: Callbacks

    /// Answers a rebalance, as librdkafka demands: without an assignment or its end, the group would wait for ever.
    func answerRebalance(
        _ code: rd_kafka_resp_err_t, _ partitions: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?
    ) {
        let numbers = Consumer.numbers(partitions)
        let isAssigned = code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS
        awaited = isAssigned ? .assign : .unassign
        if !isAssigned, code != RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS { client.events.append(KafkaError(code)) }
        settled = share.isIncremental ? presentMetadata() : nil
        let isLost = rd_kafka_assignment_lost(client.pointer) != 0
        let events: [RebalanceEvent]
        if !isLost, isStranger {
            client.events.append(KafkaError(RD_KAFKA_RESP_ERR__FENCED, message: "the group forgot this member, and took it for a new one"))
            events = share.taken(numbers, isLost: true)
        } else if isAssigned {
            events = share.given(numbers, isClosing: isClosed)
        } else {
            events = share.taken(numbers, isLost: isLost)
        }
        for event in events {
            if case .assigned = event, share.isIncremental { memberID = presentID() }
            onRebalance?(event)
        }
        guard awaited != nil else { return }
        do {
            if isAssigned { try assign([]) } else { try unassign() }
        } catch {
            client.events.append(error)
        }
        awaited = nil
    }

    /// Whether a cooperative member that holds partitions was forgotten and joined anew without being told that they are lost, as librdkafka does where the
    /// coordinator refuses a static member's request to join. Others may have had them since, and both sides tell the group that they are theirs.
    private var isStranger: Bool {
        share.isIncremental && !isClosed && !share.partitions.isEmpty && presentID() != memberID
    }

    private static func numbers(_ list: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?) -> [Int32] {
        guard let list else { return [] }
        return UnsafeBufferPointer(start: list.pointee.elems, count: Int(list.pointee.cnt)).map(\.partition)
    }

    /// Waits until the partitions that a change of the assignment stopped have begun to stop.
    ///
    /// librdkafka up to 2.15 aborts the process when the next change finds one of them still to be stopped (issue 5573). Its
    /// main thread serves the stop and this question in the order in which they were queued, and the stop's end, which the stop
    /// queues, before any later change. A consumer that closes changes nothing any more, and would not be answered.
    private func settleAssignment() {
        guard !isClosed else { return }
        var list: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?
        if rd_kafka_assignment(client.pointer, &list) == RD_KAFKA_RESP_ERR_NO_ERROR, let list {
            rd_kafka_topic_partition_list_destroy(list)
        }
    }
}

extension PartitionMachine {
    /// Appends a late payment or a dead letter to the outbox: the original bytes and headers, and why it stands there.
    ///
    /// What would be too large for its topic is left out and marked so: a dead letter goes without its value, then without its headers, then without
    /// its key; a late payment, whose value fits, without its headers. Nothing blocks the partition.
    func emit(
        _ outcome: Outcome, _ record: RawRecord, lane: Int, kit: inout FoldKit, outbox: inout Outbox, context: borrowing OutputContext,
        headers: HeaderSource
    ) {
        let limit = outcome == .late ? context.lateMaxBytes : context.deadLetterMaxBytes
        var start = outbox.bytes.count
        headers(lane, false, &outbox.bytes)
        let original = outbox.bytes.count - start
        append(outcome, record, lane: lane, kit: &kit, context: context, to: &outbox.bytes)
        let own = outbox.bytes.count - start - original
        var hasKey = record.key != nil
        var hasValue = true
        if record.keyCount + record.valueCount + original + own > limit {
            hasValue = outcome == .late
            if original > 0, record.keyCount + (hasValue ? record.valueCount : 0) + original + own > limit {
                start = outbox.bytes.count
                append(outcome, record, lane: lane, kit: &kit, context: context, to: &outbox.bytes)
            }
            if !hasValue, record.keyCount + own > limit { hasKey = false }
            HeaderBlock.append(outcome == .late ? "tripline.late.truncated" : "tripline.error.truncated", utf8: "true", to: &outbox.bytes)
        }
        let block = start..<outbox.bytes.count
        let key = hasKey ? outbox.append { $0.append(record.keySlice) } : nil
        let value = hasValue ? outbox.append { $0.append(record.valueSlice) } : nil
        outbox.append(outcome, partition, key: key, value: value, headers: block, record)
    }

    private func append(
        _ outcome: Outcome, _ record: RawRecord, lane: Int, kit: inout FoldKit, context: borrowing OutputContext, to block: inout ByteWriter
    ) {
        if outcome == .late {
            appendLateHeaders(record, lane: lane, kit: kit, to: &block)
        } else {
            appendErrorHeaders(record, lane: lane, kit: &kit, context: context, to: &block)
        }
        appendTimestamp(record, to: &block)
    }

    private func appendLateHeaders(_ record: RawRecord, lane: Int, kit: borrowing FoldKit, to block: inout ByteWriter) {
        let window = kit.lanes[lane].window
        let end = state.windows.end(of: window)
        let closedAt = end + state.windows.grace
        HeaderBlock.append("tripline.late.window_start", timestamp: state.windows.start(of: window), to: &block)
        HeaderBlock.append("tripline.late.window_end", timestamp: end, to: &block)
        HeaderBlock.append("tripline.late.closed_at", timestamp: closedAt, to: &block)
        HeaderBlock.append("tripline.late.lateness_ms", utf8: String(state.streamTime - closedAt), to: &block)
    }

    private func appendErrorHeaders(
        _ record: RawRecord, lane: Int, kit: inout FoldKit, context: borrowing OutputContext, to block: inout ByteWriter
    ) {
        kit.text.removeAll()
        appendProblem(record, lane: lane, kit: &kit)
        let reason = kit.lanes[lane].reason
        HeaderBlock.append("__streams.errors.exception", utf8: "io.tripline.InvalidPayment", to: &block)
        HeaderBlock.append("__streams.errors.message", ByteSlice(start: kit.text.bytes, count: kit.text.count), to: &block)
        context.inputTopic.withUnsafeBytes { HeaderBlock.append("__streams.errors.topic", ByteSlice($0), to: &block) }
        HeaderBlock.append("__streams.errors.partition", utf8: String(partition), to: &block)
        HeaderBlock.append("__streams.errors.offset", utf8: String(record.offset), to: &block)
        HeaderBlock.append(
            "tripline.error.reason", ByteSlice(start: reason.name.utf8Start, count: reason.name.utf8CodeUnitCount), to: &block)
    }

    /// The decoder's sentence on what is wrong: it remembers only its last record, so this one is decoded once more.
    private func appendProblem(_ record: RawRecord, lane: Int, kit: inout FoldKit) {
        let saved = kit.batch.payments[lane]
        switch kit.decoder.decode(record, lane: lane, into: kit.batch) {
        case .invalid: kit.decoder.appendProblem(to: &kit.text)
        case .payment, .ignored: preconditionFailure("decoding is a function of the record")
        }
        kit.batch.payments[lane] = saved
    }

    private func appendTimestamp(_ record: RawRecord, to block: inout ByteWriter) {
        if record.timestamp != RawRecord.absentTimestamp {
            HeaderBlock.append("tripline.timestamp", utf8: String(record.timestamp), to: &block)
        }
    }
}

extension Outbox {
    mutating func append(_ outcome: Outcome, _ partition: Int32, key: Range<Int>?, value: Range<Int>?, headers: Range<Int>, _ record: RawRecord) {
        entries.append(
            Entry(
                kind: outcome == .late ? .late : .deadLetter, partition: partition, key: key, value: value, headers: headers,
                receivedAt: record.timestamp))
    }
}

extension HeaderBlock {
    static func append(_ name: StaticString, timestamp: Int64, to block: inout ByteWriter) {
        var text = ByteWriter(capacity: 64)
        text.append(timestamp: timestamp)
        append(name, text.array(), to: &block)
    }
}

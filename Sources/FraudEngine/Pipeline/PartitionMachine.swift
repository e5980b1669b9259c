/// One partition: what happens to one payment.
///
/// A record is classified (ignored, invalid, late, duplicate, folded); a folded payment moves stream time and its account's window, then the
/// rules judge it with that window. Pure: time enters with the records, outputs go to the outbox. One owner, one thread.
package struct PartitionMachine: ~Copyable {
    package let partition: Int32
    package internal(set) var state: PartitionState
    /// The next record to process: last record read + 1.
    package internal(set) var next: Int64
    package internal(set) var anchor: Anchor?
    /// The rule sets this partition was judged by, oldest first: never empty once it is live.
    package internal(set) var history: [RuleActivation]
    /// By rule of the set in force: its number in the state.
    private var ruleNumbers: [UInt32] = []
    /// By number in the state: the index of the rule if the set in force has it as active, else -1.
    private var activeRules: [Int] = []

    package init(partition: Int32, state: consuming PartitionState, next: Int64, anchor: Anchor?, history: [RuleActivation]) {
        self.partition = partition
        self.state = state
        self.next = next
        self.anchor = anchor
        self.history = history
    }

    /// Which of the kit's rules are meant by numbers in the state; call it after every change of the kit that folds.
    package mutating func use(_ kit: borrowing FoldKit) {
        ruleNumbers = kit.ruleIDs.map { state.ruleNames.number(of: $0) }
        activeRules = [Int](repeating: -1, count: state.ruleNames.ids.count)
        for (index, number) in ruleNumbers.enumerated() where kit.ruleSet.rules[index].status == .active { activeRules[Int(number)] = index }
    }

    /// Notes a switch of rules; it holds from its offset on.
    mutating func append(_ activation: RuleActivation) { history.append(activation) }

    /// Ends a replay on an empty state: stream time and totals are those committed at Y.
    mutating func adopt(streamTime: Int64, totals: Totals) {
        state.advance(to: streamTime)
        state.totals = totals
    }

    /// A read-only view of the state for another thread, at most one at a time; `snapshotEnded` ends it.
    package mutating func snapshot() -> PartitionSnapshot { state.snapshot() }

    package mutating func snapshotEnded() { state.snapshotEnded() }

    func activeRule(_ number: UInt32) -> Int { Int(number) < activeRules.count ? activeRules[Int(number)] : -1 }

    // MARK: Folding

    /// Processes a run of at most 64 records of this partition, in order.
    ///
    /// - Parameter emits: false while replaying: the state moves, outputs and counters do not.
    package mutating func fold(
        _ records: UnsafeBufferPointer<RawRecord>, kit: inout FoldKit, outbox: inout Outbox, context: borrowing OutputContext, emits: Bool,
        headers: HeaderSource
    ) {
        guard let last = records.last else { return }
        precondition(records.count <= PaymentBatch.capacity)
        decode(records, kit: &kit)
        prefetch(count: records.count, kit: kit)
        kit.columns.count = 0
        kit.columns.windowSumOverflow = 0
        for lane in 0..<records.count {
            if closesWindow(records[lane], lane: lane, kit: kit) {
                // Marks go with their window: what was folded before it closes is judged before it closes, wherever runs are cut.
                judge(records, kit: &kit, outbox: &outbox, context: context, emits: emits, headers: headers)
            }
            let outcome = classify(records[lane], lane: lane, kit: &kit)
            count(outcome, lane: lane, kit: &kit, emits: emits)
            guard emits, outcome != .folded, outcome != .duplicate, outcome != .ignored else { continue }
            emit(outcome, records[lane], lane: lane, kit: &kit, outbox: &outbox, context: context, headers: headers)
        }
        next = last.offset + 1
        anchor = Anchor(offset: last.offset, hash: Anchor.hash(last))
        if kit.columns.count > 0 { judge(records, kit: &kit, outbox: &outbox, context: context, emits: emits, headers: headers) }
        state.sweep(budget: records.count * 2)
    }

    private func decode(_ records: UnsafeBufferPointer<RawRecord>, kit: inout FoldKit) {
        kit.decoder.beginRun()
        for index in 0..<records.count {
            let lane = kit.lanes + index
            switch kit.decoder.decode(records[index], lane: index, into: kit.batch) {
            case .payment:
                let payment = kit.batch.payments + index
                lane.pointee.kind = .payment
                lane.pointee.hasAmount = true
                lane.pointee.amount = payment.pointee.amount
                lane.pointee.placement = state.accounts.placement(payment.pointee.account)
                lane.pointee.window = state.windows.number(of: payment.pointee.occurredAt)
                let account = Hashing.hash(payment.pointee.account)
                let fingerprint = Hashing.mix(account ^ Hashing.k1, Hashing.hash(payment.pointee.paymentID) ^ Hashing.k0)
                lane.pointee.fingerprint = fingerprint == 0 ? 1 : fingerprint
            case .ignored:
                lane.pointee.kind = .ignored
                lane.pointee.hasAmount = false
            case .invalid(let reason):
                lane.pointee.kind = .invalid
                lane.pointee.reason = reason
                let amount = kit.decoder.readableAmount
                lane.pointee.hasAmount = amount != nil
                lane.pointee.amount = amount ?? 0
            }
        }
    }

    private mutating func prefetch(count: Int, kit: borrowing FoldKit) {
        for lane in 0..<count where kit.lanes[lane].kind == .payment { state.accounts.prefetchIndex(kit.lanes[lane].placement) }
        for lane in 0..<count where kit.lanes[lane].kind == .payment {
            state.accounts.prefetchRecord(kit.lanes[lane].placement)
            state.buckets.prefetch(kit.lanes[lane].fingerprint, in: kit.lanes[lane].window)
        }
    }

    /// Folding this record would close a window while rows wait to be judged.
    @inline(__always)
    private func closesWindow(_ record: RawRecord, lane: Int, kit: borrowing FoldKit) -> Bool {
        guard kit.lanes[lane].kind == .payment, kit.columns.count > 0 else { return false }
        let time = min(kit.batch.payments[lane].occurredAt, record.timestamp)
        return time > state.streamTime && state.windows.closedThrough(streamTime: time) > state.closedThrough
    }

    @inline(__always)
    private mutating func classify(_ record: RawRecord, lane index: Int, kit: inout FoldKit) -> Outcome {
        let lane = kit.lanes[index]
        switch lane.kind {
        case .ignored: return .ignored
        case .invalid: return .invalid
        case .payment: break
        }
        if lane.window <= state.closedThrough { return .late }
        if !state.buckets.insert(lane.fingerprint, into: lane.window) { return .duplicate }
        let payment = kit.batch.payments + index
        state.advance(to: min(payment.pointee.occurredAt, record.timestamp))
        var account = state.accounts.find(payment.pointee.account, placement: lane.placement)
        if account == 0 { account = state.accounts.insert(payment.pointee.account, placement: lane.placement) }
        let folded = state.accounts.fold(
            account, window: lane.window, currency: payment.pointee.currency.code, amount: payment.pointee.amount, closedThrough: state.closedThrough)
        state.buckets.add(folded.digestChange, to: lane.window)
        let row = kit.columns.count
        kit.columns.lane[row] = index
        kit.columns.account[row] = account
        kit.columns.windowCount[row] = folded.count
        kit.columns.windowSum[row] = folded.sum
        if folded.isOverflowed { kit.columns.windowSumOverflow |= 1 << UInt64(row) }
        kit.columns.streamTime[row] = state.streamTime
        kit.columns.count = row + 1
        return .folded
    }

    @inline(__always)
    private mutating func count(_ outcome: Outcome, lane: Int, kit: inout FoldKit, emits: Bool) {
        state.totals.add(outcome, amount: kit.lanes[lane].hasAmount ? kit.lanes[lane].amount : nil)
        guard emits else { return }
        kit.counters.outcomes[Int(outcome.rawValue)] &+= 1
        if outcome == .invalid { kit.counters.reasons[Int(kit.lanes[lane].reason.rawValue)] &+= 1 }
    }

    // MARK: Judging

    /// Judges the rows folded so far and forgets them.
    @inline(never)
    private mutating func judge(
        _ records: UnsafeBufferPointer<RawRecord>, kit: inout FoldKit, outbox: inout Outbox, context: borrowing OutputContext, emits: Bool,
        headers: HeaderSource
    ) {
        kit.evaluator.evaluate(kit.columns, kit.batch)
        var anyHit: UInt64 = 0
        for rule in 0..<kit.rules.count {
            let matches = kit.evaluator.matches(rule)
            anyHit |= matches
            guard emits else { continue }
            if matches != 0 { kit.counters.matches[rule] &+= UInt64(matches.nonzeroBitCount) }
            let errors = kit.evaluator.errors(rule)
            if errors != 0 { kit.counters.errors[rule] &+= UInt64(errors.nonzeroBitCount) }
        }
        while anyHit != 0 {
            let row = anyHit.trailingZeroBitCount
            anyHit &= anyHit - 1
            judge(row: row, records, kit: &kit, outbox: &outbox, context: context, emits: emits, headers: headers)
        }
        kit.columns.count = 0
        kit.columns.windowSumOverflow = 0
    }

    /// The hits of one payment, in order of rule id.
    private mutating func judge(
        row: Int, _ records: UnsafeBufferPointer<RawRecord>, kit: inout FoldKit, outbox: inout Outbox, context: borrowing OutputContext, emits: Bool,
        headers: HeaderSource
    ) {
        let lane = kit.columns.lane[row]
        let bit: UInt64 = 1 << UInt64(row)
        var verdict = Verdict()
        for rule in 0..<kit.rules.count where kit.evaluator.matches(rule) & bit != 0 && kit.rules[rule].status == .active {
            verdict.add(score: Int(kit.rules[rule].score), action: kit.rules[rule].action)
        }
        var isChanged = false
        for rule in 0..<kit.rules.count where kit.evaluator.matches(rule) & bit != 0 {
            let mark = self.mark(rule, row: row, kit: kit)
            isChanged = isChanged || mark.changesScore
            guard emits, kit.rules[rule].action != .allow else { continue }
            guard mark.isNew else {
                kit.counters.suppressed[rule] &+= 1
                continue
            }
            kit.counters.alerts[rule] &+= 1
            let alert = AlertOccasion(rule: rule, row: row, verdict: verdict, periodStart: mark.periodStart)
            emit(alert, records[lane], lane: lane, kit: &kit, outbox: &outbox, context: context, headers: headers)
        }
        guard emits, isChanged else { return }
        outbox.scores.append(
            score(
                of: kit.columns.account[row], at: kit.columns.streamTime[row], offset: records[lane].offset,
                eventTime: kit.batch.payments[lane].occurredAt, receivedAt: records[lane].timestamp, kit: kit))
    }

    private struct Mark {
        /// The rule alerts: it had not hit in this period, or alerts on every payment.
        var isNew: Bool
        var changesScore: Bool
        var periodStart: Int64
    }

    /// Enters the hit into the account's marks.
    private mutating func mark(_ index: Int, row: Int, kit: borrowing FoldKit) -> Mark {
        let rule = kit.rules[index]
        let record = kit.columns.account[row]
        let streamTime = kit.columns.streamTime[row]
        let period = rule.period(of: kit.batch.payments[kit.columns.lane[row]].occurredAt)
        let wanted = HitEntry(
            next: 0, rule: ruleNumbers[index], periodStart: period.start, periodEnd: period.end, hits: 1, score: rule.score,
            action: rule.action.rawValue, isShadow: rule.status == .shadow ? 1 : 0, isPerPayment: rule.isPerPayment ? 1 : 0, reserved: 0)
        let contributes = rule.status == .active && period.end > streamTime
        var number = state.accounts.firstHit(of: record)
        while number != 0 {
            let entry = state.accounts.hit(number)
            if entry.isSameMark(as: wanted) {
                var new = wanted
                new.next = entry.next
                new.hits = entry.hits &+ 1
                state.update(hit: number, of: record, from: entry, to: new)
                let changes = contributes && (entry.score != new.score || entry.action != new.action)
                return Mark(isNew: rule.isPerPayment, changesScore: changes, periodStart: period.start)
            }
            number = entry.next
        }
        removeDeadHits(of: record)
        state.addHit(wanted, to: record)
        return Mark(isNew: true, changesScore: contributes, periodStart: period.start)
    }

    private mutating func removeDeadHits(of record: UInt32) {
        guard state.accounts.firstHit(of: record) != 0 else { return }
        let windows = state.windows
        let closedThrough = state.closedThrough
        state.accounts.removeHits(of: record) { windows.number(of: $0.periodEnd - 1) <= closedThrough }
    }
}

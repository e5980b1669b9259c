/// What a partition remembers.
struct PlainState {
    /// An account in one base window.
    private struct Cell {
        var count: Int64 = 0
        /// By currency, minor units; nil: beyond 64 bits since.
        var sums: [Bytes: Int64?] = [:]
        var ids: Set<Bytes> = []

        /// false: the payment was there already.
        mutating func add(_ payment: PlainPayment) -> Bool {
            guard ids.insert(payment.paymentID).inserted else { return false }
            count += 1
            if let sum = sums[payment.currency, default: 0] {
                let (total, overflows) = sum.addingReportingOverflow(payment.amount)
                sums[payment.currency] = .some(overflows ? nil : total)
            }
            return true
        }
    }

    /// A rule's hits on an account in one period.
    struct Mark {
        var rule: Bytes
        var period: Range<Int64>
        var isShadow: Bool
        var isPerPayment: Bool
        var hits: Int64
        /// As the rule had them at its last hit.
        var score: Int
        var action: PlainAction
    }

    /// By start of the window, then by account.
    private var windows: [Int64: [Bytes: Cell]] = [:]
    /// By account.
    private(set) var marks: [Bytes: [Mark]] = [:]
    /// The highest times that payments with a certain window, and with another one, would move stream time to.
    private var certainTime: Int64?
    private var otherTime: Int64?

    // MARK: Windows

    /// Adds the payment to its window; false: it was there already.
    mutating func insert(_ payment: PlainPayment, _ window: Int64) -> Bool {
        windows[window, default: [:]][payment.account, default: Cell()].add(payment)
    }

    /// What the account's window holds with the payment; the sum is nil once it is beyond 64 bits.
    func seen(_ payment: PlainPayment, _ window: Int64) -> (count: Int64, sum: Int64?) {
        guard let cell = windows[window]?[payment.account], let sum = cell.sums[payment.currency] else { preconditionFailure("the payment was inserted") }
        return (cell.count, sum)
    }

    /// Forgets windows that end at or before the time, and marks that no payment can hit any more.
    mutating func close(until time: Int64, window: Int64) {
        let closed = windows.keys.filter { $0 + window <= time }
        if closed.isEmpty { return }
        for start in closed { windows[start] = nil }
        // A mark outlives every payment of its period: the last one's window must be closed.
        marks = marks.compactMapValues { marks in
            let live = marks.filter { PlainTime.start(of: $0.period.upperBound - 1, length: window) + window > time }
            return live.isEmpty ? nil : live
        }
    }

    // MARK: Marks

    /// Replaces the account's mark of the same rule, period and kind, or adds it; the one before.
    mutating func mark(_ account: Bytes, _ new: Mark) -> Mark? {
        var all = marks[account] ?? []
        let known = all.firstIndex {
            $0.rule == new.rule && $0.period == new.period && $0.isShadow == new.isShadow && $0.isPerPayment == new.isPerPayment
        }
        guard let known else {
            marks[account] = all + [new]
            return nil
        }
        let before = all[known]
        all[known] = new
        all[known].hits = before.hits + 1
        marks[account] = all
        return before
    }

    // MARK: Certainty

    mutating func noteTime(_ time: Int64, isCertain: Bool) {
        if isCertain { certainTime = max(certainTime ?? time, time) } else { otherTime = max(otherTime ?? time, time) }
    }

    /// Nothing that was not seen, and nothing that another fold might have left out, has moved stream time as far as what is certain.
    func isStreamTimeCertain(_ horizon: PlainHorizon?) -> Bool {
        guard let horizon else { return true }
        guard let certainTime else { return false }
        return certainTime >= horizon.timestamp && certainTime >= otherTime ?? Int64.min
    }
}

/// What the rules see of up to 64 folded payments of one partition, in columns: the values as each payment saw them.
///
/// Filled by the fold, read by `RuleEvaluator`. Columns are indexed by row, 0 ..< `count`, in the order of the fold.
package struct FoldedColumns: ~Copyable {
    package var count = 0
    /// The payment's lane in the `PaymentBatch`.
    package let lane: UnsafeMutablePointer<Int>
    /// Payments of the account in the base window, all currencies, this one included.
    package let windowCount: UnsafeMutablePointer<Int64>
    /// Sum of the account's payments in the base window in this payment's currency, minor units, this one included.
    package let windowSum: UnsafeMutablePointer<Int64>
    /// Bit r: the sum of row r overflows Int64, so that reading it is an error.
    package var windowSumOverflow: UInt64 = 0
    /// Stream time after this payment, milliseconds.
    package let streamTime: UnsafeMutablePointer<Int64>
    /// The account's record in the partition's table.
    package let account: UnsafeMutablePointer<UInt32>

    package init() {
        lane = .allocate(capacity: PaymentBatch.capacity)
        windowCount = .allocate(capacity: PaymentBatch.capacity)
        windowSum = .allocate(capacity: PaymentBatch.capacity)
        streamTime = .allocate(capacity: PaymentBatch.capacity)
        account = .allocate(capacity: PaymentBatch.capacity)
        lane.initialize(repeating: 0, count: PaymentBatch.capacity)
        windowCount.initialize(repeating: 0, count: PaymentBatch.capacity)
        windowSum.initialize(repeating: 0, count: PaymentBatch.capacity)
        streamTime.initialize(repeating: 0, count: PaymentBatch.capacity)
        account.initialize(repeating: 0, count: PaymentBatch.capacity)
    }

    deinit {
        lane.deallocate()
        windowCount.deallocate()
        windowSum.deallocate()
        streamTime.deallocate()
        account.deallocate()
    }
}

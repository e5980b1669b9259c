/// A decoded payment. Slices point into the record or the batch's scratch: valid until the run is finished.
package struct Payment {
    package var account: ByteSlice = .empty
    package var paymentID: ByteSlice = .empty
    /// Minor units of `currency`, never negative.
    package var amount: Int64 = 0
    package var currency = Currency.none
    /// Event time, milliseconds since the epoch.
    package var occurredAt: Int64 = 0

    package init() {}
}

/// Up to 64 decoded payments and their attributes in columns; one per worker, allocated once.
package struct PaymentBatch: ~Copyable {
    package static let capacity = 64
    /// By lane.
    package let payments: UnsafeMutablePointer<Payment>
    /// By `attribute * 64 + lane`: the bits of an Int64 (int; timestamp in ms since the epoch), a Double, or 0 and 1 (bool).
    package let numbers: UnsafeMutablePointer<UInt64>
    /// By `attribute * 64 + lane`, for string attributes.
    package let strings: UnsafeMutablePointer<ByteSlice>
    /// By attribute: bit l is set if lane l has a value.
    package let present: UnsafeMutablePointer<UInt64>
    package let attributeCount: Int

    package init(attributeCount: Int) {
        precondition(attributeCount <= 64)
        self.attributeCount = attributeCount
        payments = .allocate(capacity: Self.capacity)
        payments.initialize(repeating: Payment(), count: Self.capacity)
        numbers = .allocate(capacity: max(1, attributeCount * Self.capacity))
        numbers.initialize(repeating: 0, count: max(1, attributeCount * Self.capacity))
        strings = .allocate(capacity: max(1, attributeCount * Self.capacity))
        strings.initialize(repeating: .empty, count: max(1, attributeCount * Self.capacity))
        present = .allocate(capacity: max(1, attributeCount))
        present.initialize(repeating: 0, count: max(1, attributeCount))
    }

    deinit {
        payments.deallocate()
        numbers.deallocate()
        strings.deallocate()
        present.deallocate()
    }
}

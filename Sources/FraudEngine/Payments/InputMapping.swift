/// How a record's JSON names and writes the five members every payment has (`input.fields.*`, `input.amount`, `input.time`).
package struct InputMapping: Sendable, Equatable {
    package enum AmountStyle: String, Sendable, CaseIterable {
        /// An integer of minor units, as a JSON number: `12500`.
        case minor
        /// Major units, as a JSON string or a JSON number whose text is read: `"125.00"`, `125.00`.
        case decimal
    }

    package enum TimeStyle: String, Sendable, CaseIterable {
        case rfc3339
        case epochSeconds = "epoch_s"
        case epochMilliseconds = "epoch_ms"
        case epochMicroseconds = "epoch_us"
        case epochNanoseconds = "epoch_ns"
    }

    package enum KeyStyle: String, Sendable, CaseIterable {
        /// The key's bytes are the account.
        case string
        /// The key is a JSON string, as Connect's JsonConverter writes it: `"acc-42"` with its quotes.
        case json
    }

    package var paymentID = "payment_id"
    package var accountID = "account_id"
    package var amount = "amount"
    package var currency = "currency"
    package var occurredAt = "occurred_at"
    package var amountStyle = AmountStyle.minor
    package var timeStyle = TimeStyle.rfc3339
    package var keyStyle = KeyStyle.string
    /// Records whose key and value are longer are invalid (`oversize`), bytes.
    package var maxBytes = 262_144
    /// `occurred_at` may be this much later than the record's Kafka timestamp, milliseconds.
    package var maxAheadMilliseconds: Int64 = 5_000

    package init() {}
}

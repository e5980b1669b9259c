/// How the topic's JSON names and writes what every payment has.
package struct PlainMapping: Sendable {
    /// The member's names.
    package var paymentID = "payment_id"
    package var accountID = "account_id"
    package var amount = "amount"
    package var currency = "currency"
    package var occurredAt = "occurred_at"
    /// Amounts are decimal numbers of major units, as strings or numbers; else whole numbers of minor units.
    package var isAmountDecimal = false
    package var time = Time.rfc3339
    /// The record's key is a JSON string; else the account's bytes.
    package var isKeyJSON = false
    /// Of key and value, bytes.
    package var maxBytes = 262_144
    /// Milliseconds.
    package var maxAhead: Int64 = 5_000

    package enum Time: Sendable { case rfc3339, seconds, milliseconds, microseconds, nanoseconds }

    package init() {}
}

/// Why a record is invalid; of several reasons the first in this order is named.
package enum PlainReason: Int, Sendable {
    case oversize, malformed, missingField, wrongType, unknownCurrency, tooManyDigits, negativeAmount, keyMissing, keyMismatch, noTimestamp, fromFuture

    /// As dead letters carry it.
    package var name: String {
        [
            "oversize", "malformed", "missing_field", "wrong_type", "unknown_currency", "too_many_digits", "negative_amount", "key_missing",
            "key_mismatch", "no_timestamp", "from_future",
        ][rawValue]
    }
}

/// A reason with its sentence.
struct PlainProblem {
    var reason: PlainReason
    var text: String
}

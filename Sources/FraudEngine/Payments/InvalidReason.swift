/// Why a record is invalid: a closed list; where several apply, the first in this order is named.
package enum InvalidReason: UInt8, CaseIterable, Sendable {
    case oversize, malformed, missingField, wrongType, unknownCurrency, tooManyDigits, negativeAmount
    case keyMissing, keyMismatch, noTimestamp, fromFuture

    /// The stable name in headers and metrics.
    package var name: StaticString {
        switch self {
        case .oversize: "oversize"
        case .malformed: "malformed"
        case .missingField: "missing_field"
        case .wrongType: "wrong_type"
        case .unknownCurrency: "unknown_currency"
        case .tooManyDigits: "too_many_digits"
        case .negativeAmount: "negative_amount"
        case .keyMissing: "key_missing"
        case .keyMismatch: "key_mismatch"
        case .noTimestamp: "no_timestamp"
        case .fromFuture: "from_future"
        }
    }
}

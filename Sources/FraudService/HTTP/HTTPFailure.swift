package import HTTPServer

/// What can go wrong behind a route. The one place where an error becomes an HTTP status.
package enum HTTPFailure: Error, Equatable, Sendable {
    /// An account id in the path that is not 1...256 bytes of valid UTF-8.
    case malformedAccountID
    /// A body that is not the JSON of a batch: what is wrong, and the bytes before it.
    case malformedBatch(what: String, offset: Int)
    /// More ids than a batch may have.
    case tooManyAccounts(Int, limit: Int)
    /// Ids of a batch that are not 1...256 bytes: which ones, and their lengths.
    case malformedAccountIDs([BatchedID])
    /// A `limit` that is not a number in this range.
    case malformedLimit(ClosedRange<Int>)
    /// The store of the scores does not answer; worth another try after that many seconds.
    case scoresUnavailable(retryAfterSeconds: Int)
    /// No `redis.url` is configured: this service keeps no scores.
    case scoresNotConfigured
    /// The service cannot do its work; the names of the checks that fail.
    case notReady(failing: [String])
    /// The rule files are not valid; the old rules stay in force.
    case rulesRefused(messages: [String])

    /// An id of a batch.
    package struct BatchedID: Equatable, Sendable {
        let index: Int
        let bytes: Int
    }

    package var problem: Problem {
        switch self {
        case .malformedAccountID:
            Problem(.badRequest, "an account id is 1 to 256 bytes of valid UTF-8, percent-encoded")
        case .malformedBatch(let what, let offset):
            Problem(.badRequest, "the body is not {\"account_ids\":[\"…\",…]}: \(what), at byte \(offset)")
        case .tooManyAccounts(let count, let limit):
            Problem(.badRequest, "a batch has at most \(limit) account ids, this one has \(count)")
        case .malformedAccountIDs(let ids):
            Problem(
                .badRequest, "an account id is 1 to 256 bytes of UTF-8",
                errors: ids.map { "account_ids[\($0.index)]: \($0.bytes == 0 ? "empty" : "\($0.bytes) bytes")" })
        case .malformedLimit(let range):
            Problem(.badRequest, "limit is a whole number from \(range.lowerBound) to \(range.upperBound)")
        case .scoresUnavailable(let seconds):
            Problem(
                .serviceUnavailable, "the store of the scores does not answer",
                headers: [HTTPHeader("Retry-After", String(max(1, seconds)))])
        case .scoresNotConfigured:
            Problem(.notImplemented, "scores are not kept here: redis.url is not configured")
        case .notReady(let failing):
            Problem(.serviceUnavailable, "the service is not ready", errors: failing)
        case .rulesRefused(let messages):
            Problem(.unprocessableContent, "the rules are not valid; the ones in force stay", errors: messages)
        }
    }
}

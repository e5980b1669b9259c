package import HTTPServer

/// What can go wrong behind a route. The one place where an error becomes an HTTP status.
package enum HTTPFailure: Error, Equatable, Sendable {
    /// An account id in the path that is not 1...256 bytes of valid UTF-8.
    case malformedAccountID
    /// The store of the scores does not answer; worth another try after that many seconds.
    case scoresUnavailable(retryAfterSeconds: Int)
    /// No `redis.url` is configured: this service keeps no scores.
    case scoresNotConfigured
    /// The service cannot do its work; the names of the checks that fail.
    case notReady(failing: [String])
    /// The rule files are not valid; the old rules stay in force.
    case rulesRefused(messages: [String])

    package var problem: Problem {
        switch self {
        case .malformedAccountID:
            Problem(.badRequest, "an account id is 1 to 256 bytes of valid UTF-8, percent-encoded")
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

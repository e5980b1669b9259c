package import HTTPServer

/// The answer to a question for an account's risk.
package enum RiskAnswer: Sendable, Equatable {
    /// The JSON document to send; also for an account that has no score.
    case found(json: [UInt8])
    /// The store does not answer within the time budget.
    case unavailable(retryAfterSeconds: Int)
    /// No store is configured.
    case notConfigured
}

/// Looks up one account by the bytes of its id (1...256 bytes of valid UTF-8). Called on the server's pool threads, several at
/// once; returns within the store's time budget.
package typealias RiskLookup = @Sendable ([UInt8]) -> RiskAnswer

/// The routes of the data port (`http.listen`).
package enum DataRoutes {
    package static let accountIDBytes = 1...256

    package static func routes(risk: @escaping RiskLookup) -> [HTTPRoute] {
        [
            HTTPRoute("GET", "/v1/accounts/{account_id}/risk") { request throws(Problem) in
                let account = try accountID(request.parameter("account_id"))
                switch risk(account) {
                case .found(let json): return .json(json)
                case .unavailable(let seconds): throw HTTPFailure.scoresUnavailable(retryAfterSeconds: seconds).problem
                case .notConfigured: throw HTTPFailure.scoresNotConfigured.problem
                }
            }
        ]
    }

    private static func accountID(_ bytes: [UInt8]) throws(Problem) -> [UInt8] {
        guard accountIDBytes.contains(bytes.count), String(validating: bytes, as: UTF8.self) != nil else {
            throw HTTPFailure.malformedAccountID.problem
        }
        return bytes
    }
}

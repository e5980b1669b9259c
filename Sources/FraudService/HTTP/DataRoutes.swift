import FraudEngine
package import HTTPServer

/// The answer to a question for scores.
package enum ScoreAnswer: Sendable, Equatable {
    /// The JSON document to send; also for an account that has no score.
    case found(json: [UInt8])
    /// The store does not answer within the time budget.
    case unavailable(retryAfterSeconds: Int)
    /// No store is configured.
    case notConfigured
}

/// Where the scores come from. Account ids are 1 to 256 bytes of valid UTF-8. Every closure is called on the server's pool threads, several at
/// once, and returns within the store's time budget.
package struct ScoreSources: Sendable {
    package let risk: @Sendable ([UInt8]) -> ScoreAnswer
    /// At most `DataRoutes.batchLimit`, answered in their order.
    package let risks: @Sendable ([[UInt8]]) -> ScoreAnswer
    /// At most that many accounts.
    package let leaderboard: @Sendable (Int) -> ScoreAnswer

    package init(
        risk: @escaping @Sendable ([UInt8]) -> ScoreAnswer, risks: @escaping @Sendable ([[UInt8]]) -> ScoreAnswer,
        leaderboard: @escaping @Sendable (Int) -> ScoreAnswer
    ) {
        self.risk = risk
        self.risks = risks
        self.leaderboard = leaderboard
    }
}

/// The routes of the data port (`http.listen`).
package enum DataRoutes {
    package static let accountIDBytes = 1...256
    package static let batchLimit = 100
    package static let leaderboardLimits = 1...100
    private static let leaderboardDefault = 20

    package static func routes(_ scores: ScoreSources) -> [HTTPRoute] {
        [
            HTTPRoute("GET", "/v1/accounts/{account_id}/risk") { request throws(Problem) in
                try response(scores.risk(try accountID(request.parameter("account_id"))))
            },
            HTTPRoute("POST", "/v1/risk:batch") { request throws(Problem) in try response(scores.risks(try accountIDs(request.body))) },
            HTTPRoute("GET", "/v1/leaderboard") { request throws(Problem) in try response(scores.leaderboard(try limit(request.query("limit")))) },
        ]
    }

    private static func response(_ answer: ScoreAnswer) throws(Problem) -> HTTPResponse {
        switch answer {
        case .found(let json): return .json(json)
        case .unavailable(let seconds): throw HTTPFailure.scoresUnavailable(retryAfterSeconds: seconds).problem
        case .notConfigured: throw HTTPFailure.scoresNotConfigured.problem
        }
    }

    private static func accountID(_ bytes: [UInt8]) throws(Problem) -> [UInt8] {
        guard accountIDBytes.contains(bytes.count), String(validating: bytes, as: UTF8.self) != nil else {
            throw HTTPFailure.malformedAccountID.problem
        }
        return bytes
    }

    /// Of `{"account_ids":["…","…"]}`.
    private static func accountIDs(_ body: [UInt8]) throws(Problem) -> [[UInt8]] {
        let accounts: [[UInt8]]
        switch JSONStringList.read(body, member: "account_ids") {
        case .failure(let problem): throw HTTPFailure.malformedBatch(what: problem.text, offset: problem.offset).problem
        case .success(let list): accounts = list
        }
        guard accounts.count <= batchLimit else { throw HTTPFailure.tooManyAccounts(accounts.count, limit: batchLimit).problem }
        let wrong = accounts.indices.filter { !accountIDBytes.contains(accounts[$0].count) }
        guard wrong.isEmpty else { throw HTTPFailure.malformedAccountIDs(wrong.map { HTTPFailure.BatchedID(index: $0, bytes: accounts[$0].count) }).problem }
        return accounts
    }

    private static func limit(_ value: [UInt8]?) throws(Problem) -> Int {
        guard let value else { return leaderboardDefault }
        guard value.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let limit = Int(String(decoding: value, as: UTF8.self)), leaderboardLimits.contains(limit) else {
            throw HTTPFailure.malformedLimit(leaderboardLimits).problem
        }
        return limit
    }
}

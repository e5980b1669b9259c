/// Kinds of event that a run must have met, or it proves little.
package enum CoverageKind: String, CaseIterable, Sendable {
    case processKilled, processStopped, processPaused, processReplaced, zombieWoke, processFenced
    case rebalance, sessionExpired, assignmentLost, assignmentRevoked, partitionParkedBack, batchDropped
    case transactionCommitted, transactionAborted, transactionForeign, unknownOutcomeCommitted, unknownOutcomeAborted
    case transactionTimedOut, producerReplaced, callTimedOut, lateRequestFenced, offsetsUnstable, offsetsRefused
    case requestLost, answerLost, recordRefused, unauthorized, coordinatorDown
    case upstreamCommitted, upstreamAborted
    case checkpointWritten, checkpointFailed, checkpointTorn, checkpointLost, checkpointForeign, checkpointNotUsed, checkpointPostponed
    case recoveredFromBirth, recoveredFromCheckpoint, recoveredFromLog, partitionRefused
    case rulesSwitched, switchInFlight
    case alert, late, deadLetter, shadowAlert, outcomeFolded, outcomeDuplicate, outcomeIgnored
    case redisDown, redisEmptied, scoreApplied, scoreStale, scoresAskedAgain, scoreWrittenAgain
}

/// How often each kind of event came about, and what was struck by which fault.
package struct Coverage: Sendable {
    package private(set) var counts = [Int](repeating: 0, count: CoverageKind.allCases.count)
    /// By place and fault: `before commit: killed`, `end: answer lost`.
    package private(set) var strikes: [String: Int] = [:]

    package init() {}

    package subscript(kind: CoverageKind) -> Int { counts[Self.index(kind)] }

    mutating func add(_ kind: CoverageKind, _ count: Int = 1) { counts[Self.index(kind)] += count }

    mutating func add(_ effect: ProcessEffect, before step: StepKind) { strikes[Self.name(effect.fate, step), default: 0] += 1 }

    mutating func add(_ effect: RequestEffect, on request: RequestKind) { strikes[Self.name(effect.fate, request), default: 0] += 1 }

    package mutating func add(_ other: Coverage) {
        for index in counts.indices { counts[index] += other.counts[index] }
        strikes.merge(other.strikes, uniquingKeysWith: +)
    }

    /// What never came about: kinds of events, and deaths and pauses before any step and on either side of any request, losses and delays.
    package var missing: [String] {
        CoverageKind.allCases.filter { self[$0] == 0 }.map(\.rawValue) + Self.demanded.filter { strikes[$0] == nil }
    }

    private static let demanded =
        StepKind.allCases.flatMap { step in ["killed", "paused"].map { name($0, step) } }
        + RequestKind.allCases.flatMap { request in
            ["request lost", "answer lost", "request late", "answer late", "process killed before it", "process killed after it"].map { name($0, request) }
        }

    private static func name(_ fate: String, _ step: StepKind) -> String { "before \(step.rawValue): \(fate)" }
    private static func name(_ fate: String, _ request: RequestKind) -> String { "\(request.rawValue) request: \(fate)" }

    private static let indices = Dictionary(uniqueKeysWithValues: CoverageKind.allCases.enumerated().map { ($1, $0) })
    private static func index(_ kind: CoverageKind) -> Int { indices[kind]! }
}

extension ProcessEffect {
    fileprivate var fate: String {
        switch self {
        case .kill: "killed"
        case .pause: "paused"
        case .replace: "replaced"
        case .stop: "stopped"
        }
    }
}

extension RequestEffect {
    fileprivate var fate: String {
        switch self {
        case .loseRequest: "request lost"
        case .loseAnswer: "answer lost"
        case .delayRequest: "request late"
        case .delayAnswer: "answer late"
        case .strand: "stranded"
        case .cutOff: "broker down after it"
        case .cutOffBefore: "broker down before it"
        case .refuse: "refused"
        case .before(let effect): "process \(effect.fate) before it"
        case .after(let effect): "process \(effect.fate) after it"
        }
    }
}

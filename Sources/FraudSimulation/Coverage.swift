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

/// How often each kind of event came about.
package struct Coverage: Sendable {
    package private(set) var counts = [Int](repeating: 0, count: CoverageKind.allCases.count)

    package init() {}

    package subscript(kind: CoverageKind) -> Int { counts[Self.index(kind)] }

    mutating func add(_ kind: CoverageKind, _ count: Int = 1) { counts[Self.index(kind)] += count }

    package mutating func add(_ other: Coverage) { for index in counts.indices { counts[index] += other.counts[index] } }

    /// Kinds that never came about.
    package var missing: [CoverageKind] { CoverageKind.allCases.filter { self[$0] == 0 } }

    private static let indices = Dictionary(uniqueKeysWithValues: CoverageKind.allCases.enumerated().map { ($1, $0) })
    private static func index(_ kind: CoverageKind) -> Int { indices[kind]! }
}

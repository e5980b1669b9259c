/// What a worker's thread does, as far as a fault may strike before it.
package enum StepKind: String, Sendable, CaseIterable {
    case read, fold, tick, begin, produce, sendOffsets, commit, abort, replaceProducer, readCommitted, ended, claim, load, writeScores, writeCheckpoint
    case revoked
}

/// What clients ask over the network.
package enum RequestKind: String, Sendable, CaseIterable {
    case join, sync, heartbeat, fetch, fetchOffsets, initProducer, addPartitions, produce, addOffsets, commitOffsets, end
}

/// What befalls a process.
package enum ProcessEffect: Sendable, Equatable {
    /// Killed at once; started again after that time, microseconds.
    case kill(restart: Int64)
    /// Stopped with all its threads, then woken.
    case pause(Int64)
    /// Stopped and taken for dead: another process gets its identity. Woken later.
    case replace(wakes: Int64)
    /// SIGTERM.
    case stop(restart: Int64)
}

/// What befalls a request or its answer.
package enum RequestEffect: Sendable, Equatable {
    case loseRequest
    case loseAnswer
    case delayRequest(Int64)
    case delayAnswer(Int64)
    /// It stays in the network; whoever waits for it gives up and asks again.
    case strand(Int64)
    /// It has its effect, and whoever could tell goes down before the answer.
    case cutOff(Int64)
    /// Whoever takes it goes down before that.
    case cutOffBefore(Int64)
    /// Refused by the broker for a reason that trying again does not heal.
    case refuse
    /// The process, when the request has arrived, before it has had an effect.
    case before(ProcessEffect)
    /// The process, when the request has had its effect, before the answer.
    case after(ProcessEffect)
}

/// What befalls the surroundings, at a time.
package enum WorldEffect: Sendable, Equatable {
    case process(host: Int, ProcessEffect)
    /// The coordinator of transactions does not answer.
    case transactionCoordinatorDown(Int64)
    case groupCoordinatorDown(Int64)
    /// Brokers do not answer.
    case brokerDown(Int64)
    /// Writing to the output topics is forbidden.
    case unauthorized(Int64)
    /// Markers of transactions are written late.
    case slowMarkers(Int64)
    case slowCheckpoints(Int64)
    case failingCheckpoints(Int64)
    /// The newest checkpoint of each partition has lost its end.
    case tearCheckpoints
    /// A bit of the newest checkpoint of each partition has turned.
    case flipCheckpoints
    case loseNewestCheckpoints
    case loseAllCheckpoints
    /// Checkpoints of another lineage, and of another partition under this one's name.
    case foreignCheckpoints
    case redisDown(Int64)
    case redisEmptied
    /// A new rule set is offered to every worker.
    case offerRules(Int)
}

extension WorldEffect {
    /// What was written is no longer there, or no longer whole.
    var harmsCheckpoints: Bool {
        switch self {
        case .tearCheckpoints, .flipCheckpoints, .loseNewestCheckpoints, .loseAllCheckpoints, .foreignCheckpoints: true
        case .process, .transactionCoordinatorDown, .groupCoordinatorDown, .brokerDown, .unauthorized, .slowMarkers, .slowCheckpoints, .failingCheckpoints,
            .redisDown, .redisEmptied, .offerRules:
            false
        }
    }
}

extension Fault {
    /// A broker refuses records because of what they are or where they go.
    var refusesRecords: Bool {
        switch self {
        case .timed(_, .unauthorized), .request(_, _, _, .refuse): true
        case .timed, .step, .request: false
        }
    }
}

package enum Fault: Sendable, Equatable, CustomStringConvertible {
    /// Microseconds.
    case timed(at: Int64, WorldEffect)
    /// Before the step of that number of its kind.
    case step(host: Int, StepKind, number: Int, ProcessEffect)
    case request(host: Int, RequestKind, number: Int, RequestEffect)

    package var description: String {
        switch self {
        case .timed(let at, let effect): "at \(at / 1_000) ms: \(effect)"
        case .step(let host, let kind, let number, let effect): "w\(host), \(kind.rawValue) \(number): \(effect)"
        case .request(let host, let kind, let number, let effect): "w\(host), request \(kind.rawValue) \(number): \(effect)"
        }
    }
}

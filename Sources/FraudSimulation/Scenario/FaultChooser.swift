/// Chooses the faults of a scenario: a few families at a time, so that each seed leans to another side.
struct FaultChooser {
    private enum Family: CaseIterable {
        case kills, pauses, relays, requests, strands, refusals, outages, checkpoints, redis, stops
    }

    var random: SimulationRandom
    let seed: UInt64
    let workers: Int
    let partitions: Int

    mutating func choose() -> [Fault] {
        var faults: [Fault] = []
        // One seed in sixteen is calm.
        guard !random.chance(6) else { return rules(atMost: 36) }
        var families = Family.allCases
        for _ in 0..<(1 + random.below(4)) {
            let family = families.remove(at: random.below(families.count))
            for _ in 0..<(1 + random.below(4)) { faults += faultsOf(family) }
        }
        faults += inTurn()
        // Without any checkpoint a history of more switches than metadata hold is refused, as it should be. With the newest one gone the others serve.
        let harm = faults.filter { if case .timed(_, let effect) = $0 { effect.harmsCheckpoints } else { false } }
        let losesAll = harm.contains { if case .timed(_, .loseAllCheckpoints) = $0 { true } else { false } }
        return faults + rules(atMost: losesAll || harm.count > 1 ? 5 : 36)
    }

    private mutating func at() -> Int64 { .milliseconds(random.among(200...60_000)) }
    private mutating func host() -> Int { random.below(workers) }
    private mutating func outage() -> Int64 { .milliseconds(random.chance(30) ? random.among(8_000...30_000) : random.among(50...6_000)) }

    private mutating func effect() -> ProcessEffect {
        switch random.below(8) {
        case 0, 1, 2: .kill(restart: .milliseconds(random.chance(25) ? random.among(10_000...20_000) : random.among(100...4_000)))
        case 3, 4, 5: .pause(.milliseconds(random.chance(50) ? random.among(10_000...30_000) : random.among(20...9_000)))
        case 6: .replace(wakes: .milliseconds(random.among(500...25_000)))
        default: .stop(restart: .milliseconds(random.among(50...14_000)))
        }
    }

    private mutating func faultsOf(_ family: Family) -> [Fault] {
        switch family {
        case .kills:
            let restart: Int64 = .milliseconds(random.chance(30) ? random.among(10_000...20_000) : random.among(100...4_000))
            return [step(.kill(restart: restart))]
        case .pauses: return [step(effect())]
        case .relays: return relay()
        case .requests: return [request()]
        case .strands:
            if random.chance(40) {
                let length: Int64 = .milliseconds(random.among(20_500...30_000))
                let effect: RequestEffect = random.chance(50) ? .cutOff(length) : .cutOffBefore(length)
                return [.request(host: host(), random.chance(80) ? .end : .commitOffsets, number: 1 + random.below(25), effect)]
            }
            return [.request(host: host(), .end, number: 1 + random.below(25), .strand(.milliseconds(random.among(5_010...9_000))))]
        case .refusals:
            if random.chance(40) { return [.timed(at: at(), .unauthorized(outage()))] }
            return [.request(host: host(), .produce, number: 1 + random.below(20), .refuse)]
        case .outages:
            let effects: [WorldEffect] = [
                .transactionCoordinatorDown(outage()), .groupCoordinatorDown(outage()), .brokerDown(outage()), .slowMarkers(outage()),
            ]
            return [.timed(at: at(), random.pick(effects))]
        case .checkpoints: return checkpoints()
        case .redis: return [.timed(at: at(), random.chance(50) ? .redisDown(outage()) : .redisEmptied)]
        case .stops: return [.timed(at: at(), .process(host: host(), .stop(restart: .milliseconds(random.among(50...14_000)))))]
        }
    }

    /// Before any step; of those that are rare one of the first.
    private mutating func step(_ effect: ProcessEffect) -> Fault {
        let kind = random.pick(StepKind.allCases)
        let count =
            switch kind {
            case .revoked, .claim, .load, .abort, .replaceProducer, .readCommitted: 4
            case .read, .fold, .tick, .begin, .produce, .sendOffsets, .commit, .ended, .writeScores, .writeCheckpoint: 30
            }
        return .step(host: host(), kind, number: 1 + random.below(count), effect)
    }

    /// Seed by seed another of the strikes that `Coverage` demands: a death or a pause before each step, and whatever can befall each request.
    private mutating func inTurn() -> [Fault] {
        let host = host()
        let death = ProcessEffect.kill(restart: .milliseconds(random.among(100...4_000)))
        let strikes = StepKind.allCases.count * 2
        let turn = Int(seed % UInt64(strikes + RequestKind.allCases.count * 6))
        if turn < strikes {
            return strike(StepKind.allCases[turn / 2], host, turn % 2 == 0 ? death : .pause(.milliseconds(random.among(20...15_000))))
        }
        let (kind, fate) = (turn - strikes).quotientAndRemainder(dividingBy: 6)
        let effects: [RequestEffect] = [.loseRequest, .loseAnswer, .delayRequest(outage()), .delayAnswer(outage()), .before(death), .after(death)]
        let request = RequestKind.allCases[kind]
        let number =
            switch request {
            case .join, .sync, .fetchOffsets, .initProducer: 1
            case .heartbeat, .fetch, .addPartitions, .produce, .addOffsets, .commitOffsets, .end: 1 + random.below(6)
            }
        return [.request(host: host, request, number: number, effects[fate])]
    }

    private mutating func strike(_ step: StepKind, _ host: Int, _ effect: ProcessEffect) -> [Fault] {
        switch step {
        // Nothing leads to these but trouble.
        case .abort: return [.request(host: host, .produce, number: 1 + random.below(4), .refuse), .step(host: host, step, number: 1, effect)]
        case .replaceProducer, .readCommitted:
            return [
                .request(host: host, .end, number: 1 + random.below(4), .strand(.milliseconds(random.among(5_010...9_000)))),
                .step(host: host, step, number: 1, effect),
            ]
        case .revoked, .claim, .load, .writeCheckpoint: return [.step(host: host, step, number: 1 + random.below(2), effect)]
        case .read, .fold, .tick, .begin, .produce, .sendOffsets, .commit, .ended, .writeScores:
            return [.step(host: host, step, number: 1 + random.below(8), effect)]
        }
    }

    /// One worker after the other is stopped beyond its session, so that each may wake and find another one's work, or nobody's.
    private mutating func relay() -> [Fault] {
        let start = 1 + random.below(15)
        let first = host()
        let kinds: [StepKind] = [.tick, .begin, .produce, .sendOffsets, .fold]
        var faults: [Fault] = [.step(host: first, random.pick(kinds), number: start, .pause(.milliseconds(random.among(14_000...40_000))))]
        let at: Int64 = .milliseconds(random.among(12_000...35_000))
        for other in 0..<workers where other != first {
            faults.append(.timed(at: at, .process(host: other, .pause(.milliseconds(random.among(12_000...40_000))))))
        }
        return faults
    }

    private mutating func request() -> Fault {
        let kind = random.pick(RequestKind.allCases)
        let effects: [RequestEffect] = [
            .loseRequest, .loseAnswer, .loseAnswer, .delayRequest(outage()), .delayAnswer(outage()), .before(effect()), .after(effect()), .after(effect()),
        ]
        return .request(host: host(), kind, number: 1 + random.below(kind == .heartbeat || kind == .fetch ? 40 : 20), random.pick(effects))
    }

    /// Harm done to checkpoints shows when somebody needs them.
    private mutating func checkpoints() -> [Fault] {
        let at = at()
        let effects: [WorldEffect] = [
            .tearCheckpoints, .flipCheckpoints, .loseNewestCheckpoints, .loseAllCheckpoints, .foreignCheckpoints, .slowCheckpoints(outage()),
            .failingCheckpoints(outage()),
        ]
        let harm: Fault = .timed(at: at, random.pick(effects))
        let kill: WorldEffect = .process(host: host(), .kill(restart: .milliseconds(random.among(100...3_000))))
        return [harm, .timed(at: at + .milliseconds(random.among(1...500)), kill)]
    }

    /// Switches of rules: none, a few, many, or so many in a row that the committed history has no room for them, with checkpoints
    /// that come late and a death in their midst.
    private mutating func rules(atMost limit: Int) -> [Fault] {
        let count = min(limit, random.pick([0, 1, 2, 3, 5, 36]))
        guard count == 36, random.chance(60) else { return (0..<count).map { _ in .timed(at: at(), .offerRules(random.below(SimulationRules.sets.count))) } }
        var moment = at()
        let (begin, death) = (moment, moment + .milliseconds(random.among(500...4_000)))
        let switches: [Fault] = (0..<count).map { _ in
            moment += .milliseconds(random.among(10...100))
            return .timed(at: moment, .offerRules(random.below(SimulationRules.sets.count)))
        }
        let obstacle: WorldEffect = random.chance(50) ? .slowCheckpoints(.seconds(4)) : .failingCheckpoints(.seconds(4))
        return [.timed(at: begin, obstacle)] + switches + [.timed(at: death, .process(host: host(), .kill(restart: .milliseconds(random.among(100...3_000)))))]
    }
}

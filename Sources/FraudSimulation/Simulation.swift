/// Runs scenarios, finds out what a failing one needs to fail, and tells it.
package enum Simulation {
    package struct Result: Sendable {
        package var scenario: Scenario
        package var coverage: Coverage
        /// What did not hold; nil: everything did.
        package var violation: String?
        /// What happened, one line each; empty unless it was asked for.
        package var history: [String]
    }

    package static func run(_ scenario: Scenario, tells: Bool = false) -> Result {
        let world = World(scenario, tells: tells)
        defer { world.dissolve() }
        world.run()
        return Result(scenario: scenario, coverage: world.coverage, violation: world.checks.violation, history: world.history ?? [])
    }

    /// Leaves out faults, then payments, in ever smaller pieces, as long as the run still fails.
    ///
    /// - Parameter isFailure: what the scenario is wanted for.
    package static func shrink(_ scenario: Scenario, runs: Int = 400, isFailure: (Result) -> Bool = { $0.violation != nil }) -> Scenario {
        var least = scenario
        var left = runs
        func fails(_ candidate: Scenario) -> Bool {
            left -= 1
            return left >= 0 && isFailure(run(candidate))
        }
        cut(\.faults, of: &least, fails)
        cut(\.arrivals, of: &least, fails)
        cut(\.faults, of: &least, fails)
        return least
    }

    private static func cut<Part>(_ parts: WritableKeyPath<Scenario, [Part]>, of least: inout Scenario, _ fails: (Scenario) -> Bool) {
        var size = max(1, least[keyPath: parts].count / 2)
        while !least[keyPath: parts].isEmpty {
            var start = 0
            while start < least[keyPath: parts].count {
                var candidate = least
                candidate[keyPath: parts].removeSubrange(start..<min(least[keyPath: parts].count, start + size))
                if fails(candidate) { least = candidate } else { start += size }
            }
            if size == 1 { break }
            size /= 2
        }
    }

    /// A failing seed for people: what is wrong, the least history that shows it, and how to see it again.
    package static func report(_ seed: UInt64) -> String {
        let first = run(Scenario(seed: seed))
        guard first.violation != nil else { return "seed \(seed) passes" }
        let least = run(shrink(first.scenario), tells: true)
        var lines = ["seed \(seed): \(first.violation ?? "")"]
        lines.append("least scenario: \(least.scenario.workers) workers, \(least.scenario.partitions) partitions, \(least.scenario.arrivals.count) arrivals")
        lines += least.scenario.faults.map { "  fault: \($0)" }
        lines += least.scenario.arrivals.prefix(20).map { "  arrival: \($0)" }
        lines.append("its history, which ends with: \(least.violation ?? "nothing wrong")")
        lines += least.history.suffix(400).map { "  \($0)" }
        lines.append("again: make simulate SEED=\(seed)")
        return lines.joined(separator: "\n")
    }
}

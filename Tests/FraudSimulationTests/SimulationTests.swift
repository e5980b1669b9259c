import FraudSimulation
import Glibc
import Testing

/// Its rule sets live as long as the process, in values that the leak check of the address sanitizer cannot look into.
@Suite(.enabled("rule sets that stay look like leaks to the address sanitizer") { dlsym(nil, "__asan_init") == nil }) struct SimulationTests {
    /// Seeds of every run of the tests; `make simulate SEEDS=10000` runs more.
    private static let seeds: Range<UInt64> = 1..<501

    /// Whatever dies, stops, wakes late, is lost or comes twice: each output once and with the right bytes, states and totals right, scores in the end equal.
    @Test func `500 seeds hold, and meet every kind of event`() async {
        let size: UInt64 = 25
        let parts = stride(from: Self.seeds.lowerBound, to: Self.seeds.upperBound, by: Int(size)).map { $0..<min($0 + size, Self.seeds.upperBound) }
        var coverage = Coverage()
        var failed: [UInt64] = []
        await withTaskGroup(of: (Coverage, [UInt64]).self) { group in
            for part in parts { group.addTask { Self.run(part) } }
            for await (met, wrong) in group {
                coverage.add(met)
                failed += wrong
            }
        }
        if let first = failed.min() { Issue.record("\(failed.count) seeds fail. \(Simulation.report(first))") }
        #expect(coverage.missing == [])
    }

    private static func run(_ seeds: Range<UInt64>) -> (Coverage, [UInt64]) {
        var coverage = Coverage()
        var failed: [UInt64] = []
        for seed in seeds {
            let result = Simulation.run(Scenario(seed: seed))
            coverage.add(result.coverage)
            if result.violation != nil { failed.append(seed) }
        }
        return (coverage, failed)
    }

    @Test(arguments: [3, 17, 44] as [UInt64]) func `a seed runs the same way each time`(seed: UInt64) {
        let first = Simulation.run(Scenario(seed: seed), tells: true)
        #expect(first.history.count > 10)
        #expect(Simulation.run(Scenario(seed: seed), tells: true).history == first.history)
    }

    @Test func `a failing scenario shrinks to what it fails by`() {
        // Without the time to get done, every run fails: nothing of the scenario is needed.
        var scenario = Scenario(seed: 3)
        scenario.bound = 0
        #expect(Simulation.run(scenario).violation?.hasPrefix("no end within the bound") == true)
        let least = Simulation.shrink(scenario)
        #expect(least.faults.isEmpty && least.arrivals.isEmpty)
        #expect(Simulation.run(least).violation != nil)
    }

    @Test func `what a scenario fails by survives its shrinking`() throws {
        func kills(_ result: Simulation.Result) -> Bool { result.coverage[.processKilled] > 0 }
        let scenario = try #require((1...200).lazy.map { Scenario(seed: $0) }.first { $0.faults.count > 4 && kills(Simulation.run($0)) })
        let least = Simulation.shrink(scenario, isFailure: kills)
        #expect(least.faults.count == 1)
        #expect(scenario.faults.contains(least.faults[0]))
        #expect(kills(Simulation.run(least)))
    }
}

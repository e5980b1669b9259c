import FraudEngine

/// Runs tests of rule files through the engine itself: the same decoding, windows, rules and alerts as in the service.
package struct RuleTestRunner {
    private let set: RuleSet
    private let windows: TumblingWindows

    /// - Parameter baseWindow: Milliseconds, above 0.
    package init(_ set: RuleSet, baseWindow: Int64) {
        self.set = set
        do throws(TumblingWindows.Refusal) {
            windows = try TumblingWindows(size: baseWindow, grace: TestBench.grace)
        } catch {
            preconditionFailure("the base window is positive: \(error)")
        }
    }

    /// Each test by itself, in their order.
    package func run(_ tests: [RuleTest]) -> [TestOutcome] {
        var shared = TestBench(set, windows: windows)
        return tests.map { test in
            guard !test.lists.isEmpty else {
                shared.reset()
                return TestOutcome(test: test, failures: Self.failures(of: test, &shared))
            }
            var own = TestBench(set.replacingLists(test.lists), windows: windows)
            return TestOutcome(test: test, failures: Self.failures(of: test, &own))
        }
    }

    private static func failures(of test: RuleTest, _ bench: inout TestBench) -> RuleDiagnostics {
        var failures = RuleDiagnostics()
        for (number, given) in test.given.enumerated() {
            let observation = bench.fold(given)
            if let reason = observation.invalidReason {
                failures.add(failure(test, number, given.node, ["the payment is invalid (\(reason.name)): \(bench.problem())"]))
                continue
            }
            for expectation in test.expectations where expectation.payment == number {
                let judgement = Judgement(expectation, observation, bench.set)
                let lines = judgement.lines()
                guard !lines.isEmpty else { continue }
                let explanations = judgement.surprisingRules().map { AlertExplanation.line($0, observation, bench) }
                failures.add(failure(test, number, expectation.node, lines + explanations))
            }
        }
        return failures
    }

    private static func failure(_ test: RuleTest, _ number: Int, _ node: YAMLNode, _ lines: [String]) -> RuleDiagnostic {
        RuleDiagnostic(
            severity: .testFailure, code: "T001", file: node.source.path, position: node.position, message: "\(test.name), payment \(number + 1)", hints: lines)
    }
}

extension RuleSet {
    /// The same set with other entries in some lists.
    func replacingLists(_ replaced: [(name: String, entries: [String])]) -> RuleSet {
        var lists = self.lists
        for (name, entries) in replaced { lists[name] = entries }
        return RuleSet(hash: hash, rules: rules, schema: schema, features: features, lists: lists, policy: policy)
    }
}

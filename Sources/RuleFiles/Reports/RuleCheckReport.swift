import FraudEngine

/// What `tripline rules check` and `tripline rules test` say about a rules folder.
package struct RuleCheckReport: Sendable {
    /// What a set holds, for the summary.
    package struct Contents: Sendable {
        package let hash: RuleSetHash
        package let active: Int
        package let shadow: Int
        package let disabled: Int
        package let features: Int
        package let lists: Int
        package let tests: Int

        init(_ loaded: LoadedRuleSet) {
            let rules = loaded.set.rules
            hash = loaded.set.hash
            active = rules.count { $0.status == .active }
            shadow = rules.count { $0.status == .shadow }
            disabled = rules.count { $0.status == .disabled }
            features = loaded.set.features.count
            lists = loaded.set.lists.count
            tests = loaded.tests.count
        }
    }

    /// nil: the folder does not load.
    package let contents: Contents?
    /// The tests that were run, in order of file and place.
    package let outcomes: [TestOutcome]
    /// Errors of the load, or warnings and failing tests; by file and place.
    package let diagnostics: RuleDiagnostics
    /// Whether tests were asked for; `outcomes` may be empty all the same.
    package let isTest: Bool
    /// Only tests with this text in name or rule were asked for; nil: all.
    package let filter: String?

    /// Reads and checks the folder without running its tests. Blocks on the disk.
    package static func check(directory: String, baseWindowMilliseconds: Int64) -> RuleCheckReport {
        report(directory, baseWindowMilliseconds, isTest: false, filter: nil)
    }

    /// Reads and checks the folder, then runs its tests, whatever comes of each. Blocks on the disk.
    ///
    /// - Parameter filter: Runs only tests with this text, byte by byte, in their name or in that of a rule they expect; nil: all.
    package static func test(directory: String, baseWindowMilliseconds: Int64, filter: String? = nil) -> RuleCheckReport {
        report(directory, baseWindowMilliseconds, isTest: true, filter: filter)
    }

    private static func report(_ directory: String, _ baseWindow: Int64, isTest: Bool, filter: String?) -> RuleCheckReport {
        switch RuleFiles.load(directory: directory, baseWindowMilliseconds: baseWindow, runsTests: false) {
        case .failure(let errors):
            return RuleCheckReport(contents: nil, outcomes: [], diagnostics: errors, isTest: isTest, filter: filter)
        case .success(let loaded):
            let tests = isTest ? loaded.tests.filter { contains($0, filter) } : []
            let outcomes = RuleTestRunner(loaded.set, baseWindow: baseWindow).run(tests)
            var diagnostics = loaded.warnings
            for outcome in outcomes { diagnostics.add(outcome.failures) }
            return RuleCheckReport(contents: Contents(loaded), outcomes: outcomes, diagnostics: diagnostics.sorted(), isTest: isTest, filter: filter)
        }
    }

    private static func contains(_ test: RuleTest, _ filter: String?) -> Bool {
        guard let filter else { return true }
        let names = [test.name] + test.expectations.flatMap(\.ruleNames).compactMap(\.text)
        return names.contains { BytePattern.contains(Array(filter.utf8), in: Array($0.utf8)) }
    }

    package var passedCount: Int { outcomes.count { $0.passed } }

    /// 0: nothing to say; 1: warnings or failing tests, or no test to run; 2: the set does not load.
    package var exitCode: Int32 {
        guard contents != nil else { return 2 }
        return diagnostics.all.isEmpty && !(isTest && outcomes.isEmpty) ? 0 : 1
    }
}

/// Search in bytes.
enum BytePattern {
    static func contains(_ pattern: [UInt8], in bytes: [UInt8]) -> Bool {
        guard pattern.count <= bytes.count else { return false }
        return (0...bytes.count - pattern.count).contains { bytes[$0..<$0 + pattern.count].elementsEqual(pattern) }
    }
}

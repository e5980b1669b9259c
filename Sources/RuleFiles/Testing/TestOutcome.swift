/// What became of one test.
package struct TestOutcome: Sendable {
    package let test: RuleTest
    /// One message for each expectation that does not hold; empty: the test passed.
    package let failures: RuleDiagnostics

    package var passed: Bool { failures.all.isEmpty }
}

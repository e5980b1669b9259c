import FraudEngine

/// Lint: an active rule wants one test where it fires and one where it does not.
enum TestCoverage {
    static func warnings(_ draft: RuleFileDraft) -> RuleDiagnostics {
        RuleDiagnostics(draft.rules.filter { $0.status == .active }.compactMap { warning($0, draft.tests) })
    }

    private static func warning(_ rule: RuleDraft, _ tests: [RuleTest]) -> RuleDiagnostic? {
        let expectations = tests.flatMap(\.expectations)
        let fires: Bool
        let rests: Bool
        if rule.action == .allow {
            // An allow rule raises no alert: its effect is that a payment with alerts or a score passes.
            fires = expectations.contains { $0.decision == .allow && ($0.alerts?.isEmpty == false || $0.score ?? 0 > 0) }
            rests = expectations.contains { $0.decision == .review || $0.decision == .block }
        } else {
            fires = expectations.contains { $0.alerts?.contains(rule.id) == true || $0.reasons.contains { $0.rule == rule.id } }
            rests = expectations.contains { $0.alerts?.contains(rule.id) == false }
        }
        if fires, rests { return nil }
        let missing = !fires && !rests ? "no test" : fires ? "no test where it does not fire" : "no test where it fires"
        return rule.idNode.diagnostic("W301", "active rule '\(rule.id)' has \(missing)", severity: .warning)
    }
}

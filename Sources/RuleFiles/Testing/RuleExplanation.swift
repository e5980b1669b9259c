import CEL
import FraudEngine

/// Why a rule did or did not alert on a payment: a value under each `&&` term.
enum RuleExplanation {
    /// One line; `bench` has folded the payment last.
    static func line(_ index: Int, _ observation: TestBench.Observation, _ bench: borrowing TestBench) -> String {
        let rule = bench.set.rules[index]
        guard observation.outcome == .folded else { return "\(rule.id): a \(observation.outcome.described) payment is not judged" }
        if rule.status == .disabled { return "\(rule.id): is disabled" }
        if observation.matches[index], !observation.alerts.contains(where: { $0.rule == rule.id }) {
            return rule.action == .allow ? "\(rule.id): is true; an allow rule raises no alert" : "\(rule.id): is true, but it has alerted on this account in its period (once_per) before"
        }
        return "\(rule.id): \(rule.condition.source)"
    }
}

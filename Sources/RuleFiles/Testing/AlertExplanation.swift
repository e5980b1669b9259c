import FraudEngine

/// Why a rule did or did not alert on a payment: a value under each `&&` term.
enum AlertExplanation {
    /// One line; `bench` has folded the payment last.
    static func line(_ index: Int, _ observation: TestBench.Observation, _ bench: borrowing TestBench) -> String {
        let rule = bench.set.rules[index]
        guard observation.outcome == .folded else { return "\(rule.id): a \(observation.outcome.described) payment is not judged" }
        if rule.status == .disabled { return "\(rule.id): is disabled" }
        if observation.matches[index], !observation.alerts.contains(where: { $0.rule == rule.id }) {
            return rule.action == .allow
                ? "\(rule.id): is true; an allow rule raises no alert"
                : "\(rule.id): is true, but it has alerted on this account in its period (once_per) before"
        }
        let terms = bench.terms(ofRule: index)
        var lead = rule.status == .shadow ? "\(rule.id) (shadow): " : "\(rule.id): "
        if observation.errors[index] {
            // What was folded last is no longer marked as overflowed: the terms show a number.
            if !terms.contains(where: { $0.isTrue == nil }) { lead += "is in error, a sum is out of range; " }
        } else if !observation.matches[index], terms.allSatisfy({ $0.isTrue == true }) {
            lead += "is not in effect at that time; "
        }
        return lead + terms.map(\.description).joined(separator: "; ")
    }
}

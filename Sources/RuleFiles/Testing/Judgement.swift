import FraudEngine

/// What an expectation says against what the engine did, in lines for people.
struct Judgement {
    private let expectation: RuleTest.Expectation
    private let observation: TestBench.Observation
    private let set: RuleSet

    init(_ expectation: RuleTest.Expectation, _ observation: TestBench.Observation, _ set: RuleSet) {
        self.expectation = expectation
        self.observation = observation
        self.set = set
    }

    /// Each what was expected and what came instead; empty: all holds.
    func lines() -> [String] {
        outcomeLines() + alertLines() + verdictLines() + reasonLines()
    }

    /// Rules whose alert is missing or is one too many, as indices in the set, rising.
    func surprisingRules() -> [Int] {
        var names: Set<String> = []
        for (expected, shadow) in [(expectation.alerts, false), (expectation.shadowAlerts, true)] {
            guard let expected else { continue }
            names.formUnion(Set(expected).symmetricDifference(observation.alertNames(shadow: shadow)))
        }
        for (rule, _) in expectation.reasons where !observation.alerts.contains(where: { $0.rule == rule }) { names.insert(rule) }
        return set.rules.indices.filter { names.contains(set.rules[$0].id) }
    }

    private func outcomeLines() -> [String] {
        var lines: [String] = []
        for (expected, outcome) in [(expectation.late, Outcome.late), (expectation.duplicate, .duplicate)] {
            guard let expected, expected != (observation.outcome == outcome) else { continue }
            lines.append(
                expected ? "expected a \(outcome.name) payment, got a \(observation.outcome.described) one" : "expected no \(outcome.name) payment, got one")
        }
        return lines
    }

    private func alertLines() -> [String] {
        var lines: [String] = []
        for (expected, shadow) in [(expectation.alerts, false), (expectation.shadowAlerts, true)] {
            let got = observation.alertNames(shadow: shadow)
            guard let expected, expected != got else { continue }
            lines.append("expected \(shadow ? "shadow alerts" : "alerts") [\(expected.joined(separator: ", "))], got [\(got.joined(separator: ", "))]")
        }
        return lines
    }

    private func verdictLines() -> [String] {
        var lines: [String] = []
        let isJudged = observation.outcome == .folded
        let none = "none: the payment is \(observation.outcome.described)"
        if let score = expectation.score, !isJudged || score != observation.verdict.score {
            lines.append("expected score \(score), got \(isJudged ? String(observation.verdict.score) : none)")
        }
        let decision = observation.verdict.decision(set.policy)
        if let expected = expectation.decision, !isJudged || expected != decision {
            lines.append("expected decision \(expected.name), got \(isJudged ? decision.name.description : none)")
        }
        return lines
    }

    private func reasonLines() -> [String] {
        var lines: [String] = []
        if let expected = expectation.reason {
            let alerts = observation.alerts.filter { !$0.isShadow }
            if alerts.count != 1 {
                lines.append(
                    "expected one alert with the reason \"\(expected)\", got alerts [\(observation.alertNames(shadow: false).joined(separator: ", "))]")
            } else if !Self.isSame(expected, alerts[0].reason) {
                lines.append("expected reason \"\(expected)\", got \"\(alerts[0].reason)\"")
            }
        }
        for (rule, expected) in expectation.reasons {
            guard let alert = observation.alerts.first(where: { $0.rule == rule }) else {
                lines.append("expected \(rule) with the reason \"\(expected)\", got no alert of it")
                continue
            }
            if !Self.isSame(expected, alert.reason) { lines.append("expected reason of \(rule) \"\(expected)\", got \"\(alert.reason)\"") }
        }
        return lines
    }

    /// Compared as bytes.
    private static func isSame(_ a: String, _ b: String) -> Bool { a.utf8.elementsEqual(b.utf8) }
}

extension Outcome {
    /// As a word in a sentence.
    var described: String {
        switch self {
        case .folded: "counted"
        case .late, .duplicate, .invalid, .ignored: name.description
        }
    }
}

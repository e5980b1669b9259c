/// The keys that each part of a rule file may have, in the order in which messages list them.
package enum RuleFileKeys {
    package static let file = ["version", "lists", "features", "decision", "rules", "tests"]
    package static let list = ["file", "entries", "description"]
    package static let feature = ["aggregate", "of", "window", "current", "description"]
    /// Understood, and refused by name in this version.
    package static let plannedFeature = ["where"]
    package static let window = ["tumbling"]
    /// Understood, and refused by name in this version.
    package static let plannedWindow = ["sliding", "step", "session"]
    package static let decision = ["bands", "review", "block"]
    package static let rule = [
        "id", "title", "when", "score", "severity", "action", "reason", "tags", "owner", "status", "once_per", "effective", "description", "references",
        "false_positives",
    ]
    package static let requiredOfRule = ["id", "title", "when", "owner", "status"]
    package static let effective = ["from", "until"]
    package static let test = ["name", "lists", "given", "expect"]
    /// Besides the fields of the payment schema.
    package static let given = ["at", "repeat", "every", "payment_id", "account_id", "amount", "currency"]
    package static let expectation = ["payment", "alerts", "shadow_alerts", "score", "decision", "reason", "reasons", "late", "duplicate"]
}

import FraudEngine

/// A test in a rule file: payments in, expectations on some of them.
package struct RuleTest: Sendable {
    /// A payment to feed in; its event time is also its Kafka timestamp.
    package struct Given: Sendable {
        /// Milliseconds since the epoch.
        package var at: Int64
        package var accountID: String
        /// A complete JSON object: amount in major units as a number, `occurred_at` in RFC 3339.
        package var json: String
        /// The entry it comes from, before repeats.
        package var node: YAMLNode
    }

    /// What must hold after one payment; nil members are not looked at.
    package struct Expectation: Sendable {
        /// Index into `given`.
        package var payment: Int
        package var node: YAMLNode
        /// The exact set of alerts: rule ids, sorted as bytes.
        package var alerts: [String]?
        package var shadowAlerts: [String]?
        package var score: Int?
        package var decision: Action?
        /// Of the only alert.
        package var reason: String?
        /// By rule id, in file order.
        package var reasons: [(rule: String, text: String)] = []
        package var late: Bool?
        package var duplicate: Bool?
        /// The nodes that name rules, to check once all rules are known.
        var ruleNames: [YAMLNode] = []
    }

    package var name: String
    package var node: YAMLNode
    package var given: [Given]
    package var expectations: [Expectation]
    /// Entries that stand in place of those of the rule set's lists, in file order.
    package var lists: [(name: String, entries: [String])]
    var listNames: [YAMLNode] = []
}

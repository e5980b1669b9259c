import CEL

/// What a rule asks for; `block` beats `allow` beats `review`.
package enum Action: UInt8, Sendable, CaseIterable {
    case allow, review, block

    package var name: StaticString {
        switch self {
        case .allow: "allow"
        case .review: "review"
        case .block: "block"
        }
    }
}

package enum Severity: String, Sendable, CaseIterable {
    case informational, low, medium, high, critical
}

package enum RuleStatus: String, Sendable, CaseIterable {
    /// Alerts and contributes to scores.
    case active
    /// Evaluated, counted and written to the shadow topic; changes nothing else.
    case shadow
    /// Checked, never evaluated.
    case disabled
}

/// How often a rule alerts on an account.
package enum OncePer: Sendable, Equatable {
    /// Once in each epoch-aligned period of this length, milliseconds (1 m to 24 h).
    case period(milliseconds: Int64)
    /// On every payment.
    case payment
}

/// Score bands and what they ask for.
package struct DecisionPolicy: Sendable, Equatable {
    package enum Band: UInt8, Sendable, CaseIterable {
        case low, medium, high, critical

        package var name: StaticString {
            switch self {
            case .low: "low"
            case .medium: "medium"
            case .high: "high"
            case .critical: "critical"
            }
        }
    }

    /// Lowest score of each band, 0 to 100.
    package var medium = 30
    package var high = 60
    package var critical = 90
    /// The lowest band whose payments are reviewed, and blocked.
    package var review = Band.medium
    package var block = Band.critical

    package init() {}

    package func band(of score: Int) -> Band {
        score >= critical ? .critical : score >= high ? .high : score >= medium ? .medium : .low
    }
}

/// A declared aggregate over the account's base window.
package struct Feature: Sendable, Equatable {
    package enum Aggregate: String, Sendable { case count, sum }

    /// As rules read it: `account.count_5m`.
    package var name: String
    package var aggregate: Aggregate
    /// false: the payment under judgement is left out (`current: exclude`).
    package var includesCurrent: Bool

    package init(name: String, aggregate: Aggregate, includesCurrent: Bool = true) {
        self.name = name
        self.aggregate = aggregate
        self.includesCurrent = includesCurrent
    }
}

/// A checked rule.
package struct Rule: Sendable {
    package var id: String
    package var title: String
    package var severity = Severity.low
    package var action = Action.review
    /// 0 to 100.
    package var score = 0
    package var status = RuleStatus.active
    package var oncePer = OncePer.period(milliseconds: 300_000)
    /// Event time, milliseconds: the rule matches only payments in [from, until).
    package var effectiveFrom = Int64.min
    package var effectiveUntil = Int64.max
    package var condition: CEL.CheckedExpression
    package var reason: ReasonTemplate

    package init(id: String, title: String, condition: CEL.CheckedExpression, reason: ReasonTemplate) {
        self.id = id
        self.title = title
        self.condition = condition
        self.reason = reason
    }
}

/// A rule's reason: text with expressions in braces.
package struct ReasonTemplate: Sendable {
    package enum Part: Sendable {
        case text(String)
        /// `decimals` is the n of `{x:.nf}`; nil prints integers plain, doubles shortest, durations as `1h30m`, absent as `–`.
        case value(CEL.CheckedExpression, decimals: Int?)
    }

    package var parts: [Part]

    package init(parts: [Part]) { self.parts = parts }
}

/// The SHA-256 of a rule set's canonical content.
package struct RuleSetHash: Hashable, Sendable {
    /// 64 lower-case hexadecimal digits.
    package var hexadecimal: String

    package init(hexadecimal: String) { self.hexadecimal = hexadecimal }
}

/// Everything in the rules folder, checked: it loads as a whole or not at all. Immutable, shared by all workers.
package final class RuleSet: Sendable {
    package let hash: RuleSetHash
    /// Sorted by id, as bytes.
    package let rules: [Rule]
    package let schema: PaymentSchema
    package let features: [Feature]
    /// By name: the entries, in file order.
    package let lists: [String: [String]]
    package let policy: DecisionPolicy

    package init(hash: RuleSetHash, rules: [Rule], schema: PaymentSchema, features: [Feature], lists: [String: [String]], policy: DecisionPolicy) {
        self.hash = hash
        self.rules = rules.sorted { $0.id.utf8.lexicographicallyPrecedes($1.id.utf8) }
        self.schema = schema
        self.features = features
        self.lists = lists
        self.policy = policy
    }
}

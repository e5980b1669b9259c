import CEL

/// A checked rule set as the reference fold takes it: names, numbers and checked trees, nothing of the engine's.
package struct PlainRuleSet: Sendable {
    /// 64 lower-case hexadecimal digits.
    package var hash: String
    package var rules: [PlainRule]
    package var fields: [PlainField]
    /// By name, the entries.
    package var lists: [String: [String]]
    package var policy: PlainPolicy
    /// What the checked trees call variable 0, 1 and so on.
    package var variables: [PlainVariable]

    package init(hash: String, rules: [PlainRule], fields: [PlainField], lists: [String: [String]], policy: PlainPolicy, variables: [PlainVariable]) {
        self.hash = hash
        self.rules = rules
        self.fields = fields
        self.lists = lists
        self.policy = policy
        self.variables = variables
    }
}

package struct PlainRule: Sendable {
    package enum Status: Sendable { case active, shadow, disabled }

    package enum OncePer: Sendable, Equatable {
        /// Milliseconds, aligned to the epoch.
        case period(Int64)
        case payment
    }

    package var id: String
    package var title: String
    /// As alerts write it.
    package var severity: String
    package var action: PlainAction
    /// 0 to 100.
    package var score: Int
    package var status: Status
    package var oncePer: OncePer
    /// Event time, milliseconds: `from ≤ occurred_at < until`.
    package var effectiveFrom: Int64
    package var effectiveUntil: Int64
    package var condition: CEL.CheckedExpression
    package var reason: [ReasonPart]

    package enum ReasonPart: Sendable {
        case text(String)
        case value(CEL.CheckedExpression, decimals: Int?)
    }

    package init(
        id: String, title: String, severity: String, action: PlainAction, score: Int, status: Status, oncePer: OncePer, effectiveFrom: Int64,
        effectiveUntil: Int64, condition: CEL.CheckedExpression, reason: [ReasonPart]
    ) {
        self.id = id
        self.title = title
        self.severity = severity
        self.action = action
        self.score = score
        self.status = status
        self.oncePer = oncePer
        self.effectiveFrom = effectiveFrom
        self.effectiveUntil = effectiveUntil
        self.condition = condition
        self.reason = reason
    }
}

/// An attribute that the payment schema declares.
package struct PlainField: Sendable {
    package enum Kind: Sendable { case string, int, double, bool, timestamp }

    package var name: String
    package var kind: Kind
    /// Bytes, of strings.
    package var maxLength: Int
    package var isRequired: Bool

    package init(name: String, kind: Kind, maxLength: Int, isRequired: Bool) {
        self.name = name
        self.kind = kind
        self.maxLength = maxLength
        self.isRequired = isRequired
    }
}

/// Where a variable's value comes from.
package enum PlainVariable: Sendable, Equatable {
    case paymentID, accountID, amount, currency, occurredAt
    /// The schema's field of this index.
    case field(Int)
    /// Over the account's base window, with or without the payment under judgement.
    case count(includesCurrent: Bool)
    case sum(includesCurrent: Bool)
}

/// What is done to a payment, or asked for by a rule.
package enum PlainAction: String, Sendable { case allow, review, block }

package enum PlainBand: Int, Sendable {
    case low, medium, high, critical

    package var name: String { ["low", "medium", "high", "critical"][rawValue] }
}

/// Lowest scores of the bands, and the lowest bands that are reviewed and blocked.
package struct PlainPolicy: Sendable {
    package var medium: Int
    package var high: Int
    package var critical: Int
    package var review: PlainBand
    package var block: PlainBand

    package init(medium: Int, high: Int, critical: Int, review: PlainBand, block: PlainBand) {
        self.medium = medium
        self.high = high
        self.critical = critical
        self.review = review
        self.block = block
    }

    func band(of score: Int) -> PlainBand {
        if score >= critical { return .critical }
        if score >= high { return .high }
        return score >= medium ? .medium : .low
    }
}

/// A switch of rules: in force from an offset on.
package struct PlainActivation: Sendable {
    package var fromOffset: Int64
    package var rules: PlainRuleSet

    package init(fromOffset: Int64, rules: PlainRuleSet) {
        self.fromOffset = fromOffset
        self.rules = rules
    }
}

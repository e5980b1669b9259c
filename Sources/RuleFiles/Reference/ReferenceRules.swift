import CEL
import FraudEngine
import ReferenceFold

/// The seam between the two implementations of the contract: what both are given, in the reference fold's terms.
extension PlainRuleSet {
    package init(_ set: RuleSet) {
        self.init(
            hash: set.hash.hexadecimal, rules: set.rules.map { PlainRule($0) }, fields: set.schema.fields.map { PlainField($0) }, lists: set.lists,
            policy: PlainPolicy(set.policy), variables: Self.variables(set))
    }

    /// By name, as the checker numbered them.
    private static func variables(_ set: RuleSet) -> [PlainVariable] {
        let environment = RuleEnvironment.make(schema: set.schema, features: set.features, lists: Array(set.lists.keys))
        return environment.variables.map { variable in
            switch variable.name {
            case "payment.payment_id": return .paymentID
            case "payment.account_id": return .accountID
            case "payment.amount": return .amount
            case "payment.currency": return .currency
            case "payment.occurred_at": return .occurredAt
            case let name: return attribute(name, set)
            }
        }
    }

    private static func attribute(_ name: String, _ set: RuleSet) -> PlainVariable {
        if let field = set.schema.fields.firstIndex(where: { "payment." + $0.name == name }) { return .field(field) }
        guard let feature = set.features.first(where: { $0.name == name }) else { preconditionFailure("a variable is an attribute or a feature") }
        switch feature.aggregate {
        case .count: return .count(includesCurrent: feature.includesCurrent)
        case .sum: return .sum(includesCurrent: feature.includesCurrent)
        }
    }
}

extension PlainRule {
    init(_ rule: Rule) {
        let status: Status =
            switch rule.status {
            case .active: .active
            case .shadow: .shadow
            case .disabled: .disabled
            }
        let oncePer: OncePer =
            switch rule.oncePer {
            case .period(let milliseconds): .period(milliseconds)
            case .payment: .payment
            }
        let reason = rule.reason.parts.map { part -> ReasonPart in
            switch part {
            case .text(let text): .text(text)
            case .value(let expression, let decimals): .value(expression, decimals: decimals)
            }
        }
        self.init(
            id: rule.id, title: rule.title, severity: rule.severity.rawValue, action: PlainAction(rule.action), score: rule.score, status: status,
            oncePer: oncePer, effectiveFrom: rule.effectiveFrom, effectiveUntil: rule.effectiveUntil, condition: rule.condition, reason: reason)
    }
}

extension PlainField {
    init(_ field: PaymentSchema.Field) {
        let kind: Kind =
            switch field.kind {
            case .string: .string
            case .int: .int
            case .double: .double
            case .bool: .bool
            case .timestamp: .timestamp
            }
        self.init(name: field.name, kind: kind, maxLength: field.maxLength, isRequired: field.required)
    }
}

extension PlainPolicy {
    init(_ policy: DecisionPolicy) {
        self.init(
            medium: policy.medium, high: policy.high, critical: policy.critical, review: PlainBand(policy.review), block: PlainBand(policy.block))
    }
}

extension PlainAction {
    package init(_ action: Action) {
        switch action {
        case .allow: self = .allow
        case .review: self = .review
        case .block: self = .block
        }
    }
}

extension PlainBand {
    package init(_ band: DecisionPolicy.Band) {
        switch band {
        case .low: self = .low
        case .medium: self = .medium
        case .high: self = .high
        case .critical: self = .critical
        }
    }
}

extension PlainMapping {
    package init(_ mapping: InputMapping) {
        self.init()
        paymentID = mapping.paymentID
        accountID = mapping.accountID
        amount = mapping.amount
        currency = mapping.currency
        occurredAt = mapping.occurredAt
        maxBytes = mapping.maxBytes
        maxAhead = mapping.maxAheadMilliseconds
        switch mapping.amountStyle {
        case .minor: isAmountDecimal = false
        case .decimal: isAmountDecimal = true
        }
        switch mapping.keyStyle {
        case .string: isKeyJSON = false
        case .json: isKeyJSON = true
        }
        switch mapping.timeStyle {
        case .rfc3339: time = .rfc3339
        case .epochSeconds: time = .seconds
        case .epochMilliseconds: time = .milliseconds
        case .epochMicroseconds: time = .microseconds
        case .epochNanoseconds: time = .nanoseconds
        }
    }
}

extension ReferenceFold.Configuration {
    package init(group: String, topic: String, mapping: InputMapping, windows: TumblingWindows) {
        self.init(group: group, topic: topic)
        self.mapping = PlainMapping(mapping)
        window = windows.size
        grace = windows.grace
    }
}

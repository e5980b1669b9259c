/// Where the value of each variable of `RuleEnvironment.make` comes from.
enum RuleVariable {
    static let paymentID = 0
    static let account = 1
    static let amount = 2
    static let currency = 3
    static let occurredAt = 4

    static func source(_ variable: Int, schema: PaymentSchema, features: [Feature]) -> VariableLoad.Source {
        switch variable {
        case paymentID: return .paymentID
        case account: return .account
        case amount: return .amount
        case currency: return .currency
        case occurredAt: return .occurredAt
        case _: break
        }
        let field = variable - RuleEnvironment.firstField
        guard field >= schema.fields.count else {
            switch schema.fields[field].kind {
            case .string: return .string(field)
            case .int, .timestamp: return .integer(field)
            case .double: return .double(field)
            case .bool: return .bool(field)
            }
        }
        let feature = features[field - schema.fields.count]
        switch feature.aggregate {
        case .count: return .windowCount(includesCurrent: feature.includesCurrent)
        case .sum: return .windowSum(includesCurrent: feature.includesCurrent)
        }
    }
}

import CEL

/// What rules may name, in the order in which the evaluator finds its columns.
package enum RuleEnvironment {
    /// Index of the first schema field among the variables; before it stand the five members that every payment has.
    package static let firstField = 5

    /// The variables of a rule set: the five members of every payment, then the schema's fields, then the features.
    package static func make(schema: PaymentSchema, features: [Feature], lists: [String]) -> CEL.Environment {
        var variables: [CEL.Environment.Variable] = [
            .init(name: "payment.payment_id", type: .string),
            .init(name: "payment.account_id", type: .string),
            .init(name: "payment.amount", type: .double),
            .init(name: "payment.currency", type: .string),
            .init(name: "payment.occurred_at", type: .timestamp),
        ]
        for field in schema.fields {
            variables.append(.init(name: "payment." + field.name, type: field.kind.valueType, isOptional: !field.required))
        }
        for feature in features {
            variables.append(.init(name: feature.name, type: feature.aggregate.valueType))
        }
        return CEL.Environment(variables: variables, lists: lists.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) })
    }
}

extension PaymentSchema.Kind {
    var valueType: ValueType {
        switch self {
        case .string: .string
        case .int: .int
        case .double: .double
        case .bool: .bool
        case .timestamp: .timestamp
        }
    }
}

extension Feature.Aggregate {
    /// A sum is money: rules see it in major units.
    var valueType: ValueType {
        switch self {
        case .count: .int
        case .sum: .double
        }
    }
}

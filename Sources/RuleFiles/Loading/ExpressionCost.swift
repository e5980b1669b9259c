import CEL
import FraudEngine

/// The worst-case cost of a condition, known when it is loaded because every string is bounded by the payment schema.
///
/// Units as in cel-go: reading a variable 1, an operation 1, a constant 0, a byte of a string that is walked 0.1. Counted in tenths.
struct ExpressionCost {
    /// Units; a dearer rule is refused.
    static let ruleLimit = 2_000
    /// Units, over the active and shadow rules of a set.
    static let setLimit = 100_000
    /// Longest payment and account id reckoned with, bytes.
    private static let maxIDBytes = 256

    let environment: CEL.Environment
    let schema: PaymentSchema

    /// Tenths of a unit of the whole expression: both sides of `&&` and `||` count, whatever they turn out to be.
    func tenths(_ plan: Plan) -> Int {
        own(plan) + Self.children(plan).reduce(0) { $0 + tenths($1) }
    }

    /// The smallest part that has at least half of the whole's cost.
    func dearest(_ plan: Plan) -> Plan {
        let half = tenths(plan) / 2
        var found = plan
        while let next = Self.children(found).max(by: { tenths($0) < tenths($1) }), tenths(next) >= half { found = next }
        return found
    }

    private func own(_ plan: Plan) -> Int {
        switch plan.form {
        case .constant: 0
        case .variable, .has, .and, .or, .not, .negate, .conditional, .intToDouble, .doubleToInt: 10
        case .comparison(_, let left, let right): 10 + min(length(left), length(right))
        case .arithmetic: 10 + length(plan)
        case .inNamedList(let operand, _), .inConstants(let operand, _), .size(let operand): 10 + length(operand)
        case .startsWith(_, let part), .endsWith(_, let part): 10 + length(part)
        case .contains(let text, let part): 10 + max(length(text), length(text) * length(part) / 10)
        }
    }

    /// The most bytes that a string can have; 0 for other types.
    private func length(_ plan: Plan) -> Int {
        guard plan.type == .string else { return 0 }
        switch plan.form {
        case .constant(.string(let text)): return text.utf8.count
        case .variable(let index): return length(ofVariable: index)
        case .arithmetic(_, let left, let right): return length(left) + length(right)
        case .conditional(_, let then, let otherwise): return max(length(then), length(otherwise))
        case .constant, .has, .and, .or, .not, .comparison, .negate, .inNamedList, .inConstants, .intToDouble, .doubleToInt, .size, .startsWith, .endsWith,
            .contains:
            return 0
        }
    }

    private func length(ofVariable index: Int) -> Int {
        let field = index - RuleEnvironment.firstField
        return schema.fields.indices.contains(field) ? schema.fields[field].maxLength : Self.maxIDBytes
    }

    static func children(_ plan: Plan) -> [Plan] {
        switch plan.form {
        case .constant, .variable, .has: []
        case .and(let a, let b), .or(let a, let b), .comparison(_, let a, let b), .arithmetic(_, let a, let b): [a, b]
        case .startsWith(let a, let b), .endsWith(let a, let b), .contains(let a, let b): [a, b]
        case .not(let a), .negate(let a), .intToDouble(let a), .doubleToInt(let a), .size(let a), .inNamedList(let a, _), .inConstants(let a, _): [a]
        case .conditional(let a, let b, let c): [a, b, c]
        }
    }
}

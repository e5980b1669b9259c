import CEL

/// The fields, features and lists that the tests' expressions name.
let environment = Environment(
    variables: [
        .init(name: "payment.account_id", type: .string), .init(name: "payment.amount", type: .double), .init(name: "payment.currency", type: .string),
        .init(name: "payment.country", type: .string, isOptional: true), .init(name: "payment.card_present", type: .bool, isOptional: true),
        .init(name: "payment.occurred_at", type: .timestamp),
        .init(name: "account.count_5m", type: .int), .init(name: "account.sum_5m", type: .double),
        .init(name: "account.previous_country", type: .string, isOptional: true, absence: "on an account's first payment"),
        .init(name: "account.idle", type: .duration), .init(name: "account.first_seen", type: .timestamp),
    ],
    lists: ["high_risk_countries", "trusted_accounts"]
)

/// `Syntax` as an S-expression, to compare shapes.
func shape(_ syntax: Syntax) -> String {
    func all(_ nodes: [Syntax]) -> String { nodes.map { " " + shape($0) }.joined() }
    switch syntax.form {
    case .literal(.null): return "null"
    case .literal(.bool(let value)): return "\(value)"
    case .literal(.int(let value)): return "\(value)"
    case .literal(.uint(let value)): return "\(value)u"
    case .literal(.double(let value)): return "\(value)"
    case .literal(.string(let value)): return "'\(value)'"
    case .literal(.bytes(let value)): return "b\(value)"
    case .identifier(let name): return name
    case .select(let operand, let name): return "(. \(shape(operand)) \(name.text))"
    case .call(let name, let arguments): return "(\(name.text)\(all(arguments)))"
    case .method(let target, let name, let arguments): return "(.\(name.text) \(shape(target))\(all(arguments)))"
    case .index(let operand, let index): return "([] \(shape(operand)) \(shape(index)))"
    case .not(let operand): return "(! \(shape(operand)))"
    case .negate(let operand): return "(- \(shape(operand)))"
    case .binary(let symbol, _, let left, let right): return "(\(symbol.text) \(shape(left)) \(shape(right)))"
    case .conditional(let condition, let then, let otherwise): return "(? \(shape(condition)) \(shape(then)) \(shape(otherwise)))"
    case .list(let elements): return "(list\(all(elements)))"
    case .map(let entries): return "(map\(all(entries.flatMap { [$0.key, $0.value] })))"
    case .message(let type, let fields): return "(new \(shape(type))\(all(fields.map(\.value))))"
    }
}

/// The shape of a text without errors; the errors otherwise.
func parsed(_ source: String) -> String {
    let parsed = Syntax.parse(source)
    guard let syntax = parsed.syntax, parsed.diagnostics.isEmpty else { return parsed.diagnostics.map { "\($0.code) \($0.message)" }.joined(separator: "\n") }
    return shape(syntax)
}

/// Every diagnostic as lines: code, message, the text under the caret, the note, the hints.
func report(_ source: String, condition: Bool = false) -> [String] {
    let checked = condition ? CheckedExpression.checkCondition(source, in: environment) : CheckedExpression.check(source, in: environment)
    let bytes = Array(source.utf8)
    return checked.diagnostics.map { diagnostic in
        let marked = String(decoding: bytes[diagnostic.range], as: UTF8.self)
        let note = diagnostic.caretNote.map { " {\($0)}" } ?? ""
        return "\(diagnostic.code) \(diagnostic.message) [\(marked)]\(note) = \(diagnostic.hints.joined(separator: " | "))"
    }
}

/// The folded value of an expression without variables.
func folded(_ source: String) -> Constant? {
    guard case .constant(let value) = CheckedExpression.check(source, in: environment).expression?.root.form else { return nil }
    return value
}

/// SplitMix64: the same numbers from the same seed, everywhere.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

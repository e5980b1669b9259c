extension CheckedExpression {
    /// What a check found: `expression` is nil exactly if a diagnostic is an error.
    package struct Checked: Sendable {
        package var expression: CheckedExpression?
        /// By position.
        package var diagnostics: [Diagnostic]
    }

    /// Parses and type-checks `source`; reports every error it can and goes on.
    package static func check(_ source: String, in environment: Environment) -> Checked {
        let parsed = Syntax.parse(source)
        guard let syntax = parsed.syntax else { return Checked(expression: nil, diagnostics: sorted(parsed.diagnostics)) }
        var checker = Checker(source, environment)
        let root = checker.plan(syntax)
        let diagnostics = sorted(parsed.diagnostics + checker.diagnostics)
        guard let root, diagnostics.allSatisfy(\.isWarning) else { return Checked(expression: nil, diagnostics: diagnostics) }
        return Checked(expression: CheckedExpression(source: source, root: root), diagnostics: diagnostics)
    }

    /// As `check`, for a rule's `when`: the whole must be true or false (E120).
    package static func checkCondition(_ source: String, in environment: Environment) -> Checked {
        var checked = check(source, in: environment)
        guard let expression = checked.expression, expression.type != .bool else { return checked }
        let range = expression.root.range
        let text = Excerpt.of(Array(source.utf8)[range])
        let hint: String =
            switch expression.type {
            case .int, .double: "compare it: \(text) > 10"
            case .string: "compare it: \(text) == \"...\""
            case .duration: "compare it: \(text) > duration(\"5m\")"
            case .timestamp, .bool: "compare it: \(text) > timestamp(\"2026-01-01T00:00:00Z\")"
            }
        let message = "'when' must be true or false; this is \(expression.type.described) (\(text))"
        checked.diagnostics = sorted(checked.diagnostics + [Diagnostic(code: "E120", range: range, message: message, hints: [hint])])
        checked.expression = nil
        return checked
    }

    private static func sorted(_ diagnostics: [Diagnostic]) -> [Diagnostic] {
        diagnostics.enumerated().sorted { ($0.element.range.lowerBound, $0.offset) < ($1.element.range.lowerBound, $1.offset) }.map(\.element)
    }
}

extension ValueType {
    /// With its article: `an int`.
    var described: String { self == .int ? "an int" : "a \(rawValue)" }
}

/// Turns a syntax tree into a typed plan. A node in error has no plan; its neighbours are checked all the same.
struct Checker {
    let bytes: [UInt8]
    let environment: Environment
    /// By full name. Names are ASCII, so equal keys are equal bytes.
    let indices: [String: Int]
    var diagnostics: [Diagnostic] = []
    /// Optional variables that are present where the checker stands.
    var present: Set<Int> = []
    /// Optional variables that were warned of.
    var warned: Set<Int> = []

    init(_ source: String, _ environment: Environment) {
        bytes = Array(source.utf8)
        self.environment = environment
        indices = Dictionary(environment.variables.enumerated().map { ($0.element.name, $0.offset) }, uniquingKeysWith: { first, _ in first })
    }

    /// Notes an error; there is no plan then.
    @discardableResult
    mutating func fail(_ code: String, _ range: Range<Int>, _ message: String, note: String? = nil, hint: String) -> Plan? {
        diagnostics.append(Diagnostic(code: code, range: range, message: message, caretNote: note, hints: [hint]))
        return nil
    }

    mutating func warn(_ code: String, _ range: Range<Int>, _ message: String, hint: String) {
        diagnostics.append(Diagnostic(code: code, range: range, message: message, hints: [hint], isWarning: true))
    }

    func text(_ syntax: Syntax) -> String {
        Excerpt.of(bytes[syntax.range])
    }

    /// The text without its outermost parentheses.
    func bareText(_ syntax: Syntax) -> String {
        guard syntax.isParenthesised else { return text(syntax) }
        return Excerpt.of(bytes[syntax.range.lowerBound + 1..<syntax.range.upperBound - 1])
    }

    /// The node's plan; nil after an error.
    mutating func plan(_ syntax: Syntax) -> Plan? {
        switch syntax.form {
        case .literal(let literal): return constant(literal, syntax.range)
        case .identifier, .select: return read(syntax)
        case .call(let name, let arguments): return call(syntax, name, arguments)
        case .method(let target, let name, let arguments): return method(syntax, target, name, arguments)
        case .not(let operand): return not(syntax, operand)
        case .negate(let operand): return negate(syntax, operand)
        case .binary(.and, let range, let left, let right): return logic(syntax, isAnd: true, at: range, left, right)
        case .binary(.or, let range, let left, let right): return logic(syntax, isAnd: false, at: range, left, right)
        case .binary(.in, let range, let left, let right): return membership(syntax, at: range, left, right)
        case .binary(.comparison(let symbol), let range, let left, let right): return comparison(syntax, symbol, at: range, left, right)
        case .binary(.arithmetic(let symbol), let range, let left, let right): return arithmetic(syntax, symbol, at: range, left, right)
        case .conditional(let condition, let then, let otherwise): return conditional(syntax, condition, then, otherwise)
        case .index: return unavailable(syntax.range, "'[...]' behind a value", hint: "read a field by its name: payment.amount")
        case .list: return unavailable(syntax.range, "a list here", hint: "a list may stand only to the right of 'in'")
        case .map: return unavailable(syntax.range, "a map", hint: "compare the fields one by one")
        case .message: return unavailable(syntax.range, "a record in braces", hint: "compare the fields one by one")
        }
    }

    /// E130: CEL has it, rules don't.
    mutating func unavailable(_ range: Range<Int>, _ what: String, hint: String) -> Plan? {
        fail("E130", range, "\(what) is not available in rules", hint: hint)
    }

    private mutating func constant(_ literal: Syntax.Literal, _ range: Range<Int>) -> Plan? {
        switch literal {
        case .bool(let value): return Plan(constant: .bool(value), range: range)
        case .int(let value): return Plan(constant: .int(value), range: range)
        case .double(let value): return Plan(constant: .double(value), range: range)
        case .string(let value): return Plan(constant: .string(value), range: range)
        case .null: return unavailable(range, "'null'", hint: "ask whether a field is present: has(payment.country)")
        case .uint(let value): return unavailable(range, "'\(value)u' (a uint)", hint: "write \(value)")
        case .bytes: return unavailable(range, "a bytes literal", hint: "write a string, without the b")
        }
    }
}

extension Plan {
    init(constant: Constant, range: Range<Int>) {
        self.init(type: constant.type, range: range, form: .constant(constant))
    }

    /// The value, if the node is a constant.
    package var constant: Constant? {
        if case .constant(let value) = form { return value }
        return nil
    }
}

extension Constant {
    package var type: ValueType {
        switch self {
        case .bool: .bool
        case .int: .int
        case .double: .double
        case .string: .string
        case .timestamp: .timestamp
        case .duration: .duration
        }
    }
}

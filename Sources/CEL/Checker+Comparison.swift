/// Comparison and membership.
extension Checker {
    mutating func comparison(_ syntax: Syntax, _ symbol: Comparison, at range: Range<Int>, _ left: Syntax, _ right: Syntax) -> Plan? {
        if isNull(left) || isNull(right) { return comparedWithNull(symbol, left, right) }
        let first = plan(left)
        let second = plan(right)
        guard let first, let second else { return nil }
        let (a, b) = Self.widened(left, first, right, second)
        guard a.type == b.type || Self.areNumbers(a, b) else {
            let note = "\(text(left)) is \(a.type.rawValue), \(text(right)) is \(b.type.rawValue)"
            let hint = comparisonHint(symbol, left, a, right, b)
            return fail("E110", range, "'\(symbol.rawValue)' can't compare \(a.type.rawValue) with \(b.type.rawValue)", note: note, hint: hint)
        }
        if let x = a.constant, let y = b.constant { return Plan(constant: .bool(Folding.compare(symbol, x, y)), range: syntax.range) }
        return Plan(type: .bool, range: syntax.range, form: .comparison(symbol, a, b))
    }

    private func isNull(_ syntax: Syntax) -> Bool {
        if case .literal(.null) = syntax.form { return true }
        return false
    }

    private mutating func comparedWithNull(_ symbol: Comparison, _ left: Syntax, _ right: Syntax) -> Plan? {
        let (null, other) = isNull(left) ? (left, right) : (right, left)
        guard let index = variable(other) else {
            if !isNull(other) { _ = plan(other) }
            return unavailable(null.range, "'null'", hint: "ask whether a field is present: has(payment.country)")
        }
        let name = environment.variables[index].name
        return unavailable(null.range, "'null'", hint: symbol == .equal ? "write !has(\(name))" : "write has(\(name))")
    }

    private static let generalHint = "both sides need one type"

    private func comparisonHint(_ symbol: Comparison, _ left: Syntax, _ a: Plan, _ right: Syntax, _ b: Plan) -> String {
        if a.type == .bool, !left.isParenthesised, case .binary(.comparison, _, _, let middle) = left.form {
            return "write \(text(left)) && \(text(middle)) \(symbol.rawValue) \(text(right))"
        }
        let sides = [(a, b), (b, a)]
        for (literal, other) in sides {
            guard case .string(let written) = literal.constant else { continue }
            switch other.type {
            case .int, .double: if Self.isNumber(written) { return "write \(written) without quotes" }
            case .bool: if written == "true" || written == "false" { return "write \(written) without quotes" }
            case .timestamp: return "write timestamp(\"\(written)\")"
            case .duration: return "write duration(\"\(written)\")"
            case .string: break
            }
        }
        for (literal, other) in sides where literal.constant != nil && other.type == .string {
            return "write \"\(text(literal.range))\" in quotes"
        }
        if a.type == .duration || b.type == .duration { return "a length of time is written duration(\"5m\")" }
        if a.type == .timestamp || b.type == .timestamp { return "a moment is written timestamp(\"2026-01-31T12:00:00Z\")" }
        return Self.generalHint
    }

    private func text(_ range: Range<Int>) -> String {
        Excerpt.of(bytes[range])
    }

    /// A text that reads as a number literal.
    static func isNumber(_ text: String) -> Bool {
        let parsed = Syntax.parse(text)
        guard parsed.diagnostics.isEmpty, case .literal(let literal) = parsed.syntax?.form else { return false }
        switch literal {
        case .int, .double: return true
        case .null, .bool, .uint, .string, .bytes: return false
        }
    }

    mutating func membership(_ syntax: Syntax, at range: Range<Int>, _ left: Syntax, _ right: Syntax) -> Plan? {
        let value = plan(left)
        if case .list(let elements) = right.form { return inConstants(syntax, left, value, elements) }
        if let first = right.path?.first, first.text == "lists", right.path?.count == 2, !isRecord("lists") {
            guard let list = list(right), let value else { return nil }
            guard value.type == .string else {
                let hint = "lists hold texts; compare with constants: \(text(left)) in [1, 2]"
                return fail("E117", left.range, "'in' looks for a string in lists.\(list); \(text(left)) is \(value.type.described)", hint: hint)
            }
            return Plan(type: .bool, range: syntax.range, form: .inNamedList(value, list: list))
        }
        guard let other = plan(right) else { return nil }
        let hint =
            other.type == .string && value?.type == .string
            ? "write \(text(right)).contains(\(bareText(left)))" : "write \(text(left)) in [...], or in lists.name"
        return fail("E118", right.range, "'in' needs a list to its right; \(text(right)) is \(other.type.described)", hint: hint)
    }

    private mutating func inConstants(_ syntax: Syntax, _ left: Syntax, _ value: Plan?, _ elements: [Syntax]) -> Plan? {
        var constants: [Constant] = []
        var isWhole = true
        for element in elements {
            guard let plan = plan(element) else {
                isWhole = false
                continue
            }
            guard let value else { continue }
            let widened = value.type == .double ? Self.asDouble(element, plan) : plan
            if widened.type != value.type {
                isWhole = false
                fail(
                    "E111", element.range, "'in' looks for \(value.type.described); \(text(element)) is \(widened.type.described)",
                    hint: elementHint(left, value, element, widened))
            } else if let constant = widened.constant {
                constants.append(constant)
            } else {
                isWhole = false
                fail(
                    "E114", element.range, "a list after 'in' holds constants only, not \(text(element))",
                    hint: "write \(text(left)) == \(text(element)) || ...")
            }
        }
        guard let value, isWhole else { return nil }
        if let constant = value.constant {
            return Plan(constant: .bool(constants.contains { Folding.compare(.equal, constant, $0) }), range: syntax.range)
        }
        return Plan(type: .bool, range: syntax.range, form: .inConstants(value, constants))
    }

    private func elementHint(_ left: Syntax, _ value: Plan, _ element: Syntax, _ found: Plan) -> String {
        if value.type == .int, found.type == .double { return "write double(\(bareText(left))) in [...]" }
        let hint = comparisonHint(.equal, left, value, element, found)
        return hint == Self.generalHint ? "every entry must be \(value.type.described)" : hint
    }
}

/// Operators: their types, and constants computed.
extension Checker {
    mutating func not(_ syntax: Syntax, _ operand: Syntax) -> Plan? {
        guard let value = condition(operand, of: "'!' needs true or false") else { return nil }
        if case .bool(let constant) = value.constant { return Plan(constant: .bool(!constant), range: syntax.range) }
        return Plan(type: .bool, range: syntax.range, form: .not(value))
    }

    mutating func logic(_ syntax: Syntax, isAnd: Bool, at range: Range<Int>, _ left: Syntax, _ right: Syntax) -> Plan? {
        let need = "'\(isAnd ? "&&" : "||")' needs true or false on both sides"
        let first = condition(left, of: need)
        let before = present
        present.formUnion(presence(left, when: isAnd))
        let second = condition(right, of: need, after: left)
        present = before
        guard let first, let second else { return nil }
        if case .bool(let a) = first.constant, case .bool(let b) = second.constant {
            return Plan(constant: .bool(isAnd ? a && b : a || b), range: syntax.range)
        }
        return Plan(type: .bool, range: syntax.range, form: isAnd ? .and(first, second) : .or(first, second))
    }

    /// An operand that must be true or false; `left` stands before it in a chain.
    private mutating func condition(_ operand: Syntax, of need: String, after left: Syntax? = nil) -> Plan? {
        guard let value = plan(operand) else { return nil }
        if value.type == .bool { return value }
        let text = text(operand)
        let hint: String
        if value.constant != nil {
            hint = "write the comparison again: \(left.flatMap { lastComparison($0) } ?? "payment.amount ==") \(text)"
        } else {
            hint = value.type == .string ? "compare it: \(text) == \"...\"" : "compare it: \(text) > ..."
        }
        return fail("E119", operand.range, "\(need); \(text) is \(value.type.described)", hint: hint)
    }

    /// The left side and the operator of the last comparison in a chain: `a == 1 || 2` means `a == 1 || a == 2`.
    private func lastComparison(_ syntax: Syntax) -> String? {
        guard case .binary(let symbol, _, let left, let right) = syntax.form else { return nil }
        switch symbol {
        case .comparison(let comparison): return "\(text(left)) \(comparison.rawValue)"
        case .and, .or: return lastComparison(right) ?? lastComparison(left)
        case .in, .arithmetic: return nil
        }
    }

    mutating func conditional(_ syntax: Syntax, _ condition: Syntax, _ then: Syntax, _ otherwise: Syntax) -> Plan? {
        let test = self.condition(condition, of: "'?' needs true or false before it")
        let first = plan(then, given: condition, true)
        let second = plan(otherwise, given: condition, false)
        guard let test, let first, let second else { return nil }
        let (a, b) = Self.widened(then, first, otherwise, second)
        guard a.type == b.type else {
            let hint = Self.areNumbers(a, b) ? "write double(\(bareText(a.type == .int ? then : otherwise)))" : "give both branches one type"
            let range = then.range.lowerBound..<otherwise.range.upperBound
            return fail("E115", range, "both branches of '? :' need one type: \(a.type.rawValue) : \(b.type.rawValue)", hint: hint)
        }
        return Plan(type: a.type, range: syntax.range, form: .conditional(test, then: a, otherwise: b))
    }

    mutating func negate(_ syntax: Syntax, _ operand: Syntax) -> Plan? {
        guard let value = plan(operand) else { return nil }
        switch value.type {
        case .int, .double:
            if let constant = value.constant {
                switch Folding.negate(constant) {
                case .value(let negated): return Plan(constant: negated, range: syntax.range)
                case .fails(let reason): warnOfFailure(syntax, reason)
                case .undecided: break
                }
            }
            return Plan(type: value.type, range: syntax.range, form: .negate(value))
        case .bool: return fail("E113", operand.range, "'-' needs a number; \(text(operand)) is a bool", hint: "write !\(text(operand))")
        case .string, .timestamp, .duration:
            return fail("E113", operand.range, "'-' needs a number; \(text(operand)) is \(value.type.described)", hint: "take the '-' away")
        }
    }

    private mutating func warnOfFailure(_ syntax: Syntax, _ reason: String) {
        warn("W202", syntax.range, "this always fails: \(reason)", hint: "an expression that fails does not match; change its numbers")
    }

    static func areNumbers(_ a: Plan, _ b: Plan) -> Bool {
        (a.type == .int && b.type == .double) || (a.type == .double && b.type == .int)
    }

    /// An int literal next to a double becomes a double literal.
    static func widened(_ left: Syntax, _ a: Plan, _ right: Syntax, _ b: Plan) -> (Plan, Plan) {
        (b.type == .double ? asDouble(left, a) : a, a.type == .double ? asDouble(right, b) : b)
    }

    static func asDouble(_ syntax: Syntax, _ plan: Plan) -> Plan {
        guard case .literal(.int(let value)) = syntax.form else { return plan }
        return Plan(constant: .double(Double(value)), range: plan.range)
    }

    mutating func arithmetic(_ syntax: Syntax, _ symbol: Arithmetic, at range: Range<Int>, _ left: Syntax, _ right: Syntax) -> Plan? {
        let first = plan(left)
        let second = plan(right)
        guard let first, let second else { return nil }
        let (a, b) = Self.widened(left, first, right, second)
        guard let type = Self.result(symbol, a.type, b.type) else { return noArithmetic(symbol, at: range, left, a, right, b) }
        if let x = a.constant, let y = b.constant {
            switch Folding.arithmetic(symbol, x, y) {
            case .value(let value): return Plan(constant: value, range: syntax.range)
            case .fails(let reason): warnOfFailure(syntax, reason)
            case .undecided: break
            }
        }
        return Plan(type: type, range: syntax.range, form: .arithmetic(symbol, a, b))
    }

    /// The type of `a symbol b`; nil if there is no such operation.
    static func result(_ symbol: Arithmetic, _ a: ValueType, _ b: ValueType) -> ValueType? {
        switch (symbol, a, b) {
        case (_, .int, .int): .int
        case (.add, .double, .double), (.subtract, .double, .double), (.multiply, .double, .double), (.divide, .double, .double): .double
        case (.add, .string, .string): .string
        case (.subtract, .timestamp, .timestamp): .duration
        case (.add, .timestamp, .duration), (.subtract, .timestamp, .duration), (.add, .duration, .timestamp): .timestamp
        case (.add, .duration, .duration), (.subtract, .duration, .duration): .duration
        default: nil
        }
    }

    private mutating func noArithmetic(_ symbol: Arithmetic, at range: Range<Int>, _ left: Syntax, _ a: Plan, _ right: Syntax, _ b: Plan) -> Plan? {
        let sign = symbol.rawValue
        if a.type == b.type {
            let hint: String =
                switch a.type {
                case .double: "'%' needs two ints: int(\(bareText(left))) % ..."
                case .string: "texts can only be joined with '+' and compared"
                case .bool: "join conditions with && or ||"
                case .timestamp: "timestamps can be subtracted: a - b is a duration"
                case .duration, .int: "durations can be added and subtracted"
                }
            return fail("E113", range, "'\(sign)' can't be used on two values of type \(a.type.rawValue)", hint: hint)
        }
        let hint: String
        if Self.areNumbers(a, b) {
            if symbol == .remainder {
                hint = a.type == .int ? "write \(text(left)) % int(\(bareText(right)))" : "write int(\(bareText(left))) % \(text(right))"
            } else {
                hint = a.type == .int ? "write double(\(bareText(left))) \(sign) \(text(right))" : "write \(text(left)) \(sign) double(\(bareText(right)))"
            }
        } else if [a.type, b.type].contains(where: { $0 == .timestamp || $0 == .duration }) {
            hint = "a length of time is written duration(\"5m\")"
        } else if case .string(let written) = (a.type == .string ? a : b).constant, Self.isNumber(written) {
            hint = "write \(written) without quotes"
        } else if a.type == .string || b.type == .string {
            let (other, syntax) = a.type == .string ? (b, right) : (a, left)
            hint = other.constant == nil ? "'+' joins texts, and only texts" : "write \"\(bareText(syntax))\" in quotes"
        } else {
            hint = "only numbers of one type, texts and times can be computed with"
        }
        return fail("E112", range, "'\(sign)' needs two values of one type: \(a.type.rawValue) \(sign) \(b.type.rawValue)", hint: hint)
    }
}

/// A parsed and type-checked expression: the typed plan that an evaluator executes. Immutable.
package struct CheckedExpression: Sendable {
    /// The text that positions count in.
    package var source: String
    package var root: Plan

    package init(source: String, root: Plan) {
        self.source = source
        self.root = root
    }

    package var type: ValueType { root.type }
}

/// The types that expressions have.
package enum ValueType: String, Sendable, CaseIterable {
    /// `timestamp` is nanoseconds-capable in CEL; here milliseconds since the epoch. `duration` is nanoseconds.
    case bool, int, double, string, timestamp, duration
}

/// One node of the typed plan. Both operands of an operator have the type that its form demands: the checker has put conversions in.
package struct Plan: Sendable {
    package var type: ValueType
    /// UTF-8 offsets into the expression's source, of the whole node.
    package var range: Range<Int>
    package var form: Form

    package init(type: ValueType, range: Range<Int>, form: Form) {
        self.type = type
        self.range = range
        self.form = form
    }

    package indirect enum Form: Sendable {
        case constant(Constant)
        /// Index into `Environment.variables`; absent (an optional variable without a value) is an error.
        case variable(Int)
        /// `has(payment.country)`: never an error.
        case has(Int)
        /// Absorbs errors from either side, as CEL demands.
        case and(Plan, Plan)
        case or(Plan, Plan)
        case not(Plan)
        /// Operands of one type, or int beside double (compared as doubles, on purpose lossily, as CEL does).
        case comparison(Comparison, Plan, Plan)
        /// Operands and result of one type: int (overflow and division by zero are errors), double (IEEE), string (`+`), or time arithmetic.
        case arithmetic(Arithmetic, Plan, Plan)
        case negate(Plan)
        case conditional(Plan, then: Plan, otherwise: Plan)
        /// `x in lists.name`: string against the entries of a declared list, as bytes.
        case inNamedList(Plan, list: String)
        /// `x in [a, b]`: constants of x's type.
        case inConstants(Plan, [Constant])
        /// `double(int)`.
        case intToDouble(Plan)
        /// `int(double)`: truncates; out of range, or NaN, is an error.
        case doubleToInt(Plan)
        /// `size(string)`: code points.
        case size(Plan)
        case startsWith(Plan, Plan)
        case endsWith(Plan, Plan)
        case contains(Plan, Plan)
    }
}

/// A literal's or folded value.
package enum Constant: Sendable, Equatable {
    case bool(Bool)
    case int(Int64)
    case double(Double)
    /// Compared as UTF-8 bytes.
    case string(String)
    /// Milliseconds since the epoch.
    case timestamp(Int64)
    /// Nanoseconds.
    case duration(Int64)
}

package enum Comparison: String, Sendable, CaseIterable {
    case equal = "=="
    case notEqual = "!="
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
}

package enum Arithmetic: String, Sendable, CaseIterable {
    case add = "+"
    case subtract = "-"
    case multiply = "*"
    case divide = "/"
    case remainder = "%"
}

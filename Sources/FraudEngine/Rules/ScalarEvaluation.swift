import CEL

/// A value of one payment.
enum ScalarValue: Equatable {
    case bool(Bool)
    case int(Int64)
    case double(Double)
    /// UTF-8.
    case string([UInt8])
    /// Milliseconds since the epoch.
    case timestamp(Int64)
    /// Nanoseconds.
    case duration(Int64)
}

/// Evaluates expressions on one payment, node by node: for evidence and reasons, and as the measure of the evaluation in columns. nil is an error.
struct ScalarEvaluation {
    /// By variable of the environment; nil is absent, or in error.
    var variables: [ScalarValue?]
    /// The variables in error: they are there all the same.
    var failing: Set<Int> = []
    /// By name of the list.
    var lists: [String: ByteSet]

    func value(_ plan: Plan) -> ScalarValue? {
        switch plan.form {
        case .constant(let constant): ScalarValue(constant)
        case .variable(let variable): variables[variable]
        case .has(let variable): .bool(variables[variable] != nil || failing.contains(variable))
        case .and(let a, let b): junction(a, b, decisive: false)
        case .or(let a, let b): junction(a, b, decisive: true)
        case .not(let operand): bool(operand).map { .bool(!$0) }
        case .comparison(let comparison, let a, let b): compare(comparison, value(a), value(b)).map { .bool($0) }
        case .arithmetic(let arithmetic, let a, let b): compute(arithmetic, value(a), value(b))
        case .negate(let operand): negated(value(operand))
        case .conditional(let condition, let then, let otherwise): bool(condition).flatMap { value($0 ? then : otherwise) }
        case .inNamedList(let operand, let list): bytes(operand).map { .bool(isMember($0, of: list)) }
        case .inConstants(let operand, let constants):
            value(operand).map { value in .bool(constants.contains { compare(.equal, value, ScalarValue($0)) == true }) }
        case .intToDouble(let operand): converted(value(operand))
        case .doubleToInt(let operand): truncated(value(operand))
        case .size(let operand): bytes(operand).map { bytes in .int(Int64(bytes.count { $0 & 0xC0 != 0x80 })) }
        case .startsWith(let a, let b): pair(a, b).map { .bool($0.starts(with: $1)) }
        case .endsWith(let a, let b): pair(a, b).map { .bool($0.reversed().starts(with: $1.reversed())) }
        case .contains(let a, let b): pair(a, b).map { .bool(Self.contains($0, $1)) }
        }
    }

    /// The condition holds: an error does not.
    func isTrue(_ plan: Plan) -> Bool { value(plan) == .bool(true) }

    private func bool(_ plan: Plan) -> Bool? {
        if case .bool(let value) = value(plan) { value } else { nil }
    }

    private func bytes(_ plan: Plan) -> [UInt8]? {
        if case .string(let bytes) = value(plan) { bytes } else { nil }
    }

    private func pair(_ a: Plan, _ b: Plan) -> ([UInt8], [UInt8])? {
        guard let left = bytes(a), let right = bytes(b) else { return nil }
        return (left, right)
    }

    /// `&&` and `||`: either side decides alone, even beside an error.
    private func junction(_ a: Plan, _ b: Plan, decisive: Bool) -> ScalarValue? {
        let left = bool(a)
        if left == decisive { return .bool(decisive) }
        let right = bool(b)
        if right == decisive { return .bool(decisive) }
        return left == nil || right == nil ? nil : .bool(!decisive)
    }

    private func compare(_ comparison: Comparison, _ a: ScalarValue?, _ b: ScalarValue?) -> Bool? {
        switch (a, b) {
        case (.bool(let x), .bool(let y)): comparison.holds(x ? 1 : 0, y ? 1 : 0)
        case (.int(let x), .int(let y)), (.timestamp(let x), .timestamp(let y)), (.duration(let x), .duration(let y)): comparison.holds(x, y)
        case (.double(let x), .double(let y)): comparison.holds(x, y)
        case (.int(let x), .double(let y)): comparison.holds(Double(x), y)
        case (.double(let x), .int(let y)): comparison.holds(x, Double(y))
        case (.string(let x), .string(let y)): comparison.holds(x == y ? 0 : x.lexicographicallyPrecedes(y) ? -1 : 1, 0)
        case (_, _): nil
        }
    }

    private func compute(_ arithmetic: Arithmetic, _ a: ScalarValue?, _ b: ScalarValue?) -> ScalarValue? {
        switch (a, b) {
        case (.int(let x), .int(let y)): arithmetic.exact(x, y).map { .int($0) }
        case (.duration(let x), .duration(let y)): arithmetic.exact(x, y).map { .duration($0) }
        case (.double(let x), .double(let y)): .double(arithmetic.rounded(x, y))
        case (.string(let x), .string(let y)): .string(x + y)
        case (.timestamp(let x), .timestamp(let y)): exact(TimeArithmetic.nanoseconds(from: y, to: x)).map { .duration($0) }
        case (.timestamp(let x), .duration(let y)): exact(TimeArithmetic.shift(x, by: y, isBack: arithmetic == .subtract)).map { .timestamp($0) }
        case (.duration(let x), .timestamp(let y)): exact(TimeArithmetic.shift(y, by: x, isBack: false)).map { .timestamp($0) }
        case (_, _): nil
        }
    }

    private func exact(_ result: (partialValue: Int64, overflow: Bool)) -> Int64? { result.overflow ? nil : result.partialValue }

    private func negated(_ value: ScalarValue?) -> ScalarValue? {
        switch value {
        case .int(let x): x == .min ? nil : .int(-x)
        case .duration(let x): x == .min ? nil : .duration(-x)
        case .double(let x): .double(-x)
        case .bool, .string, .timestamp, nil: nil
        }
    }

    private func converted(_ value: ScalarValue?) -> ScalarValue? {
        if case .int(let x) = value { .double(Double(x)) } else { nil }
    }

    private func truncated(_ value: ScalarValue?) -> ScalarValue? {
        guard case .double(let x) = value, x > -0x1p63, x < 0x1p63 else { return nil }
        return .int(Int64(x))
    }

    private func isMember(_ bytes: [UInt8], of list: String) -> Bool {
        guard let members = lists[list] else { return false }
        return bytes.withUnsafeBytes { members.contains(ByteSlice($0), packed: PackedString.pack(ByteSlice($0))) }
    }

    private static func contains(_ bytes: [UInt8], _ part: [UInt8]) -> Bool {
        guard part.count <= bytes.count else { return false }
        return (0...(bytes.count - part.count)).contains { bytes[$0...].starts(with: part) }
    }
}

extension ScalarValue {
    init(_ constant: Constant) {
        switch constant {
        case .bool(let value): self = .bool(value)
        case .int(let value): self = .int(value)
        case .double(let value): self = .double(value)
        case .string(let value): self = .string(Array(value.utf8))
        case .timestamp(let value): self = .timestamp(value)
        case .duration(let value): self = .duration(value)
        }
    }
}

extension Comparison {
    /// Whether `a` stands so to `b`; of NaN only `!=` is true.
    func holds<T: Comparable>(_ a: T, _ b: T) -> Bool {
        switch self {
        case .equal: a == b
        case .notEqual: a != b
        case .less: a < b
        case .lessOrEqual: a <= b
        case .greater: a > b
        case .greaterOrEqual: a >= b
        }
    }
}

extension Arithmetic {
    /// nil where the result leaves Int64 or the divisor is zero.
    fileprivate func exact(_ a: Int64, _ b: Int64) -> Int64? {
        let result =
            switch self {
            case .add: a.addingReportingOverflow(b)
            case .subtract: a.subtractingReportingOverflow(b)
            case .multiply: a.multipliedReportingOverflow(by: b)
            case .divide: a.dividedReportingOverflow(by: b)
            case .remainder: a.remainderReportingOverflow(dividingBy: b)
            }
        return result.overflow ? nil : result.partialValue
    }

    fileprivate func rounded(_ a: Double, _ b: Double) -> Double {
        switch self {
        case .add: a + b
        case .subtract: a - b
        case .multiply: a * b
        case .divide: a / b
        case .remainder: a.truncatingRemainder(dividingBy: b)
        }
    }
}

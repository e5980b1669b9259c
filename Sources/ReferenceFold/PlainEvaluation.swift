import CEL

/// A value of an expression.
enum PlainValue: Equatable {
    case bool(Bool)
    case int(Int64)
    case double(Double)
    case string(Bytes)
    /// Milliseconds since the epoch.
    case timestamp(Int64)
    /// Nanoseconds.
    case duration(Int64)

    init(_ constant: CEL.Constant) {
        switch constant {
        case .bool(let value): self = .bool(value)
        case .int(let value): self = .int(value)
        case .double(let value): self = .double(value)
        case .string(let value): self = .string(Bytes(value.utf8))
        case .timestamp(let value): self = .timestamp(value)
        case .duration(let value): self = .duration(value)
        }
    }
}

/// What a variable holds for one payment.
enum PlainVariableValue {
    case value(PlainValue)
    /// An attribute that the payment does not have.
    case absent
    /// A sum beyond 64 bits.
    case error

    var value: PlainValue? {
        if case .value(let value) = self { value } else { nil }
    }
}

/// CEL over one payment by walking the checked tree; nil is an error.
struct PlainEvaluation {
    /// By number.
    var variables: [PlainVariableValue]
    var lists: [String: Set<Bytes>]

    func isTrue(_ tree: CEL.Plan) -> Bool { value(tree) == .bool(true) }

    func value(_ tree: CEL.Plan) -> PlainValue? {
        switch tree.form {
        case .constant(let constant): return PlainValue(constant)
        case .variable(let number): return variables[number].value
        case .has(let number):
            if case .absent = variables[number] { return .bool(false) }
            return .bool(true)
        case .and(let a, let b): return both(truth(a), truth(b))
        // De Morgan: an alternative is false where both sides are.
        case .or(let a, let b): return inverted(both(truth(a).map { !$0 }, truth(b).map { !$0 }))
        case .not(let a): return inverted(value(a))
        case .negate(let a): return negated(value(a))
        case .conditional(let condition, let a, let b):
            guard let condition = truth(condition) else { return nil }
            return value(condition ? a : b)
        case .comparison(let comparison, let a, let b):
            guard let a = value(a), let b = value(b) else { return nil }
            return compare(comparison, a, b)
        case .arithmetic(let arithmetic, let a, let b):
            guard let a = value(a), let b = value(b) else { return nil }
            return compute(arithmetic, a, b)
        case .intToDouble(let a):
            guard case .int(let number) = value(a) else { return nil }
            return .double(Double(number))
        case .doubleToInt(let a):
            guard case .double(let number) = value(a), number.magnitude < 9_223_372_036_854_775_808 else { return nil }
            return .int(Int64(number))
        case .size(let a):
            guard let text = text(a) else { return nil }
            return .int(Int64(text.filter { !(0x80..<0xc0 ~= $0) }.count))
        case .inNamedList(let a, let list): return text(a).map { .bool(lists[list]?.contains($0) ?? false) }
        case .inConstants(let a, let constants):
            guard let a = value(a) else { return nil }
            return .bool(constants.contains { compare(.equal, a, PlainValue($0)) == .bool(true) })
        case .startsWith(let a, let b): return texts(a, b) { $0.starts(with: $1) }
        case .endsWith(let a, let b): return texts(a, b) { $0.count >= $1.count && Bytes($0.suffix($1.count)) == $1 }
        case .contains(let a, let b):
            return texts(a, b) { text, part in
                part.count <= text.count && (0...text.count - part.count).contains { Bytes(text[$0..<$0 + part.count]) == part }
            }
        }
    }

    private func truth(_ tree: CEL.Plan) -> Bool? {
        guard case .bool(let value) = value(tree) else { return nil }
        return value
    }

    private func text(_ tree: CEL.Plan) -> Bytes? {
        guard case .string(let value) = value(tree) else { return nil }
        return value
    }

    private func texts(_ a: CEL.Plan, _ b: CEL.Plan, _ test: (Bytes, Bytes) -> Bool) -> PlainValue? {
        guard let a = text(a), let b = text(b) else { return nil }
        return .bool(test(a, b))
    }

    /// False beside an error is false, true beside an error is an error.
    private func both(_ a: Bool?, _ b: Bool?) -> PlainValue? {
        if a == false || b == false { return .bool(false) }
        return a == nil || b == nil ? nil : .bool(true)
    }

    private func inverted(_ value: PlainValue?) -> PlainValue? {
        guard case .bool(let value) = value else { return nil }
        return .bool(!value)
    }

    private func negated(_ value: PlainValue?) -> PlainValue? {
        switch value {
        case .int(let number): Int64(exactly: -Int128(number)).map { .int($0) }
        case .duration(let number): Int64(exactly: -Int128(number)).map { .duration($0) }
        case .double(let number): .double(-number)
        case .bool, .string, .timestamp, nil: nil
        }
    }

    private func compare(_ comparison: CEL.Comparison, _ a: PlainValue, _ b: PlainValue) -> PlainValue? {
        switch (a, b) {
        case (.bool(let a), .bool(let b)): .bool(Self.holds(comparison, a ? 1 : 0, b ? 1 : 0))
        case (.int(let a), .int(let b)), (.timestamp(let a), .timestamp(let b)), (.duration(let a), .duration(let b)):
            .bool(Self.holds(comparison, a, b))
        case (.double(let a), .double(let b)): .bool(Self.holds(comparison, a, b))
        case (.int(let a), .double(let b)): .bool(Self.holds(comparison, Double(a), b))
        case (.double(let a), .int(let b)): .bool(Self.holds(comparison, a, Double(b)))
        case (.string(let a), .string(let b)):
            .bool(Self.holds(comparison, a == b ? 0 : a.lexicographicallyPrecedes(b) ? -1 : 1, 0))
        case (_, _): nil
        }
    }

    private static func holds<Value: Comparable>(_ comparison: CEL.Comparison, _ a: Value, _ b: Value) -> Bool {
        switch comparison {
        case .equal: a == b
        case .notEqual: a != b
        case .less: a < b
        case .lessOrEqual: a <= b
        case .greater: a > b
        case .greaterOrEqual: a >= b
        }
    }

    private func compute(_ arithmetic: CEL.Arithmetic, _ a: PlainValue, _ b: PlainValue) -> PlainValue? {
        let nanosecondsPerMillisecond: Int128 = 1_000_000
        switch (a, b) {
        case (.int(let a), .int(let b)): return Self.whole(arithmetic, a, b).map { .int($0) }
        case (.duration(let a), .duration(let b)): return Self.whole(arithmetic, a, b).map { .duration($0) }
        case (.double(let a), .double(let b)): return .double(Self.rounded(arithmetic, a, b))
        case (.string(let a), .string(let b)): return .string(a + b)
        case (.timestamp(let a), .timestamp(let b)):
            return Int64(exactly: (Int128(a) - Int128(b)) * nanosecondsPerMillisecond).map { .duration($0) }
        case (.timestamp(let time), .duration(let length)):
            let length = arithmetic == .subtract ? -Int128(length) : Int128(length)
            return Self.time(nanoseconds: Int128(time) * nanosecondsPerMillisecond + length)
        case (.duration(let length), .timestamp(let time)):
            return Self.time(nanoseconds: Int128(time) * nanosecondsPerMillisecond + Int128(length))
        case (_, _): return nil
        }
    }

    /// The millisecond that holds the moment; an error beyond the years 1 to 9999.
    private static func time(nanoseconds: Int128) -> PlainValue? {
        let (quotient, rest) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000)
        guard let time = Int64(exactly: rest < 0 ? quotient - 1 : quotient), PlainTime.range.contains(time) else { return nil }
        return .timestamp(time)
    }

    /// An error beyond 64 bits and for a divisor of zero.
    private static func whole(_ arithmetic: CEL.Arithmetic, _ a: Int64, _ b: Int64) -> Int64? {
        let (x, y) = (Int128(a), Int128(b))
        switch arithmetic {
        case .add: return Int64(exactly: x + y)
        case .subtract: return Int64(exactly: x - y)
        case .multiply: return Int64(exactly: x * y)
        case .divide: return b == 0 ? nil : Int64(exactly: x / y)
        // The quotient must exist as well.
        case .remainder: return b == 0 || a == .min && b == -1 ? nil : Int64(exactly: x % y)
        }
    }

    private static func rounded(_ arithmetic: CEL.Arithmetic, _ a: Double, _ b: Double) -> Double {
        switch arithmetic {
        case .add: a + b
        case .subtract: a - b
        case .multiply: a * b
        case .divide: a / b
        case .remainder: a.truncatingRemainder(dividingBy: b)
        }
    }
}

import CEL

@testable import FraudEngine

/// Typed plans of every shape over the fixture's variables, whether or not the checker would build them so.
struct RandomPlans {
    var random: SplitMix
    let variables = RuleFixture.environment.variables

    static let integers: [Int64] = [.min, .min + 1, -1_000_000, -2, -1, 0, 1, 2, 3, 20, 1_000_000, 1 << 53, (1 << 53) + 1, .max - 1, .max]
    static let doubles: [Double] = [
        -.infinity, -0x1p63, -1.5, -0.0, 0, 0.29, 1, 4.35, 20, 0x1p53, 0x1p63, 9.3e18, .infinity, .nan, .leastNonzeroMagnitude,
    ]
    static let strings = [
        "", "D", "DE", "DEU", "VN", "seven77", "1234567", "12345678", "123456789", "merchant-0000000001", "merchant-0000000002", "e\u{301}", "\u{e9}",
        "a\0", "a", "a\0\0\0\0\0\0\0",
    ]
    static let times: [Int64] = [-62_135_596_800_000, -1, 0, 1, 1_795_428_299_120, 253_402_300_799_999]
    static let durations: [Int64] = [.min, -1_000_001, -1_000_000, -1, 0, 1, 999_999, 1_000_000, 300_000_000_000, .max]

    mutating func plan(_ type: ValueType, depth: Int) -> Plan {
        if depth == 0 || chance(6) { return leaf(type) }
        if chance(8) {
            return node(type, .conditional(plan(.bool, depth: depth - 1), then: plan(type, depth: depth - 1), otherwise: plan(type, depth: depth - 1)))
        }
        return node(type, form(type, depth - 1))
    }

    private mutating func form(_ type: ValueType, _ depth: Int) -> Plan.Form {
        switch type {
        case .bool: boolForm(depth)
        case .int:
            switch Int.random(in: 0..<8, using: &random) {
            case 0: .negate(plan(.int, depth: depth))
            case 1: .size(plan(.string, depth: depth))
            case 2: .doubleToInt(plan(.double, depth: depth))
            case _: .arithmetic(arithmetic(5), plan(.int, depth: depth), plan(.int, depth: depth))
            }
        case .double:
            switch Int.random(in: 0..<6, using: &random) {
            case 0: .negate(plan(.double, depth: depth))
            case 1: .intToDouble(plan(.int, depth: depth))
            case _: .arithmetic(arithmetic(4), plan(.double, depth: depth), plan(.double, depth: depth))
            }
        case .string: .arithmetic(.add, plan(.string, depth: depth), plan(.string, depth: depth))
        case .timestamp:
            chance(3)
                ? .arithmetic(.add, plan(.duration, depth: depth), plan(.timestamp, depth: depth))
                : .arithmetic(arithmetic(2), plan(.timestamp, depth: depth), plan(.duration, depth: depth))
        case .duration:
            chance(3)
                ? .negate(plan(.duration, depth: depth))
                : chance(2)
                    ? .arithmetic(.subtract, plan(.timestamp, depth: depth), plan(.timestamp, depth: depth))
                    : .arithmetic(arithmetic(2), plan(.duration, depth: depth), plan(.duration, depth: depth))
        }
    }

    private mutating func boolForm(_ depth: Int) -> Plan.Form {
        switch Int.random(in: 0..<14, using: &random) {
        case 0, 1, 2: .and(plan(.bool, depth: depth), plan(.bool, depth: depth))
        case 3, 4, 5: .or(plan(.bool, depth: depth), plan(.bool, depth: depth))
        case 6: .not(plan(.bool, depth: depth))
        case 7: .inNamedList(plan(.string, depth: depth), list: pick(["short", "long", "none"]))
        case 8: membership(pick(ValueType.allCases), depth)
        case 9: .startsWith(plan(.string, depth: depth), plan(.string, depth: depth))
        case 10:
            chance(2)
                ? .endsWith(plan(.string, depth: depth), plan(.string, depth: depth)) : .contains(plan(.string, depth: depth), plan(.string, depth: depth))
        case 11: mixedComparison(depth)
        case _: comparison(pick(ValueType.allCases), depth)
        }
    }

    private mutating func membership(_ type: ValueType, _ depth: Int) -> Plan.Form {
        .inConstants(plan(type, depth: depth), (0..<Int.random(in: 0...4, using: &random)).map { _ in constant(type) })
    }

    private mutating func comparison(_ type: ValueType, _ depth: Int) -> Plan.Form {
        .comparison(pick(Comparison.allCases), plan(type, depth: depth), plan(type, depth: depth))
    }

    private mutating func mixedComparison(_ depth: Int) -> Plan.Form {
        let isIntLeft = chance(2)
        return .comparison(pick(Comparison.allCases), plan(isIntLeft ? .int : .double, depth: depth), plan(isIntLeft ? .double : .int, depth: depth))
    }

    private mutating func leaf(_ type: ValueType) -> Plan {
        if type == .bool, chance(2) {
            return node(.bool, .has(Int.random(in: 0..<RuleEnvironment.firstField + RuleFixture.schema.fields.count, using: &random)))
        }
        let candidates = variables.indices.filter { variables[$0].type == type }
        if let variable = candidates.randomElement(using: &random), !chance(3) { return node(type, .variable(variable)) }
        return node(type, .constant(constant(type)))
    }

    private mutating func constant(_ type: ValueType) -> Constant {
        switch type {
        case .bool: .bool(chance(2))
        case .int: .int(pick(Self.integers))
        case .double: .double(pick(Self.doubles))
        case .string: .string(pick(Self.strings))
        case .timestamp: .timestamp(pick(Self.times))
        case .duration: .duration(pick(Self.durations))
        }
    }

    private func node(_ type: ValueType, _ form: Plan.Form) -> Plan { Plan(type: type, range: 0..<1, form: form) }

    private mutating func arithmetic(_ count: Int) -> Arithmetic { pick(Array(Arithmetic.allCases.prefix(count))) }

    mutating func chance(_ one: Int) -> Bool { Int.random(in: 0..<one, using: &random) == 0 }

    mutating func pick<T>(_ values: [T]) -> T { values.randomElement(using: &random)! }

    /// Adds rows of hard values, each payment at a lane of its own.
    mutating func fill(_ fixture: inout RuleFixture, rows: Int) {
        fixture.removeAll()
        let lanes = Array(0..<PaymentBatch.capacity).shuffled(using: &random)
        for row in 0..<rows {
            fixture.add(
                lane: lanes[row], account: pick(Self.strings), paymentID: pick(Self.strings), amount: pick(Self.integers.filter { $0 >= 0 }),
                currency: pick(["EUR", "JPY", "BHD", "CLF"]), occurredAt: pick(Self.times), count: Int64.random(in: 1...40, using: &random),
                sum: pick(Self.integers.filter { $0 >= 0 }))
            if chance(10) { fixture.columns.windowSumOverflow |= 1 << UInt64(row) }
            fixture.set("merchant", string: pick(Self.strings))
            if !chance(4) { fixture.set("country", string: pick(Self.strings)) }
            if !chance(4) { fixture.set("items", int: pick(Self.integers)) }
            if !chance(4) { fixture.set("ratio", double: pick(Self.doubles)) }
            if !chance(4) { fixture.set("is_online", bits: chance(2) ? 1 : 0) }
            if !chance(4) { fixture.set("opened_at", int: pick(Self.times)) }
        }
    }
}

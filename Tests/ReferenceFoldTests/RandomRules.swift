import CEL
import FraudEngine

/// Rules of random checked trees over what the streams' payments have, with reasons that print values of every type.
struct RandomRules {
    var random: Seeded
    private let schema = PaymentSchema(fields: [
        .init(name: "country", kind: .string, maxLength: 6), .init(name: "items", kind: .int), .init(name: "ratio", kind: .double),
        .init(name: "is_online", kind: .bool), .init(name: "opened_at", kind: .timestamp),
    ])
    private let features = [
        Feature(name: "account.count_5m", aggregate: .count), Feature(name: "account.sum_5m", aggregate: .sum),
        Feature(name: "account.earlier_count_5m", aggregate: .count, includesCurrent: false),
        Feature(name: "account.earlier_sum_5m", aggregate: .sum, includesCurrent: false),
    ]
    private let lists = ["some": ["DE", "", "EUR", "a1", "acc-with-a-longer-name-4"], "none": []]
    private var variables: [CEL.Environment.Variable] { RuleEnvironment.make(schema: schema, features: features, lists: Array(lists.keys)).variables }

    init(seed: UInt64) { random = Seeded(state: seed) }

    mutating func set(_ count: Int) -> RuleSet {
        let rules = (0..<count).map { number in
            let source = "rule \(number) of \"random\" parts"
            let parts = ValueType.allCases.flatMap { type -> [ReasonTemplate.Part] in
                let decimals = type == .int || type == .double ? random.pick([nil, 0, 2, 9]) : nil
                return [.text(" \(type.rawValue)\t"), .value(CheckedExpression(source: source, root: tree(type, 2)), decimals: decimals)]
            }
            let condition = CheckedExpression(source: source, root: tree(.bool, 1 + number % 5))
            var rule = Rule(id: "rule-\(number)", title: "Rule \(number)", condition: condition, reason: ReasonTemplate(parts: parts))
            rule.oncePer = random.chance(3) ? .period(milliseconds: 420_000) : .payment
            rule.score = Int.random(in: 0...30, using: &random)
            rule.action = random.pick([.review, .block, .review])
            rule.status = random.pick([.active, .active, .shadow])
            return rule
        }
        return RuleSet(
            hash: RuleSetHash(hexadecimal: String(repeating: "ab", count: 32)), rules: rules, schema: schema, features: features, lists: lists,
            policy: DecisionPolicy())
    }

    private mutating func tree(_ type: ValueType, _ depth: Int) -> Plan {
        let range = Int.random(in: 0...10, using: &random)..<Int.random(in: 10...22, using: &random)
        if depth == 0 || random.chance(6) { return Plan(type: type, range: range, form: leaf(type)) }
        if random.chance(9) {
            return Plan(type: type, range: range, form: .conditional(tree(.bool, depth - 1), then: tree(type, depth - 1), otherwise: tree(type, depth - 1)))
        }
        return Plan(type: type, range: range, form: form(type, depth - 1))
    }

    private mutating func leaf(_ type: ValueType) -> Plan.Form {
        if type == .bool, random.chance(2) { return .has(Int.random(in: 0..<variables.count, using: &random)) }
        let known = variables.indices.filter { variables[$0].type == type }
        return known.isEmpty || random.chance(3) ? .constant(constant(type)) : .variable(random.pick(known))
    }

    private mutating func form(_ type: ValueType, _ depth: Int) -> Plan.Form {
        switch type {
        case .bool: boolForm(depth)
        case .int:
            switch Int.random(in: 0..<6, using: &random) {
            case 0: .negate(tree(.int, depth))
            case 1: .size(tree(.string, depth))
            case 2: .doubleToInt(tree(.double, depth))
            case _: .arithmetic(random.pick(Arithmetic.allCases), tree(.int, depth), tree(.int, depth))
            }
        case .double:
            switch Int.random(in: 0..<5, using: &random) {
            case 0: .negate(tree(.double, depth))
            case 1: .intToDouble(tree(.int, depth))
            case _: .arithmetic(random.pick([.add, .subtract, .multiply, .divide]), tree(.double, depth), tree(.double, depth))
            }
        case .string: .arithmetic(.add, tree(.string, depth), tree(.string, depth))
        case .timestamp:
            random.chance(3)
                ? .arithmetic(.add, tree(.duration, depth), tree(.timestamp, depth))
                : .arithmetic(random.pick([.add, .subtract]), tree(.timestamp, depth), tree(.duration, depth))
        case .duration:
            random.chance(2)
                ? .arithmetic(.subtract, tree(.timestamp, depth), tree(.timestamp, depth))
                : .arithmetic(random.pick([.add, .subtract]), tree(.duration, depth), tree(.duration, depth))
        }
    }

    private mutating func boolForm(_ depth: Int) -> Plan.Form {
        let type = random.pick(ValueType.allCases)
        switch Int.random(in: 0..<13, using: &random) {
        case 0, 1: return .and(tree(.bool, depth), tree(.bool, depth))
        case 2, 3, 4: return .or(tree(.bool, depth), tree(.bool, depth))
        case 5: return .not(tree(.bool, depth))
        case 6: return .inNamedList(tree(.string, depth), list: random.pick(["some", "none"]))
        case 7: return .inConstants(tree(type, depth), (0..<Int.random(in: 0...4, using: &random)).map { _ in constant(type) })
        case 8: return .startsWith(tree(.string, depth), tree(.string, depth))
        case 9: return random.chance(2) ? .endsWith(tree(.string, depth), tree(.string, depth)) : .contains(tree(.string, depth), tree(.string, depth))
        case 10: return .comparison(random.pick(Comparison.allCases), tree(.int, depth), tree(.double, depth))
        case _: return .comparison(random.pick(Comparison.allCases), tree(type, depth), tree(type, depth))
        }
    }

    private mutating func constant(_ type: ValueType) -> Constant {
        switch type {
        case .bool: .bool(random.chance(2))
        case .int: .int(random.pick([.min, -1_000_000, -2, -1, 0, 1, 2, 3, 20, 1 << 53, (1 << 53) + 1, .max]))
        case .double:
            .double(
                random.pick([
                    -.infinity, -0x1p63, -1.5, -0.0, 0, 0.29, 1e-7, 4.35, 2.5, 1e21, 123_456.789, 0x1p63, .infinity, .nan, .leastNonzeroMagnitude,
                ]))
        case .string: .string(random.pick(["", "D", "DE", "VN", "é", "e\u{301}", "a\0", "1", "acc-with", "name-4", "\u{1}\"\\", "EUR"]))
        case .timestamp: .timestamp(random.pick([-62_135_596_800_000, -1, 0, 1_795_428_000_000, 253_402_300_799_999]))
        case .duration: .duration(random.pick([.min, -1_000_001, -1, 0, 1, 999_999, 1_000_000, 5_400_000_000_000, 3_661_001_002_003, .max]))
        }
    }
}

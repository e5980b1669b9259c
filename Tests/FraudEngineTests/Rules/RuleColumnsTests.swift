import CEL
import Testing

@testable import FraudEngine

@Suite struct RuleColumnsTests {
    @Test(arguments: [1, 2, 3, 4, 5, 6, 7, 8] as [UInt64])
    func `columns find what a walk over the plan finds, row by row`(_ seed: UInt64) {
        var plans = RandomPlans(random: SplitMix(state: seed))
        for round in 0..<25 {
            let rules = (0..<24).map { index in
                Rule(
                    id: "rule-\(index)", title: "", condition: CheckedExpression(source: " ", root: plans.plan(.bool, depth: 1 + index % 5)),
                    reason: ReasonTemplate(parts: []))
            }
            var fixture = RuleFixture(rules)
            for rows in [64, 1, Int.random(in: 2..<64, using: &plans.random)] {
                plans.fill(&fixture, rows: rows)
                fixture.evaluate()
                for rule in fixture.set.rules.indices {
                    let expected = scalar(fixture, rule)
                    #expect(fixture.evaluator.matches(rule) == expected.matches, "seed \(seed), round \(round): \(fixture.set.rules[rule].condition.root)")
                    #expect(fixture.evaluator.errors(rule) == expected.errors, "seed \(seed), round \(round): \(fixture.set.rules[rule].condition.root)")
                }
            }
        }
    }

    private func scalar(_ fixture: borrowing RuleFixture, _ rule: Int) -> (matches: UInt64, errors: UInt64) {
        var found: (matches: UInt64, errors: UInt64) = (0, 0)
        for row in 0..<fixture.columns.count {
            switch fixture.explanation.evaluation(of: row, fixture.columns, fixture.batch).value(fixture.set.rules[rule].condition.root) {
            case .bool(true): found.matches |= 1 << UInt64(row)
            case .bool(false): break
            case .int, .double, .string, .timestamp, .duration, nil: found.errors |= 1 << UInt64(row)
            }
        }
        return found
    }

    /// What becomes of one payment of 21 in the window, 29 minor units, with 3 items and without a country.
    private func outcome(_ condition: String) throws -> Bool? {
        var fixture = try RuleFixture(condition)
        fixture.add(account: "acc-1", paymentID: "p-1", amount: 29, currency: "EUR", occurredAt: 1_795_428_299_120, count: 21, sum: 435)
        fixture.set("items", int: 3)
        fixture.set("merchant", string: "merchant-0000000002")
        fixture.set("ratio", double: .nan)
        fixture.evaluate()
        #expect(fixture.evaluator.matches(0) & fixture.evaluator.errors(0) == 0)
        return fixture.evaluator.errors(0) == 1 ? nil : fixture.evaluator.matches(0) == 1
    }

    @Test(
        arguments: [
            ("account.count_5m > 20", true), ("account.count_5m > 21", false), ("20 < account.count_5m", true), ("account.count_5m > 20.5", true),
            ("account.earlier_count_5m == 20", true), ("payment.amount == 0.29", true), ("account.sum_5m == 4.35", true),
            ("account.earlier_sum_5m == 4.06", true),
            ("payment.currency == \"EUR\"", true), ("payment.currency < \"EUS\"", true), ("payment.merchant == \"merchant-0000000002\"", true),
            ("payment.merchant == \"merchant-0000000001\"", false), ("payment.merchant > \"merchant-0000000001\"", true),
            ("payment.merchant in lists.long", true), ("payment.merchant in lists.short", false), ("payment.currency in [\"USD\", \"EUR\"]", true),
            ("has(payment.country)", false), ("payment.country == \"DE\"", nil), ("has(payment.country) && payment.country == \"DE\"", false),
            ("payment.country == \"DE\" || account.count_5m > 20", true), ("payment.country == \"DE\" || account.count_5m > 30", nil),
            ("payment.country == \"DE\" && account.count_5m > 30", false), ("payment.items / (payment.items - 3) == 1", nil),
            ("payment.items * 9223372036854775807 > 0", nil), ("payment.ratio == payment.ratio", false), ("payment.ratio != payment.ratio", true),
            ("payment.ratio < 1.0", false), ("payment.merchant.startsWith(\"merchant-\")", true), ("payment.merchant.endsWith(\"02\")", true),
            ("payment.merchant.contains(\"-0000\")", true), ("payment.merchant.size() == 19", true),
            ("payment.occurred_at > timestamp(\"2026-11-23T10:04:59Z\")", true),
            ("payment.occurred_at - timestamp(\"2026-11-23T10:00:00Z\") < duration(\"5m\")", true),
            ("payment.occurred_at - timestamp(\"0001-01-01T00:00:00Z\") > duration(\"1h\")", nil),
            ("(payment.items > 2 ? payment.amount : payment.ratio) < 1.0", true),
        ] as [(String, Bool?)])
    func `a condition is true, false or in error as CEL says`(_ condition: String, _ expected: Bool?) throws {
        #expect(try outcome(condition) == expected)
    }

    @Test func `a rule judges only payments of the time in which it is in effect`() throws {
        var rule = try RuleFixture.rule("payment.items > 0")
        rule.effectiveFrom = 1_000
        rule.effectiveUntil = 2_000
        var fixture = RuleFixture([rule])
        for time in [999, 1_000, 1_999, 2_000] as [Int64] {
            fixture.add(occurredAt: time)
            fixture.set("items", int: 1)
        }
        fixture.evaluate()
        #expect(fixture.evaluator.matches(0) == 0b0110)
        for field in RuleFixture.schema.fields.indices { fixture.batch.present[field] = 0 }
        fixture.evaluate()
        #expect(fixture.evaluator.matches(0) == 0)
        #expect(fixture.evaluator.errors(0) == 0b0110)
    }

    @Test func `a disabled rule never matches nor fails, a shadow rule does both`() throws {
        var shadow = try RuleFixture.rule("payment.items > 0", id: "b")
        shadow.status = .shadow
        var disabled = try RuleFixture.rule("payment.items > 0", id: "a")
        disabled.status = .disabled
        var fixture = RuleFixture([disabled, shadow])
        fixture.add()
        fixture.add()
        fixture.set("items", int: 1)
        fixture.evaluate()
        #expect(fixture.evaluator.matches(0) == 0 && fixture.evaluator.errors(0) == 0)
        #expect(fixture.evaluator.matches(1) == 0b10 && fixture.evaluator.errors(1) == 0b01)
    }

    @Test func `nothing stands of an earlier evaluation`() throws {
        var fixture = try RuleFixture("account.count_5m > 2")
        for _ in 0..<64 { fixture.add(count: 3) }
        fixture.evaluate()
        #expect(fixture.evaluator.matches(0) == .max)
        fixture.removeAll()
        fixture.add(count: 3)
        fixture.evaluate()
        #expect(fixture.evaluator.matches(0) == 1)
        fixture.removeAll()
        fixture.evaluate()
        #expect(fixture.evaluator.matches(0) == 0 && fixture.evaluator.errors(0) == 0)
    }
}

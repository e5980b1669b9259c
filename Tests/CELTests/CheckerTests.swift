import CEL
import Testing

@Suite struct `The checker` {
    @Test(arguments: [
        ("payment.amount > 1000", ValueType.bool), ("account.count_5m + 1", .int), ("account.sum_5m / double(account.count_5m)", .double),
        ("payment.currency + \"x\"", .string), ("payment.occurred_at - account.first_seen", .duration), ("payment.occurred_at + account.idle", .timestamp),
        ("account.idle + payment.occurred_at", .timestamp), ("payment.occurred_at - duration(\"2h\")", .timestamp),
        ("account.idle - duration(\"2h\")", .duration),
        ("payment.occurred_at - account.first_seen > duration(\"24h\")", .bool), ("payment.account_id in lists.trusted_accounts", .bool),
        ("payment.currency in [\"NOK\", \"SEK\"]", .bool), ("account.count_5m in [1, 2]", .bool), ("payment.amount in [1, 2.5]", .bool),
        ("payment.currency in []", .bool),
        ("has(payment.country)", .bool), ("size(payment.currency) == 3", .bool), ("payment.currency.size()", .int),
        ("payment.currency.startsWith(\"N\")", .bool),
        ("payment.currency.endsWith(\"K\") || payment.currency.contains(\"O\")", .bool), ("int(payment.amount) % 100 == 0", .bool),
        ("-payment.amount", .double),
        ("account.count_5m > 5 ? 1 : payment.amount", .double), ("account.count_5m > 2.5", .bool), ("payment.amount > account.count_5m", .bool),
        ("!(payment.amount > 5 && account.count_5m < 3)", .bool), ("payment.currency < \"O\"", .bool), ("payment.amount == 0", .bool),
        ("5 * account.sum_5m", .double),
        ("payment.occurred_at >= timestamp(\"2026-01-31T12:00:00Z\")", .bool),
    ])
    func `accepts and types the language of rules`(source: String, type: ValueType) {
        #expect(CheckedExpression.check(source, in: environment).expression?.type == type)
        #expect(report(source) == [])
    }

    @Test func `makes a double of an int literal beside a double`() {
        guard case .comparison(.greater, let left, let right) = CheckedExpression.check("payment.amount > -1000", in: environment).expression?.root.form else {
            Issue.record("no comparison")
            return
        }
        #expect(left.type == .double)
        #expect(right.constant == .double(-1000))
    }

    @Test func `leaves an int variable beside a double as it is`() {
        guard case .comparison(.less, let left, let right) = CheckedExpression.check("account.count_5m < 2.5", in: environment).expression?.root.form else {
            Issue.record("no comparison")
            return
        }
        #expect(left.type == .int)
        #expect(right.type == .double)
    }

    @Test func `gives every node its range`() {
        let source = "has(payment.country) && payment.country in [\"NO\"]"
        guard case .and(let left, let right) = CheckedExpression.check(source, in: environment).expression?.root.form else {
            Issue.record("no conjunction")
            return
        }
        #expect(left.range == 0..<20)
        #expect(right.range == 24..<49)
        guard case .has(3) = left.form, case .inConstants(let value, let constants) = right.form, case .variable(3) = value.form else {
            Issue.record("another plan: \(left.form), \(right.form)")
            return
        }
        #expect(constants == [.string("NO")])
    }

    @Test(arguments: [
        ("1 + 2 * 3", Constant.int(7)), ("7 / -2", .int(-3)), ("-7 % 3", .int(-1)), ("-9223372036854775808", .int(.min)), ("1.0 / 0.0", .double(.infinity)),
        ("2 * 1.5", .double(3)),
        ("\"a\" + \"b\"", .string("ab")), ("-(3)", .int(-3)), ("1 < 2", .bool(true)), ("!(1 < 2)", .bool(false)), ("1 < 2 && 2 < 1", .bool(false)),
        ("\"e\u{301}\" == \"\u{E9}\"", .bool(false)), ("\"e\u{301}\" < \"f\"", .bool(true)), ("size(\"e\u{301}\")", .int(2)), ("\"\\r\\n\".size()", .int(2)),
        ("double(3)", .double(3)), ("int(2.9)", .int(2)), ("int(-2.9)", .int(-2)), ("3 in [1, 2, 3]", .bool(true)), ("0.0 / 0.0 == 0.0 / 0.0", .bool(false)),
        ("duration(\"1h30m\")", .duration(5_400_000_000_000)), ("duration(\"-1.5s\")", .duration(-1_500_000_000)),
        ("duration(\"250ms\")", .duration(250_000_000)),
        ("duration(\"1us\")", .duration(1_000)), ("duration(\"0\")", .duration(0)), ("duration(\".5h\")", .duration(1_800_000_000_000)),
        ("duration(\"0.000000001s\")", .duration(1)), ("duration(\"0.333333333333333333h\")", .duration(1_199_999_999_999)),
        ("duration(\"9223372036854775807ns\")", .duration(.max)), ("duration(\"-9223372036854775808ns\")", .duration(.min)),
        ("duration(\"2h\") - duration(\"30m\")", .duration(5_400_000_000_000)),
        ("timestamp(\"1970-01-01T00:00:00Z\")", .timestamp(0)), ("timestamp(\"2009-02-13T23:31:30.250Z\")", .timestamp(1_234_567_890_250)),
        ("timestamp(\"2009-02-14T01:01:30+01:30\")", .timestamp(1_234_567_890_000)), ("timestamp(\"0001-01-01T00:00:00Z\")", .timestamp(-62_135_596_800_000)),
        ("timestamp(\"9999-12-31T23:59:59.999Z\")", .timestamp(253_402_300_799_999)),
        ("timestamp(\"2024-02-29T00:00:00Z\") - timestamp(\"2024-02-28T00:00:00Z\")", .duration(86_400_000_000_000)),
        ("timestamp(\"1970-01-01T00:00:00Z\") + duration(\"2h\")", .timestamp(7_200_000)),
        ("duration(\"2h\") + timestamp(\"1970-01-01T00:00:00.500000Z\")", .timestamp(7_200_500)),
    ])
    func `computes constants`(source: String, value: Constant) {
        #expect(folded(source) == value)
        #expect(report(source) == [])
    }

    @Test func `keeps the sign of a zero`() {
        guard case .double(let value) = folded("-0.0") else {
            Issue.record("no constant")
            return
        }
        #expect(value.sign == .minus)
    }

    @Test(arguments: [
        ("9223372036854775807 + 1 > 0", "W202 this always fails: 9223372036854775807 + 1 is out of the range of int [9223372036854775807 + 1]"),
        ("1 / 0 > 0", "W202 this always fails: 1 / 0 divides by zero [1 / 0]"),
        ("1 % 0 > 0", "W202 this always fails: 1 % 0 divides by zero [1 % 0]"),
        ("-9223372036854775808 / -1 > 0", "W202 this always fails: -9223372036854775808 / -1 is out of the range of int [-9223372036854775808 / -1]"),
        ("-9223372036854775808 % -1 > 0", "W202 this always fails: -9223372036854775808 % -1 is out of the range of int [-9223372036854775808 % -1]"),
        ("-(-9223372036854775808) > 0", "W202 this always fails: -(-9223372036854775808) is out of the range of int [-(-9223372036854775808)]"),
        ("int(9223372036854775808.0) > 0", "W202 this always fails: 9.223372036854776e+18 is out of the range of int [int(9223372036854775808.0)]"),
    ])
    func `leaves a constant that fails to evaluation and warns`(source: String, warning: String) {
        #expect(CheckedExpression.check(source, in: environment).expression != nil)
        #expect(report(source) == [warning + " = an expression that fails does not match; change its numbers"])
    }

    @Test(arguments: [
        "has(account.previous_country) && account.previous_country == \"NO\"",
        "has(account.previous_country) && payment.amount > 5 && account.previous_country == \"NO\"",
        "payment.amount > 5 && (has(account.previous_country) && account.previous_country == \"NO\")",
        "has(account.previous_country) && (payment.amount > 5 || account.previous_country == \"NO\")",
        "has(account.previous_country) ? account.previous_country == \"NO\" : false",
        "!has(account.previous_country) || account.previous_country == \"NO\"",
        "!has(account.previous_country) ? false : account.previous_country == \"NO\"",
        "!(!has(account.previous_country)) && account.previous_country == \"NO\"",
        "!(has(account.previous_country) && payment.amount > 5) || account.previous_country == \"NO\"",
        "(has(account.previous_country) && has(payment.country)) && account.previous_country != payment.country",
    ])
    func `does not warn of a guarded optional field`(source: String) {
        #expect(report(source) == [])
    }

    @Test(arguments: [
        "account.previous_country == \"NO\"",
        "account.previous_country == \"NO\" && has(account.previous_country)",
        "has(account.previous_country) || account.previous_country == \"NO\"",
        "!has(account.previous_country) && account.previous_country == \"NO\"",
        "has(account.previous_country) ? false : account.previous_country == \"NO\"",
        "(has(account.previous_country) || payment.amount > 5) && account.previous_country == \"NO\"",
        "has(payment.country) && account.previous_country == \"NO\"",
        "(has(account.previous_country) && payment.amount > 5) || account.previous_country == \"NO\"",
        "account.previous_country == \"NO\" || account.previous_country == \"SE\"",
    ])
    func `warns once of an optional field read without a guard`(source: String) {
        #expect(
            report(source) == [
                "W201 account.previous_country is absent on an account's first payment [account.previous_country] = guard it: has(account.previous_country) && ..."
            ])
        #expect(CheckedExpression.check(source, in: environment).expression != nil)
    }

    @Test func `warns of an optional field without a stated absence`() {
        #expect(
            report("payment.card_present") == ["W201 payment.card_present may be absent [payment.card_present] = guard it: has(payment.card_present) && ..."])
    }

    @Test func `compares constants as UTF-8 bytes`() {
        #expect(Constant.string("e\u{301}") != .string("\u{E9}"))
        #expect(Constant.int(1) != .double(1))
    }
}

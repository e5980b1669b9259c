import CEL
import Testing

@testable import FraudEngine

@Suite struct RuleExplanationTests {
    private func payment(_ condition: String, reason: String = "") throws -> RuleFixture {
        var fixture = try RuleFixture(condition, reason: reason)
        fixture.add(lane: 7, account: "acc-\"1\"", amount: 25_000, currency: "EUR", occurredAt: 1_795_428_299_120, count: 21, sum: 1_250_050)
        fixture.set("merchant", string: "Bäcker \"Müller\"")
        fixture.set("items", int: 3)
        fixture.set("is_online", bits: 1)
        fixture.set("opened_at", int: 1_795_422_899_120)
        fixture.evaluate()
        return fixture
    }

    @Test(arguments: [
        ("account.count_5m > 20", #"[{"name":"account.count_5m","observed":21,"operator":">","threshold":20}]"#),
        (
            "account.count_5m > 20 && payment.amount >= 100.0",
            #"[{"name":"account.count_5m","observed":21,"operator":">","threshold":20},{"name":"payment.amount","observed":250,"operator":">=","threshold":100}]"#
        ),
        ("payment.amount > 1000.0 || account.sum_5m > 12500.0", #"[{"name":"account.sum_5m","observed":12500.5,"operator":">","threshold":12500}]"#),
        (
            "payment.country == \"DE\" || payment.currency == \"EUR\" || payment.items != 2",
            #"[{"name":"payment.currency","observed":"EUR","operator":"==","threshold":"EUR"},{"name":"payment.items","observed":3,"operator":"!=","threshold":2}]"#
        ),
        ("!(account.count_5m > 30)", #"[{"name":"!(account.count_5m > 30)","observed":true}]"#),
        ("payment.is_online", #"[{"name":"payment.is_online","observed":true}]"#),
        ("payment.currency in [\"EUR\"]", #"[{"name":"payment.currency in [\"EUR\"]","observed":true}]"#),
        (
            "payment.occurred_at - payment.opened_at == duration(\"90m\")",
            #"[{"name":"payment.occurred_at - payment.opened_at","observed":"1h30m","operator":"==","threshold":"1h30m"}]"#
        ),
        (
            "payment.opened_at < payment.occurred_at",
            #"[{"name":"payment.opened_at","observed":"2026-11-23T08:34:59.120Z","operator":"<","threshold":"2026-11-23T10:04:59.120Z"}]"#
        ),
    ])
    func `evidence is the true comparisons on the deciding path`(_ condition: String, _ expected: String) throws {
        let fixture = try payment(condition)
        #expect(fixture.evaluator.matches(0) == 1)
        #expect(fixture.evidence() == expected)
    }

    @Test(arguments: [
        ("{account.count_5m} payments in 5 min", #""21 payments in 5 min""#), ("{account.sum_5m:.2f} {payment.currency}", #""12500.50 EUR""#),
        ("{account.sum_5m} of {payment.amount}", #""12500.5 of 250""#), ("from {payment.country}", #""from –""#),
        ("{{{payment.items}}}", #""{3}""#), ("{payment.occurred_at - payment.opened_at}", #""1h30m""#), ("{payment.is_online}", #""true""#),
        ("by {payment.merchant}\n{payment.account_id}", #""by Bäcker \"Müller\"\nacc-\"1\"""#.replacing("\n", with: "\\n")),
        ("{payment.items:.1f}", #""3.0""#), ("{payment.amount > 10.0 ? \"}high:\" : \"low\"}", #""}high:""#), ("", #""""#),
        ("{payment.opened_at}", #""2026-11-23T08:34:59.120Z""#), ("{payment.amount / 3.0:.3f}", #""83.333""#),
    ])
    func `a reason is the template with its values`(_ reason: String, _ expected: String) throws {
        let fixture = try payment("true || payment.items > 0", reason: reason)
        #expect(fixture.reason() == expected)
    }

    @Test(
        arguments: [
            ("a } b", "E160", 2..<3), ("a { b", "E160", 2..<3), ("ab {payment.amont}", nil, 4..<18), ("{payment.currency:.2f}", "E161", 17..<21),
            ("ü {payment.items + 1.0}", nil, 4..<23),
        ] as [(String, String?, Range<Int>)])
    func `what is wrong with a reason is shown where it stands in the whole text`(_ reason: String, _ code: String?, _ range: Range<Int>) throws {
        let parsed = ReasonTemplate.parse(reason, in: RuleFixture.environment)
        #expect(parsed.template == nil)
        let first = try #require(parsed.diagnostics.first)
        if let code { #expect(first.code == code) }
        #expect(range.contains(first.range.lowerBound) && first.range.upperBound <= range.upperBound)
    }

    @Test func `a reason may read what may be absent`() {
        let parsed = ReasonTemplate.parse("from {payment.country}", in: RuleFixture.environment)
        #expect(parsed.template?.parts.count == 2)
        #expect(parsed.diagnostics.isEmpty)
    }
}

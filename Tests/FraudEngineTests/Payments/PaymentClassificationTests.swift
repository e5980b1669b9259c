import FraudEngine
import Testing

@Suite struct PaymentClassificationTests {
    /// What makes a payment invalid for one reason, as an edit of its members, its key and its Kafka timestamp.
    struct Flaw: Sendable {
        var reason: InvalidReason
        /// Flaws of one group edit the same thing and cannot be combined.
        var group: String
        var edit: @Sendable (inout Draft) -> Void
    }

    struct Draft {
        var id: String? = "\"p-1\""
        var account: String? = "\"a\""
        var amount: String? = "\"1.25\""
        var currency: String? = "\"EUR\""
        var at: String? = "\"2026-11-23T10:04:59.120Z\""
        var more: String?
        var tail = ""
        var key: String? = "a"
        var timestamp: Int64 = 1_795_428_299_120
    }

    static let flaws: [Flaw] = [
        Flaw(reason: .oversize, group: "tail") { $0.tail = String(repeating: " ", count: 1000) },
        Flaw(reason: .malformed, group: "tail") { $0.tail = "}" },
        Flaw(reason: .malformed, group: "more") { $0.more = "\"x\":[1,}" },
        Flaw(reason: .missingField, group: "id") { $0.id = nil },
        Flaw(reason: .missingField, group: "account") { $0.account = "null" },
        Flaw(reason: .missingField, group: "amount") { $0.amount = nil },
        Flaw(reason: .missingField, group: "currency") { $0.currency = nil },
        Flaw(reason: .missingField, group: "at") { $0.at = "null" },
        Flaw(reason: .missingField, group: "more") { $0.more = "\"must\":null" },
        Flaw(reason: .wrongType, group: "id") { $0.id = "\"\"" },
        Flaw(reason: .wrongType, group: "account") { $0.account = "17" },
        Flaw(reason: .wrongType, group: "amount") { $0.amount = "\"x\"" },
        Flaw(reason: .wrongType, group: "currency") { $0.currency = "978" },
        Flaw(reason: .wrongType, group: "at") { $0.at = "\"yesterday\"" },
        Flaw(reason: .wrongType, group: "more") { $0.more = "\"must\":1.5" },
        Flaw(reason: .unknownCurrency, group: "currency") { $0.currency = "\"eur\"" },
        Flaw(reason: .tooManyDigits, group: "amount") { $0.amount = "\"1.255\"" },
        Flaw(reason: .negativeAmount, group: "amount") { $0.amount = "\"-1.25\"" },
        Flaw(reason: .keyMissing, group: "key") { $0.key = nil },
        Flaw(reason: .keyMismatch, group: "key") { $0.key = "b" },
        Flaw(reason: .noTimestamp, group: "timestamp") { $0.timestamp = RawRecord.absentTimestamp },
        Flaw(reason: .fromFuture, group: "timestamp") { $0.timestamp = 1_795_428_299_120 - 5_001 },
    ]

    private func harness() -> DecoderHarness {
        var mapping = InputMapping()
        mapping.maxBytes = 1000
        mapping.amountStyle = .decimal
        return DecoderHarness(mapping, fields: [.init(name: "must", kind: .int, required: true)])
    }

    private func decode(_ draft: Draft, _ harness: DecoderHarness) -> Classification {
        let text = paymentText(
            id: draft.id, account: draft.account, amount: draft.amount, currency: draft.currency, at: draft.at, more: draft.more ?? "\"must\":1")
        return harness.decode(text + draft.tail, key: draft.key, timestamp: draft.timestamp)
    }

    @Test func `a draft without a flaw is a payment`() {
        #expect(decode(Draft(), harness()) == .payment)
    }

    @Test func `every reason is reached, and of two flaws the first reason is named`() {
        let harness = harness()
        #expect(Set(Self.flaws.map(\.reason.rawValue)).count == InvalidReason.allCases.count)
        for (first, one) in Self.flaws.enumerated() {
            var alone = Draft()
            one.edit(&alone)
            #expect(decode(alone, harness) == .invalid(one.reason), "\(first)")
            checkProblem(harness)
            for two in Self.flaws where two.group != one.group {
                var both = Draft()
                one.edit(&both)
                two.edit(&both)
                let reason = one.reason.rawValue < two.reason.rawValue ? one.reason : two.reason
                #expect(decode(both, harness) == .invalid(reason), "\(one.reason) with \(two.reason)")
                checkProblem(harness)
            }
        }
    }

    private func checkProblem(_ harness: DecoderHarness) {
        let problem = harness.problem
        #expect(!problem.isEmpty && problem.utf8.count <= 200, "\(problem)")
    }

    @Test(arguments: [128, 129])
    func `a payment id has at most 128 bytes`(_ count: Int) {
        let text = paymentText(id: "\"\(String(repeating: "é", count: count / 2))\(count % 2 == 1 ? "x" : "")\"")
        #expect(DecoderHarness().decode(text) == (count <= 128 ? .payment : .invalid(.wrongType)))
    }

    @Test(arguments: [256, 257])
    func `an account id has at most 256 bytes`(_ count: Int) {
        let account = String(repeating: "y", count: count)
        #expect(DecoderHarness().decode(paymentText(account: "\"\(account)\""), key: account) == (count <= 256 ? .payment : .invalid(.wrongType)))
    }

    @Test func `lengths count characters after their escapes`() {
        let escaped = String(repeating: "\\u0061", count: 128)
        #expect(DecoderHarness().decode(paymentText(id: "\"\(escaped)\"")) == .payment)
        #expect(DecoderHarness().decode(paymentText(id: "\"\(escaped)a\"")) == .invalid(.wrongType))
    }

    @Test func `max_bytes itself is allowed`() {
        var mapping = InputMapping()
        mapping.maxBytes = paymentText().utf8.count + "a".utf8.count
        let harness = DecoderHarness(mapping)
        #expect(harness.decode(paymentText()) == .payment)
        #expect(harness.decode(paymentText() + " ") == .invalid(.oversize))
    }

    @Test func `max_ahead itself is allowed, and the record's own clock decides`() {
        let harness = DecoderHarness()
        let at: Int64 = 1_795_428_299_120
        #expect(harness.decode(paymentText(), timestamp: at - 5000) == .payment)
        #expect(harness.decode(paymentText(), timestamp: at - 5001) == .invalid(.fromFuture))
        #expect(harness.problem == "member 'occurred_at' is 5001 ms later than the record's Kafka timestamp, 5000 ms are allowed")
        #expect(harness.decode(paymentText(), timestamp: .max) == .payment)
        #expect(harness.decode(paymentText(), timestamp: .min + 1) == .invalid(.fromFuture))
    }

    @Test(
        arguments: [
            (PaymentSchema.Kind.string, "1"), (.string, "\"12345\""), (.string, "true"), (.string, "[]"), (.int, "\"1\""), (.int, "1.5"),
            (.int, "9223372036854775808"),
            (.int, "true"), (.double, "\"1\""), (.double, "1e400"), (.double, "false"), (.bool, "1"), (.bool, "\"true\""), (.bool, "{}"), (.timestamp, "1"),
            (.timestamp, "\"2026-02-30T00:00:00Z\""),
        ] as [(PaymentSchema.Kind, String)])
    func `a schema field of another kind makes the record invalid`(_ kind: PaymentSchema.Kind, _ text: String) {
        let harness = DecoderHarness(fields: [.init(name: "f", kind: kind, maxLength: 4)])
        #expect(harness.decode(paymentText(more: "\"f\":\(text)")) == .invalid(.wrongType))
        checkProblem(harness)
    }

    @Test(arguments: PaymentSchema.Kind.allCases)
    func `a required schema field must be there`(_ kind: PaymentSchema.Kind) {
        let harness = DecoderHarness(fields: [.init(name: "f", kind: kind, required: true)])
        #expect(harness.decode(paymentText()) == .invalid(.missingField))
        #expect(harness.decode(paymentText(more: "\"f\":null")) == .invalid(.missingField))
        #expect(harness.problem == "member 'f' is missing or null")
    }

    @Test func `a problem says what is wrong and where`() {
        var mapping = InputMapping()
        mapping.amountStyle = .decimal
        let harness = DecoderHarness(mapping, fields: [.init(name: String(repeating: "é", count: 100) + "\n", kind: .int)])
        func problem(_ text: String, key: String? = "a") -> String {
            _ = harness.decode(text, key: key)
            return harness.problem
        }
        #expect(problem(paymentText(amount: "1.125")) == "member 'amount' has 3 fraction digits, EUR has 2")
        #expect(problem(paymentText(amount: "1.1", currency: "\"VND\"")) == "member 'amount' has 1 fraction digit, VND has 0")
        #expect(problem(paymentText(amount: "-1")) == "member 'amount' is negative")
        #expect(problem(paymentText(amount: "\"1O\"")) == "member 'amount' is not a decimal number")
        #expect(problem(paymentText(amount: "true")) == "member 'amount' is true or false, not a decimal number")
        #expect(problem(paymentText(id: nil)) == "member 'payment_id' is missing or null")
        #expect(problem(paymentText(id: "\"\"")) == "member 'payment_id' is empty")
        #expect(problem(paymentText(id: "\"\(String(repeating: "x", count: 130))\"")) == "member 'payment_id' has 130 bytes, 128 are allowed")
        #expect(problem(paymentText(currency: "\"XYZ\"")) == "member 'currency' is XYZ, which is no currency of ISO 4217")
        #expect(problem(paymentText(currency: "\"4111111111111111\"")) == "member 'currency' is not the three capital letters of an ISO 4217 currency")
        #expect(problem(paymentText(at: "\"now\"")) == "member 'occurred_at' is not an RFC 3339 time of the years 0001 to 9999")
        #expect(problem(paymentText(), key: nil) == "the record has no key, it must be the account")
        #expect(problem(paymentText(), key: "b") == "the record's key differs from member 'account_id'")
        #expect(problem(#"{"payment_id" 1}"#) == "byte 14: expected ':'")
        #expect(problem(#"{"amount":1,"amount":2}"#) == "byte 12: this member stands here a second time")
        let long = problem(paymentText(more: "\"\(String(repeating: "é", count: 100))\\n\":1.5"))
        #expect(long == "member '\(String(repeating: "é", count: 32))…' is not a whole number")
    }

    @Test func `decoding is a function of the record, whatever was decoded before`() {
        let seed = UInt64.random(in: .min ... .max)
        print("decoder seed \(seed)")
        var random = PaymentRandom(state: seed)
        let fields: [PaymentSchema.Field] = [
            .init(name: "x", kind: .double), .init(name: "", kind: .string), .init(name: "a_rather_long_attribute", kind: .int),
        ]
        let warm = DecoderHarness(fields: fields)
        for round in 0..<3000 {
            if round % 64 == 0 { warm.beginRun() }
            var text = round % 3 == 0 ? Array(paymentText(more: "\"x\":1e3,\"\":\"\\u0041\"").utf8) : PaymentTexts.object(&random)
            for _ in 0..<Int(random.next() % 3) where !text.isEmpty { PaymentTexts.damage(&text, &random) }
            let cold = DecoderHarness(fields: fields)
            let first = cold.decode(bytes: text, key: [97])
            #expect(warm.decode(bytes: text, key: [97], lane: round % 64) == first, "seed \(seed), round \(round)")
            #expect(warm.readableAmount == cold.readableAmount && warm.problem == cold.problem, "seed \(seed), round \(round)")
            checkSame(warm, cold, first, lane: round % 64)
        }
    }

    private func checkSame(_ warm: DecoderHarness, _ cold: DecoderHarness, _ outcome: Classification, lane: Int) {
        switch outcome {
        case .payment:
            #expect(warm.account(lane) == cold.account() && warm.paymentID(lane) == cold.paymentID())
            #expect(warm.payment(lane).amount == cold.payment().amount && warm.payment(lane).occurredAt == cold.payment().occurredAt)
            for attribute in 0..<3 where cold.has(attribute) {
                #expect(warm.has(attribute, lane: lane) && warm.number(attribute, lane: lane) == cold.number(attribute))
            }
            if cold.has(1) { #expect(warm.string(1, lane: lane) == cold.string(1)) }
        case .invalid: #expect(!warm.problem.isEmpty && warm.problem.utf8.count <= 200)
        case .ignored: Issue.record("a record with a value is never ignored")
        }
    }
}

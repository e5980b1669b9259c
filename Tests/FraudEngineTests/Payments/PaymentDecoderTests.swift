import FraudEngine
import Testing

@Suite struct PaymentDecoderTests {
    @Test func `a simple payment is read into its lane`() {
        let harness = DecoderHarness()
        #expect(harness.decode(paymentText(), lane: 7) == .payment)
        #expect(harness.account(7) == "a")
        #expect(harness.paymentID(7) == "p-1")
        #expect(harness.payment(7).amount == 1250)
        #expect(harness.payment(7).currency.text == "EUR")
        #expect(harness.payment(7).occurredAt == 1_795_428_299_120)
        #expect(harness.readableAmount == 1250)
        #expect(harness.problem.isEmpty)
    }

    @Test func `payments of real sources are read through a mapping`() {
        var mapping = InputMapping()
        mapping.amount = "amount_minor"
        let harness = DecoderHarness(
            mapping, fields: [.init(name: "country", kind: .string), .init(name: "category", kind: .string), .init(name: "is_fraud", kind: .bool)])
        let first = """
            {"payment_id":"cj-31198570044-1","account_id":"H900","amount_minor":50,"currency":"USD","occurred_at":"2017-01-01T11:53:26Z","merchant_id":"S330","category":"PASTRY"}
            """
        let second = """
            {"payment_id":"sk-0000001","account_id":"A947435302616","amount_minor":631,"currency":"USD","occurred_at":"2024-01-01T00:00:44Z","merchant_id":"M498","country":"US","category":"gas_transport","is_fraud":false,"fraud_scenario":"none"}
            """
        for round in 0..<3 {
            #expect(harness.decode(first, key: "H900", lane: round * 2) == .payment)
            #expect(harness.decode(second, key: "A947435302616", lane: round * 2 + 1) == .payment)
        }
        for round in 0..<3 {
            let lane = round * 2
            #expect(harness.account(lane) == "H900" && harness.paymentID(lane) == "cj-31198570044-1")
            #expect(harness.payment(lane).amount == 50 && harness.payment(lane).occurredAt == 1_483_271_606_000)
            #expect(!harness.has(0, lane: lane) && harness.string(1, lane: lane) == "PASTRY" && !harness.has(2, lane: lane))
            #expect(harness.account(lane + 1) == "A947435302616" && harness.payment(lane + 1).amount == 631)
            #expect(harness.string(0, lane: lane + 1) == "US" && harness.string(1, lane: lane + 1) == "gas_transport")
            #expect(harness.has(2, lane: lane + 1) && harness.number(2, lane: lane + 1) == 0)
        }
    }

    @Test func `a record without a value is ignored`() {
        let harness = DecoderHarness()
        #expect(harness.decode(bytes: nil, key: Array("a".utf8)) == .ignored)
        #expect(harness.decode(bytes: nil, key: nil, timestamp: RawRecord.absentTimestamp) == .ignored)
        #expect(harness.readableAmount == nil)
    }

    @Test func `members may stand in any order with any white space`() {
        let harness = DecoderHarness()
        let text =
            " \t\r\n{ \"currency\" : \"EUR\" , \"occurred_at\":\t\"2026-11-23T10:04:59.120Z\",\n\"amount\": -0 ,\"account_id\":\"a\",\"payment_id\":\"p\" }\r\n "
        #expect(harness.decode(text) == .payment)
        #expect(harness.payment().amount == 0)
        #expect(harness.decode(paymentText()) == .payment)
        #expect(harness.decode(text) == .payment)
    }

    @Test func `escapes are undone in names and values, and stay valid for the run`() {
        let harness = DecoderHarness(fields: [.init(name: "note", kind: .string, maxLength: 100)])
        for run in 0..<2 {
            harness.beginRun()
            for lane in 0..<64 {
                let text = paymentText(
                    id: "\"\\u0070-\(run)-\(lane)\"", account: "\"\\u00e9\\ud83d\\ude00\\\\\\\"\\/\\b\\f\\n\\r\\t\\u0000\"",
                    more: "\"n\\u006Fte\":\"\(String(repeating: "\\u20AC", count: 20))\",\"x\":\"\\u1234\"")
                #expect(harness.decode(text, key: "é😀\\\"/\u{8}\u{c}\n\r\t\0", lane: lane) == .payment)
            }
            for lane in 0..<64 {
                #expect(harness.paymentID(lane) == "p-\(run)-\(lane)")
                #expect(harness.string(0, lane: lane) == String(repeating: "€", count: 20))
            }
        }
    }

    @Test func `text beyond ASCII is taken as it is`() {
        let harness = DecoderHarness()
        #expect(harness.decode(paymentText(id: "\"Zahlung-ß-😀-支付\"", account: "\"é\""), key: "é") == .payment)
        #expect(harness.paymentID() == "Zahlung-ß-😀-支付")
        // The same character written in another way is another account.
        #expect(harness.decode(paymentText(account: "\"é\""), key: "e\u{301}") == .invalid(.keyMismatch))
    }

    @Test func `one member may feed several fields`() {
        var mapping = InputMapping()
        mapping.paymentID = "id"
        mapping.accountID = "id"
        let harness = DecoderHarness(mapping, fields: [.init(name: "id", kind: .string), .init(name: "amount", kind: .double)])
        #expect(harness.decode(#"{"id":"a","amount":5,"currency":"EUR","occurred_at":"2026-11-23T10:00:00Z"}"#) == .payment)
        #expect(harness.account() == "a" && harness.paymentID() == "a" && harness.string(0) == "a")
        #expect(Double(bitPattern: harness.number(1)) == 5)
    }

    @Test func `names of any length are told apart`() {
        let long = String(repeating: "n", count: 40)
        let names = ["", "n", "nn", "nnn", "nnnn", "nnnnnnnn", "nnnnnnnnnnnnnnnn", long, long.dropLast() + "m", "n\(String(repeating: "m", count: 38))n"]
        let harness = DecoderHarness(fields: names.map { .init(name: String($0), kind: .int) })
        let other = "n\(String(repeating: "k", count: 38))n"
        for round in 0..<3 {
            let members = names.enumerated().map { "\"\($1)\":\($0 + round)" }.joined(separator: ",")
            #expect(harness.decode(paymentText(more: "\"\(other)\":-1," + members)) == .payment)
            for index in names.indices { #expect(harness.has(index) && harness.number(index) == UInt64(index + round)) }
        }
        #expect(harness.decode(paymentText()) == .payment)
        for index in names.indices { #expect(!harness.has(index)) }
    }

    @Test func `a record may have more members than positions are remembered`() {
        let harness = DecoderHarness(fields: [.init(name: "last", kind: .int)])
        let many = (0..<300).map { "\"member_number_\($0)\":\($0)" }.joined(separator: ",")
        for _ in 0..<2 {
            #expect(harness.decode(paymentText(more: many + ",\"last\":9")) == .payment)
            #expect(harness.number(0) == 9)
        }
    }

    @Test(
        arguments: [
            (InputMapping.TimeStyle.epochSeconds, "1795428299", 1_795_428_299_000), (.epochMilliseconds, "1795428299120", 1_795_428_299_120),
            (.epochMicroseconds, "1795428299120999", 1_795_428_299_120), (.epochNanoseconds, "1795428299120999999", 1_795_428_299_120),
            (.epochSeconds, "-1", -1000), (.epochMilliseconds, "-1", -1), (.epochMicroseconds, "-1", -1), (.epochNanoseconds, "-1", -1),
            (.epochMicroseconds, "-1000", -1), (.epochMicroseconds, "-1001", -2), (.epochMilliseconds, "1.79542829912e12", 1_795_428_299_120),
            (.epochSeconds, "1795428299.0", 1_795_428_299_000),
        ] as [(InputMapping.TimeStyle, String, Int64)])
    func `times since the epoch are kept in milliseconds, rounded down`(_ style: InputMapping.TimeStyle, _ text: String, _ expected: Int64) {
        var mapping = InputMapping()
        mapping.timeStyle = style
        let harness = DecoderHarness(mapping, fields: [.init(name: "seen", kind: .timestamp)])
        #expect(harness.decode(paymentText(at: text, more: "\"seen\":\(text)")) == .payment)
        #expect(harness.payment().occurredAt == expected)
        #expect(Int64(bitPattern: harness.number(0)) == expected)
    }

    @Test(
        arguments: [
            (InputMapping.TimeStyle.epochSeconds, "9223372036854775807"), (.epochSeconds, "253402300800"), (.epochSeconds, "-62135596801"),
            (.epochMilliseconds, "253402300800000"), (.epochMilliseconds, "-62135596800001"), (.epochMilliseconds, "\"1795428299120\""),
            (.epochMilliseconds, "1795428299120.5"), (.epochMilliseconds, "9223372036854775808"), (.epochMilliseconds, "1e999999999"),
            (.epochMilliseconds, "true"), (.rfc3339, "1795428299"), (.rfc3339, "\"1795428299\""), (.rfc3339, "\"\""), (.rfc3339, "\"2026-02-30T00:00:00Z\""),
        ] as [(InputMapping.TimeStyle, String)])
    func `a time that is none, or in another style, is of the wrong type`(_ style: InputMapping.TimeStyle, _ text: String) {
        var mapping = InputMapping()
        mapping.timeStyle = style
        #expect(DecoderHarness(mapping).decode(paymentText(at: text)) == .invalid(.wrongType))
    }

    @Test func `schema fields are read by kind`() {
        let harness = DecoderHarness(fields: [
            .init(name: "s", kind: .string, maxLength: 4), .init(name: "i", kind: .int), .init(name: "d", kind: .double), .init(name: "b", kind: .bool),
            .init(name: "t", kind: .timestamp),
        ])
        #expect(harness.decode(paymentText(more: #""s":"","i":-9223372036854775808,"d":0.1,"b":true,"t":"1970-01-01T00:00:01Z""#)) == .payment)
        #expect(harness.has(0) && harness.string(0) == "")
        #expect(Int64(bitPattern: harness.number(1)) == .min)
        #expect(Double(bitPattern: harness.number(2)) == 0.1)
        #expect(harness.number(3) == 1)
        #expect(harness.number(4) == 1000)
        #expect(harness.decode(paymentText(more: #""s":null,"i":null,"d":null,"b":null,"t":null"#)) == .payment)
        for attribute in 0..<5 { #expect(!harness.has(attribute)) }
    }

    @Test func `values of one lane leave the others alone`() {
        let harness = DecoderHarness(fields: [.init(name: "i", kind: .int)])
        #expect(harness.decode(paymentText(more: "\"i\":1"), lane: 0) == .payment)
        #expect(harness.decode(paymentText(more: "\"i\":2"), lane: 63) == .payment)
        #expect(harness.decode(paymentText(), lane: 1) == .payment)
        #expect(harness.decode(paymentText(id: nil), lane: 2) == .invalid(.missingField))
        #expect(harness.has(0, lane: 0) && harness.has(0, lane: 63) && !harness.has(0, lane: 1))
        #expect(harness.number(0, lane: 0) == 1 && harness.number(0, lane: 63) == 2)
        #expect(harness.decode(paymentText(), lane: 63) == .payment)
        #expect(harness.has(0, lane: 0) && !harness.has(0, lane: 63))
    }

    @Test func `a key written as JSON is unquoted`() {
        var mapping = InputMapping()
        mapping.keyStyle = .json
        let harness = DecoderHarness(mapping)
        #expect(harness.decode(paymentText(), key: "\"a\"") == .payment)
        #expect(harness.decode(paymentText(), key: " \"\\u0061\" ") == .payment)
        #expect(harness.decode(paymentText(account: "\"a\\\\b\""), key: "\"a\\\\b\"") == .payment)
        for key in ["a", "\"b\"", "\"a", "\"a\"x", "", "null", "\"\\x\"", "{\"a\":1}", "\"a\\", "\"\u{1}\""] {
            #expect(harness.decode(paymentText(), key: key) == .invalid(.keyMismatch), "\(key)")
        }
        #expect(harness.decode(paymentText(account: "\"a\\\\b\""), key: "\"a\\b\"") == .invalid(.keyMismatch))
        #expect(harness.decode(paymentText(), key: nil) == .invalid(.keyMissing))
    }
}

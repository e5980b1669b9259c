import FraudEngine
import Testing

@Suite struct PaymentAmountTests {
    /// What an amount's text becomes.
    enum Expected: Equatable, Sendable {
        case minor(Int64)
        case refused(InvalidReason, Int64?)
    }

    private func check(_ style: InputMapping.AmountStyle, _ currency: String, _ text: String) -> Expected {
        var mapping = InputMapping()
        mapping.amountStyle = style
        let harness = DecoderHarness(mapping)
        switch harness.decode(paymentText(amount: text, currency: "\"\(currency)\"")) {
        case .payment: return .minor(harness.payment().amount)
        case .invalid(let reason): return .refused(reason, harness.readableAmount)
        case .ignored: return .refused(.malformed, nil)
        }
    }

    @Test(
        arguments: [
            ("0", .minor(0)), ("-0", .minor(0)), ("12500", .minor(12500)), ("12.0", .minor(12)), ("12.000", .minor(12)), ("1.2e1", .minor(12)),
            ("120e-1", .minor(12)), ("1E+2", .minor(100)), ("9223372036854775807", .minor(.max)), ("999999999999999999", .minor(999_999_999_999_999_999)),
            ("-0.0e5", .minor(0)), ("0e999999999", .minor(0)), ("12.5", .refused(.tooManyDigits, nil)), ("1e-1", .refused(.tooManyDigits, nil)),
            ("1e-999999999", .refused(.tooManyDigits, nil)), ("-0.5", .refused(.tooManyDigits, nil)), ("-5", .refused(.negativeAmount, -5)),
            ("-9223372036854775808", .refused(.negativeAmount, .min)), ("-9223372036854775809", .refused(.wrongType, nil)),
            ("9223372036854775808", .refused(.wrongType, nil)), ("9223372036854775807.5", .refused(.tooManyDigits, nil)),
            ("9223372036854775808.5", .refused(.wrongType, nil)), ("1e19", .refused(.wrongType, nil)), ("1e999999999", .refused(.wrongType, nil)),
            ("1e99999999999999999999999999", .refused(.wrongType, nil)), ("\"12\"", .refused(.wrongType, nil)), ("true", .refused(.wrongType, nil)),
            ("[1]", .refused(.wrongType, nil)), ("{}", .refused(.wrongType, nil)), ("null", .refused(.missingField, nil)),
            ("012", .refused(.malformed, nil)), ("+1", .refused(.malformed, nil)), ("1.", .refused(.malformed, nil)), (".5", .refused(.malformed, nil)),
            ("0x10", .refused(.malformed, nil)), ("NaN", .refused(.malformed, nil)), ("-", .refused(.malformed, nil)), ("1e", .refused(.malformed, nil)),
        ] as [(String, Expected)])
    func `an amount in minor units is a whole number`(_ text: String, _ expected: Expected) {
        #expect(check(.minor, "EUR", text) == expected)
    }

    @Test(
        arguments: [
            ("EUR", "\"125.00\"", .minor(12500)), ("EUR", "125.00", .minor(12500)), ("EUR", "\"125\"", .minor(12500)), ("EUR", "\"0.01\"", .minor(1)),
            ("EUR", "\"0.010000\"", .minor(1)), ("EUR", "\"+5.10\"", .minor(510)), ("EUR", "\"007.5\"", .minor(750)), ("EUR", "\"1.5e1\"", .minor(1500)),
            ("EUR", "\"1250e-3\"", .minor(125)), ("EUR", "\"-0.00\"", .minor(0)), ("EUR", "\"92233720368547758.07\"", .minor(.max)),
            ("EUR", "0.1", .minor(10)), ("EUR", "0.29", .minor(29)), ("EUR", "1.15", .minor(115)), ("EUR", "0.57e0", .minor(57)),
            ("VND", "\"5.00\"", .minor(5)), ("VND", "\"5\"", .minor(5)), ("BHD", "\"1.234\"", .minor(1234)), ("CLF", "\"1.2345\"", .minor(12345)),
            ("EUR", "\"0.001\"", .refused(.tooManyDigits, nil)), ("VND", "\"5.01\"", .refused(.tooManyDigits, nil)),
            ("EUR", "\"-0.001\"", .refused(.tooManyDigits, nil)), ("BHD", "\"1.2345\"", .refused(.tooManyDigits, nil)),
            ("EUR", "\"1e-999999999\"", .refused(.tooManyDigits, nil)), ("EUR", "\"-1.25\"", .refused(.negativeAmount, -125)),
            ("EUR", "\"92233720368547758.08\"", .refused(.wrongType, nil)), ("EUR", "\"1e999999999\"", .refused(.wrongType, nil)),
            ("EUR", "\"\"", .refused(.wrongType, nil)), ("EUR", "\" 1\"", .refused(.wrongType, nil)), ("EUR", "\"1 \"", .refused(.wrongType, nil)),
            ("EUR", "\"1,25\"", .refused(.wrongType, nil)), ("EUR", "\"1.\"", .refused(.wrongType, nil)), ("EUR", "\".5\"", .refused(.wrongType, nil)),
            ("EUR", "\"1e\"", .refused(.wrongType, nil)), ("EUR", "\"--1\"", .refused(.wrongType, nil)), ("EUR", "\"1.2.3\"", .refused(.wrongType, nil)),
            ("EUR", "\"NaN\"", .refused(.wrongType, nil)), ("EUR", "\"-\"", .refused(.wrongType, nil)), ("EUR", "false", .refused(.wrongType, nil)),
            ("EUR", "null", .refused(.missingField, nil)), ("ABC", "\"1.00\"", .refused(.unknownCurrency, nil)),
            ("ABC", "\"x\"", .refused(.wrongType, nil)), ("ABC", "\"1e30\"", .refused(.wrongType, nil)), ("ABC", "\"-1.23\"", .refused(.unknownCurrency, nil)),
        ] as [(String, String, Expected)])
    func `an amount in major units is read from its text, exactly`(_ currency: String, _ text: String, _ expected: Expected) {
        #expect(check(.decimal, currency, text) == expected)
    }

    @Test func `a number as long as a record is read in one pass`() {
        let zeros = String(repeating: "0", count: 200_000)
        #expect(check(.decimal, "EUR", "0.\(zeros)125e200001") == .minor(125))
        #expect(check(.decimal, "EUR", "1.25\(zeros)") == .minor(125))
        #expect(check(.decimal, "EUR", "1.25\(zeros)1") == .refused(.tooManyDigits, nil))
        #expect(check(.decimal, "EUR", "125\(zeros)e-200000") == .minor(12500))
        #expect(check(.minor, "EUR", "1\(zeros)") == .refused(.wrongType, nil))
    }

    @Test func `an unreadable currency does not hide an amount in minor units`() {
        let harness = DecoderHarness()
        #expect(harness.decode(paymentText(amount: "7", currency: "\"XYZ\"")) == .invalid(.unknownCurrency))
        #expect(harness.readableAmount == 7)
        #expect(harness.decode(paymentText(id: nil, amount: "8")) == .invalid(.missingField))
        #expect(harness.readableAmount == 8)
        #expect(harness.decode(paymentText(amount: "8").dropLast() + "") == .invalid(.malformed))
        #expect(harness.readableAmount == nil)
    }

    @Test func `amounts written and read again are the same, whatever the currency`() {
        let seed = UInt64.random(in: .min ... .max)
        print("amount seed \(seed)")
        var random = PaymentRandom(state: seed)
        let currencies = ["VND", "EUR", "BHD", "CLF"]
        let scales: [Int64] = [1, 100, 1000, 10000]
        for _ in 0..<2000 {
            let index = Int(random.next() % 4)
            let minor = Int64(random.next() >> (1 + random.next() % 62))
            let exponent = [0, 2, 3, 4][index]
            let fraction = String(minor % scales[index])
            let padded = String(repeating: "0", count: exponent - (exponent == 0 ? 0 : fraction.utf8.count)) + fraction
            let text = exponent == 0 ? "\(minor)" : "\(minor / scales[index]).\(padded)"
            let shifted = "\(minor)e-\(exponent)"
            #expect(check(.decimal, currencies[index], "\"\(text)\"") == .minor(minor), "seed \(seed): \(text)")
            #expect(check(.decimal, currencies[index], shifted) == .minor(minor), "seed \(seed): \(shifted)")
            #expect(check(.minor, currencies[index], "\(minor)") == .minor(minor), "seed \(seed): \(minor)")
        }
    }

    @Test(arguments: [
        "0", "-0", "-0.0", "1", "0.1", "-2.5", "3.141592653589793", "1e22", "1e23", "123456789012345678", "9007199254740993", "1.7976931348623157e308",
        "5e-324", "2.2250738585072011e-308", "1e-400", "0.000001", "100000000000000000000000000", "1E+2", "8.41e21", "9.5e-3", "123456789012345e-30",
    ])
    func `a double is the nearest one to its text`(_ text: String) throws {
        let harness = DecoderHarness(fields: [.init(name: "d", kind: .double)])
        #expect(harness.decode(paymentText(more: "\"d\":\(text)")) == .payment)
        #expect(harness.number(0) == (try #require(Double(text))).bitPattern)
    }

    @Test(arguments: ["1e309", "-1e309", "1e999999999"])
    func `a double beyond all doubles is of the wrong type`(_ text: String) {
        let harness = DecoderHarness(fields: [.init(name: "d", kind: .double)])
        #expect(harness.decode(paymentText(more: "\"d\":\(text)")) == .invalid(.wrongType))
    }
}

/// A small generator for properties: the same numbers for the same seed everywhere (https://prng.di.unimi.it/splitmix64.c).
struct PaymentRandom: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
        return z ^ z >> 31
    }
}

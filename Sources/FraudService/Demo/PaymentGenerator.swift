import FraudEngine

/// Makes up payments: many accounts that pay now and then, and bursts of fraud. The same seed gives the same payments.
struct PaymentGenerator: ~Copyable {
    /// A burst that goes on: payments of one account in quick succession.
    private struct Burst {
        var account: Int
        var left: Int
        var pattern: Pattern
    }

    private enum Pattern: CaseIterable {
        /// More payments than people make.
        case velocity
        /// Small sums that try a stolen card.
        case cardTest
        /// Large sums in a currency of small units.
        case largeSum
        /// One payment from a listed country.
        case country
    }

    private var state: UInt64
    private let accountCount: Int
    /// One payment in so many begins a burst.
    private let burstEvery: UInt64
    private var bursts: [Burst] = []
    private var number = 0

    /// - Parameters:
    ///   - rate: payments per second: an honest account makes about two in five minutes.
    ///   - burstEvery: one payment in so many begins a burst of fraud.
    ///   - accounts: how many there are; nil: as many as the rate asks for.
    init(seed: UInt64, rate: Int, burstEvery: Int? = nil, accounts: Int? = nil) {
        state = seed
        accountCount = accounts ?? max(2_000, rate * 150)
        self.burstEvery = UInt64(burstEvery ?? max(100, rate / 2))
    }

    /// Appends the next payment as JSON; the account's number in its key.
    mutating func next(at time: Int64, to json: inout ByteWriter) -> Int {
        number += 1
        if random(burstEvery) == 0 { begin() }
        // Every tenth payment belongs to a burst, while there is one.
        if !bursts.isEmpty, random(10) == 0 {
            let index = Int(random(UInt64(bursts.count)))
            let burst = bursts[index]
            bursts[index].left -= 1
            if bursts[index].left == 0 { bursts.remove(at: index) }
            append(burst, at: time, to: &json)
            return burst.account
        }
        let account = Int(random(UInt64(accountCount)))
        appendOrdinary(account, at: time, to: &json)
        return account
    }

    /// Appends a payment of that account as JSON.
    mutating func next(of account: Int, at time: Int64, to json: inout ByteWriter) {
        number += 1
        appendOrdinary(account, at: time, to: &json)
    }

    private mutating func appendOrdinary(_ account: Int, at time: Int64, to json: inout ByteWriter) {
        let currency = ["EUR", "EUR", "EUR", "USD", "GBP"][account % 5]
        let amount = Int64(500 + random(4_000) + random(40) * random(40) * 10)
        append(account, amount, currency, ["DE", "FR", "NL", "US", "GB"][account % 5], "grocery", time, to: &json)
    }

    /// The record key, as in the payment.
    static func append(account: Int, to bytes: inout ByteWriter) {
        bytes.append("acc-")
        bytes.append(decimal: Int64(account), width: 6)
    }

    private mutating func begin() {
        let pattern = Pattern.allCases[Int(random(UInt64(Pattern.allCases.count)))]
        let count =
            switch pattern {
            case .velocity: 24
            case .cardTest: 9
            case .largeSum: 8
            case .country: 1
            }
        bursts.append(Burst(account: Int(random(UInt64(accountCount))), left: count, pattern: pattern))
    }

    private mutating func append(_ burst: Burst, at time: Int64, to json: inout ByteWriter) {
        switch burst.pattern {
        case .velocity: append(burst.account, Int64(3_000 + random(9_000)), "EUR", "DE", "electronics", time, to: &json)
        case .cardTest: append(burst.account, Int64(100 + random(200)), "USD", "US", "digital", time, to: &json)
        case .largeSum: append(burst.account, Int64(7_000_000 + random(2_000_000)), "VND", "VN", "transfer", time, to: &json)
        case .country: append(burst.account, Int64(40_000 + random(90_000)), "EUR", "KP", "travel", time, to: &json)
        }
    }

    private mutating func append(
        _ account: Int, _ amount: Int64, _ currency: String, _ country: String, _ category: String, _ time: Int64, to json: inout ByteWriter
    ) {
        json.append("{\"payment_id\":\"p-")
        json.append(decimal: Int64(number))
        json.append("\",\"account_id\":\"")
        Self.append(account: account, to: &json)
        json.append("\",\"amount\":")
        json.append(decimal: amount)
        json.append(",\"currency\":\"")
        json.append(utf8: currency)
        json.append("\",\"occurred_at\":\"")
        json.append(timestamp: time)
        json.append("\",\"country\":\"")
        json.append(utf8: country)
        json.append("\",\"category\":\"")
        json.append(utf8: category)
        json.append("\",\"merchant_id\":\"m-")
        json.append(decimal: Int64(random(400)))
        json.append("\"}")
    }

    /// SplitMix64 (Steele, Lea, Flood 2014), below `bound`.
    private mutating func random(_ bound: UInt64) -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return (mixed ^ (mixed >> 31)) % bound
    }
}

import FraudEngine
import ReferenceFold

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func chance(_ n: Int) -> Bool { Int.random(in: 0..<n, using: &self) == 0 }

    mutating func pick<Value>(_ values: [Value]) -> Value { values[Int.random(in: 0..<values.count, using: &self)] }
}

/// Records of a few accounts around a slowly rising time, with everything that can be wrong with one.
struct StreamMaker {
    var random: Seeded
    let mapping: InputMapping
    /// Milliseconds; its first value is where the stream begins.
    var time: Int64 = 1_795_428_000_000
    /// In a thousand records, so many are wrong in some way.
    var wrong = 60
    private var ids: [String] = []

    init(seed: UInt64, mapping: InputMapping) {
        random = Seeded(state: seed)
        self.mapping = mapping
    }

    private struct Draft {
        /// Name and JSON text, in order.
        var members: [(name: String, text: String)]
        var account: String
        var timestamp: Int64?
        var key: [UInt8]?
        var headers: [PlainHeader] = []
    }

    mutating func records(_ count: Int, from first: Int64 = 0) -> [PlainRecord] {
        var offset = first - 1
        return (0..<count).map { _ in
            // Transactions leave holes.
            offset += random.chance(20) ? 2 : 1
            return record(offset)
        }
    }

    private mutating func record(_ offset: Int64) -> PlainRecord {
        time += Int64.random(in: 0...6_000, using: &random)
        if random.chance(400) { time += 900_000 }
        var draft = good()
        let isWrong = Int.random(in: 0..<1_000, using: &random) < wrong
        if isWrong { spoil(&draft) }
        var value: [UInt8]? = Array("{\(draft.members.map { "\(quoted($0.name)):\(space())\($0.text)" }.joined(separator: ",\(space())"))}\(space())".utf8)
        if isWrong, random.chance(3) { mangle(&value!) }
        if random.chance(80) { value = random.chance(4) ? [] : nil }
        return PlainRecord(offset: offset, timestamp: draft.timestamp, key: draft.key, value: value, headers: draft.headers)
    }

    private mutating func space() -> String { random.chance(25) ? random.pick([" ", "\n", "\t ", "\r\n"]) : "" }

    private mutating func quoted(_ text: String) -> String {
        guard random.chance(60), let first = text.utf8.first, first < 0x80 else { return "\"\(text)\"" }
        return "\"\\u00\(String(first, radix: 16))\(text.dropFirst())\""
    }

    private mutating func good() -> Draft {
        let account = random.pick(["a1", "a2", "a3", "acc-with-a-longer-name-4", "ä5", "q\"6"])
        let back: Int64 = random.chance(12) ? Int64.random(in: 0...700_000, using: &random) : Int64.random(in: 0...3_000, using: &random)
        let occurredAt = time - back
        let currency = random.pick(["EUR", "VND", "EUR", "KWD", "CLF"])
        let id = random.chance(15) && !ids.isEmpty ? random.pick(ids.suffix(8)) : "p\(ids.count)"
        ids.append(id)
        let name = account.replacing("\"", with: "\\\"")
        var members = [
            (mapping.paymentID, "\"\(id)\""), (mapping.accountID, "\"\(name)\""), (mapping.currency, "\"\(currency)\""), (mapping.amount, amount(currency)),
            (mapping.occurredAt, timeText(occurredAt)),
        ]
        if random.chance(2) { members.append(("country", random.pick(["\"DE\"", "\"VN\"", "null", "\"\\u00e9\\ud83d\\ude00\"", "\"\""]))) }
        if random.chance(2) { members.append(("items", random.pick(["3", "0", "-7", "9223372036854775807", "1e2", "2.000"]))) }
        if random.chance(2) { members.append(("ratio", random.pick(["0.1", "1e-7", "123456789.125", "-0.0", "1e21", "4.35", "5e-324"]))) }
        if random.chance(2) { members.append(("is_online", random.pick(["true", "false", "null"]))) }
        if random.chance(2) { members.append(("opened_at", timeText(occurredAt - Int64.random(in: 0...100_000_000, using: &random)))) }
        if random.chance(4) { members.append(("note", random.pick(["{\"a\":[1,2,{\"b\":null}]}", "[[],{}]", "\"x\\ty\"", "-1.5e+3", "{\"amount\":1}"]))) }
        members.shuffle(using: &random)
        let key = mapping.keyStyle == .json ? Array("\"\(name)\"".utf8) : Array(account.utf8)
        var draft = Draft(members: members, account: account, timestamp: time - Int64.random(in: 0...500, using: &random), key: key)
        if random.chance(6) { draft.headers = headers() }
        return draft
    }

    private mutating func headers() -> [PlainHeader] {
        let names = ["traceparent", "source", "traceparent", "x"]
        return (0..<Int.random(in: 1...3, using: &random)).map { _ in
            let value = random.chance(8) ? nil : [UInt8](repeating: 0x61, count: random.chance(6) ? 300 : 55)
            return PlainHeader(name: Array(random.pick(names).utf8), value: value)
        }
    }

    private mutating func amount(_ currency: String) -> String {
        let minor = random.chance(150) ? Int64.max - 3 : Int64.random(in: 0...90_000, using: &random)
        guard mapping.amountStyle == .decimal else { return random.chance(20) ? "\(minor).00" : "\(minor)" }
        let digits = ["EUR": 2, "VND": 0, "KWD": 3, "CLF": 4][currency] ?? 0
        let text = String(repeating: "0", count: 5) + "\(minor)"
        let whole = text.dropLast(digits).drop { $0 == "0" }
        let number = (whole.isEmpty ? "0" : String(whole)) + (digits > 0 ? "." + text.suffix(digits) : random.pick(["", ".00"]))
        return random.chance(2) ? "\"\(number)\"" : number
    }

    private mutating func timeText(_ time: Int64) -> String {
        switch mapping.timeStyle {
        case .rfc3339:
            var writer = ByteWriter()
            writer.append(timestamp: random.chance(20) ? time + 3_600_000 : time)
            let text = String(decoding: writer.array(), as: UTF8.self)
            return text.isEmpty ? "" : "\"\(random.chance(20) ? text.dropLast() + "+01:00" : Substring(text))\""
        case .epochMilliseconds: return "\(time)"
        case .epochSeconds: return "\(time / 1000)"
        case .epochMicroseconds: return "\(time)\(random.pick(["000", "999", "123"]))"
        case .epochNanoseconds: return "\(time)000001"
        }
    }

    // MARK: What is wrong

    private mutating func spoil(_ draft: inout Draft) {
        switch Int.random(in: 0..<9, using: &random) {
        case 0: draft.members.remove(at: Int.random(in: 0..<draft.members.count, using: &random))
        case 1: draft.key = random.pick([nil, [], Array("other".utf8), Array("\"other\"".utf8), Array("\"a1".utf8), Array(" \"a1\" ".utf8)])
        case 2: draft.timestamp = random.pick([nil, time - 20_000, Int64.max, -1])
        case 3: draft.members.append(draft.members[Int.random(in: 0..<draft.members.count, using: &random)])
        case 4: draft.members.append(("note", "\"" + String(repeating: "x", count: random.pick([1_500, 2_500, 4_000])) + "\""))
        case _:
            let index = Int.random(in: 0..<draft.members.count, using: &random)
            draft.members[index].text = random.pick(Self.strangeValues)
        }
    }

    private static let strangeValues = [
        "null", "true", "[]", "{}", "\"\"", "\"EU\"", "\"XXX\"", "\"eur\"", "\"1x\"", "-5", "0.001", "1e400", "99999999999999999999", "-0",
        "\"2026-02-30T00:00:00Z\"", "\"2026-02-28t23:59:59.9999z\"", "\"0001-01-01T00:00:00Z\"", "\"9999-12-31T23:59:59-00:01\"", "\"12.345678\"",
        "1e1000000000000", "-9223372036854775808", "92233720368547758.08", "\"+7.50\"", "\"\\u0000\"", "\"" + String(repeating: "k", count: 300) + "\"",
        "253402300799999", "253402300800000", "1.5", "\"é\"",
    ]

    /// Changes, drops or adds a byte or two.
    private mutating func mangle(_ value: inout [UInt8]) {
        for _ in 0..<Int.random(in: 1...2, using: &random) where !value.isEmpty {
            let index = Int.random(in: 0..<value.count, using: &random)
            let byte = random.pick([UInt8(ascii: "\""), UInt8(ascii: "\\"), 0x00, 0xc3, 0xff, UInt8(ascii: "{"), UInt8(ascii: "}"), UInt8(ascii: ","), 0x30])
            switch Int.random(in: 0..<4, using: &random) {
            case 0: value[index] = byte
            case 1: value.insert(byte, at: index)
            case 2: value.remove(at: index)
            case _: value.removeLast(value.count - index)
            }
        }
    }
}

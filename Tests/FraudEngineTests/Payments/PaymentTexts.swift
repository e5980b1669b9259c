/// Payments as a careless producer might write them.
enum PaymentTexts {
    static let names = ["payment_id", "account_id", "amount", "currency", "occurred_at", "a_rather_long_attribute", "x", ""]

    /// An object that is mostly simple.
    static func object(_ random: inout PaymentRandom) -> [UInt8] {
        let spaces = ["", "", "", " ", "\n", "\t\r "]
        let strings = [
            "", "a", "EUR", "1234567", "12345678", "123456789", "2026-11-23T10:00:00Z", "a string of more than sixteen bytes", "é", "\\n", "\\u0041",
            "\\ud83d\\ude00",
        ]
        let numbers = ["0", "-0", "1", "-12", "999999999999999999", "1234567890123456789", "1.5", "1e3", "01", "-", "true", "null", "[1,2]", "{\"amount\":1}"]
        func space(_ random: inout PaymentRandom) -> String { spaces[Int(random.next() % UInt64(spaces.count))] }
        func pick(_ texts: [String], plain: UInt64, _ random: inout PaymentRandom) -> String {
            texts[Int(random.next() % (random.next() % 16 == 0 ? UInt64(texts.count) : plain))]
        }
        var order = names + ["other", "another_one", "an_unknown_name_of_some_length"]
        if random.next() % 4 == 0 { order.shuffle(using: &random) }
        let count = Int(random.next() % UInt64(order.count + 1))
        let members = order[..<count].map { name in
            let written = random.next() % 64 == 0 ? name.replacing("a", with: "\\u0061") : name
            let value = random.next() % 2 == 0 ? "\"\(pick(strings, plain: 8, &random))\"" : pick(numbers, plain: 5, &random)
            return "\(space(&random))\"\(written)\"\(space(&random)):\(space(&random))\(value)\(space(&random))"
        }
        return Array("\(space(&random)){\(members.joined(separator: ","))\(space(&random))}\(space(&random))".utf8)
    }

    static func damage(_ text: inout [UInt8], _ random: inout PaymentRandom) {
        let likely = Array("\"\\{}[],:0123456789.eE+- \n\u{1}truefalsn".utf8) + [0x80, 0xc3, 0xff, 0x00, 0x7f]
        let at = Int(random.next() % UInt64(text.count))
        let byte = likely[Int(random.next() % UInt64(likely.count))]
        switch random.next() % 6 {
        case 0: text[at] = byte
        case 1: text.insert(byte, at: at)
        case 2: text.remove(at: at)
        case 3: text[at] ^= 1 << UInt8(random.next() % 8)
        case 4: text.removeSubrange(at..<min(text.count, at + Int(random.next() % 12)))
        default:
            // A piece of the text a second time: repeated members come from here.
            let from = Int(random.next() % UInt64(text.count))
            text.insert(contentsOf: text[from..<min(text.count, from + Int(random.next() % 30))], at: at)
        }
    }
}

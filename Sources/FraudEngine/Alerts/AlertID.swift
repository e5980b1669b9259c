import CCrypto

/// The deterministic id of an alert: a UUIDv5 (RFC 9562) of what makes it this alert and no other, so that a replay gives the same id.
///
/// The name hashed is, each as a 4-byte big-endian length and its bytes: group, rule id, account, then the period. For a rule with a period:
/// its length and its start, both in milliseconds as decimal text. For `once_per: payment`: the word `payment`, the start of the base window
/// in milliseconds as decimal text, and the payment id.
package enum AlertID {
    /// UUIDv5 of "https://tripline.io/alert/1" in the namespace for URLs.
    static let namespace: [UInt8] = uuid5(namespace: urlNamespace, name: Array("https://tripline.io/alert/1".utf8))

    /// RFC 9562, section 6.6.
    private static let urlNamespace: [UInt8] = [
        0x6b, 0xa7, 0xb8, 0x11, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8,
    ]

    static func uuid5(namespace: [UInt8], name: [UInt8]) -> [UInt8] {
        let input = namespace + name
        var digest = [UInt8](repeating: 0, count: 20)
        _ = SHA1(input, input.count, &digest)
        digest[6] = digest[6] & 0x0f | 0x50
        digest[8] = digest[8] & 0x3f | 0x80
        return Array(digest.prefix(16))
    }

    /// What an alert is about, besides group, rule and account.
    enum Occasion {
        case period(length: Int64, start: Int64)
        case payment(windowStart: Int64, paymentID: ByteSlice)
    }

    /// Appends the id as 36 characters.
    static func append(group: [UInt8], rule: [UInt8], account: ByteSlice, occasion: Occasion, to out: inout ByteWriter) {
        var name = ByteWriter(capacity: 256)
        appendPart(group, to: &name)
        appendPart(rule, to: &name)
        appendPart(account, to: &name)
        switch occasion {
        case .period(let length, let start):
            appendPart(Array(String(length).utf8), to: &name)
            appendPart(Array(String(start).utf8), to: &name)
        case .payment(let windowStart, let paymentID):
            appendPart(Array("payment".utf8), to: &name)
            appendPart(Array(String(windowStart).utf8), to: &name)
            appendPart(paymentID, to: &name)
        }
        append(uuid: uuid5(namespace: namespace, name: name.array()), to: &out)
    }

    private static func appendPart(_ bytes: [UInt8], to name: inout ByteWriter) {
        bytes.withUnsafeBytes { appendPart(ByteSlice($0), to: &name) }
    }

    private static func appendPart(_ bytes: ByteSlice, to name: inout ByteWriter) {
        withUnsafeBytes(of: UInt32(bytes.count).bigEndian) { name.append($0) }
        name.append(bytes)
    }

    static func append(uuid: [UInt8], to out: inout ByteWriter) {
        for (index, byte) in uuid.enumerated() {
            if index == 4 || index == 6 || index == 8 || index == 10 { out.append(UInt8(ascii: "-")) }
            for digit in [byte >> 4, byte & 15] { out.append(digit < 10 ? digit + 48 : digit + 87) }
        }
    }
}

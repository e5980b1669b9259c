/// The deterministic id of an alert: a UUIDv5 (RFC 9562) of what makes it this alert and no other.
enum PlainIdentity {
    /// For URLs, of RFC 9562.
    private static let urls: Bytes = [0x6b, 0xa7, 0xb8, 0x11, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8]
    private static let alerts = uuid5(urls, Bytes("https://tripline.io/alert/1".utf8))

    /// Of its parts, each with its length of 4 bytes, most significant first, in front.
    static func alertID(_ parts: [Bytes]) -> String {
        let name = parts.flatMap { bigEndian(UInt32($0.count)) + $0 }
        let digits = uuid5(alerts, name).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }
        return [digits[0..<4], digits[4..<6], digits[6..<8], digits[8..<10], digits[10..<16]].map { $0.joined() }.joined(separator: "-")
    }

    private static func uuid5(_ namespace: Bytes, _ name: Bytes) -> Bytes {
        var digest = sha1(namespace + name)
        digest[6] = digest[6] & 0x0f | 0x50
        digest[8] = digest[8] & 0x3f | 0x80
        return Bytes(digest.prefix(16))
    }

    private static func bigEndian<Number: FixedWidthInteger>(_ number: Number) -> Bytes {
        (0..<Number.bitWidth / 8).reversed().map { UInt8(truncatingIfNeeded: number >> Number($0 * 8)) }
    }

    /// FIPS 180-4, section 6.1.
    static func sha1(_ message: Bytes) -> Bytes {
        var padded = message + [0x80]
        while padded.count % 64 != 56 { padded.append(0) }
        padded += bigEndian(UInt64(message.count * 8))
        var state: [UInt32] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0]
        for block in stride(from: 0, to: padded.count, by: 64) {
            var words = (0..<16).map { word in padded[block + word * 4..<block + word * 4 + 4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) } }
            for index in 16..<80 { words.append(rotated(words[index - 3] ^ words[index - 8] ^ words[index - 14] ^ words[index - 16], 1)) }
            var (a, b, c, d, e) = (state[0], state[1], state[2], state[3], state[4])
            for (index, word) in words.enumerated() {
                let (mixed, constant): (UInt32, UInt32) =
                    switch index {
                    case ..<20: (b & c | ~b & d, 0x5a82_7999)
                    case ..<40: (b ^ c ^ d, 0x6ed9_eba1)
                    case ..<60: (b & c | b & d | c & d, 0x8f1b_bcdc)
                    case _: (b ^ c ^ d, 0xca62_c1d6)
                    }
                (a, b, c, d, e) = (rotated(a, 5) &+ mixed &+ e &+ constant &+ word, a, rotated(b, 30), c, d)
            }
            for (index, word) in [a, b, c, d, e].enumerated() { state[index] &+= word }
        }
        return state.flatMap { bigEndian($0) }
    }

    private static func rotated(_ word: UInt32, _ count: UInt32) -> UInt32 { word << count | word >> (32 - count) }
}

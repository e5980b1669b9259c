import FraudEngine
import Testing

@Suite struct TimestampTests {
    private func parse(_ text: String) -> Int64? {
        Array(text.utf8).withUnsafeBytes { Timestamp.parse(ByteSlice($0)) }
    }

    private func text(_ milliseconds: Int64) -> String {
        var writer = ByteWriter()
        writer.append(timestamp: milliseconds)
        return String(decoding: writer.array(), as: UTF8.self)
    }

    private func text(microseconds: Int64) -> String {
        var writer = ByteWriter()
        writer.append(timestampMicroseconds: microseconds)
        return String(decoding: writer.array(), as: UTF8.self)
    }

    @Test(
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("1970-01-01T00:00:00.001Z", 1), ("1969-12-31T23:59:59.999Z", -1), ("2026-11-23T10:04:59.120Z", 1_795_428_299_120),
            ("2024-02-29T12:00:00Z", 1_709_208_000_000), ("2000-02-29T00:00:00Z", 951_782_400_000), ("2024-01-01T00:00:44Z", 1_704_067_244_000),
            ("2026-11-23t10:04:59.12z", 1_795_428_299_120), ("2026-11-23T17:04:59.12+07:00", 1_795_428_299_120),
            ("2026-11-23T04:34:59.12-05:30", 1_795_428_299_120), ("1970-01-01T00:00:00-00:00", 0), ("1970-01-01T00:00:00.0009999999999999Z", 0),
            ("1969-12-31T23:59:59.9999Z", -1), ("1970-01-01T00:00:00.123456789Z", 123), ("0001-01-01T00:00:00Z", -62_135_596_800_000),
            ("9999-12-31T23:59:59.999Z", 253_402_300_799_999), ("0000-12-31T23:30:00-01:00", -62_135_596_800_000 + 1_800_000),
        ] as [(String, Int64)])
    func `an RFC 3339 time is read in UTC, down to the millisecond`(_ text: String, _ expected: Int64) {
        #expect(parse(text) == expected)
    }

    @Test(arguments: [
        "", "2026-11-23", "2026-11-23T10:00:00", "2026-11-23 10:00:00Z", "2026-11-23T10:00Z", "2026-11-23T24:00:00Z", "2026-11-23T10:60:00Z",
        "2026-11-23T10:00:60Z", "2026-02-29T10:00:00Z", "1900-02-29T00:00:00Z", "2026-02-31T10:00:00Z", "2026-04-31T10:00:00Z", "2026-13-01T10:00:00Z",
        "2026-00-01T10:00:00Z", "2026-01-00T10:00:00Z", "2026-01-32T10:00:00Z", "2026-11-23T10:00:00.Z", "2026-11-23T10:00:00.1", "2026-11-23T10:00:00,1Z",
        "2026-11-23T10:00:00+07", "2026-11-23T10:00:00+0700", "2026-11-23T10:00:00+24:00", "2026-11-23T10:00:00+07:60", "2026-11-23T10:00:00ZZ",
        "2026-11-23T10:00:00Z ", " 2026-11-23T10:00:00Z", "2026-11-23T1a:00:00Z", "2026-11-23T10-00-00Z", "2026/11/23T10:00:00Z", "+026-11-23T10:00:00Z",
        "0000-12-31T23:59:59Z", "0001-01-01T00:30:00+01:00", "9999-12-31T23:30:00-01:00", "20261-1-23T10:00:00Z", "2026-11-23T10:00:0:Z",
        "2026-11-23T/0:00:00Z",
        "\0\0\0\0\0\0\0\0\0\0T10:00:00Z", "2026-11-23T\u{100}:00:00Z",
    ])
    func `what is no time of RFC 3339 is refused`(_ text: String) {
        #expect(parse(text) == nil)
    }

    @Test func `every byte of a time is checked`() {
        let good = Array("2026-11-23T10:04:59.120+07:00".utf8)
        for at in 0..<good.count {
            for byte in UInt8.min...UInt8.max where !(48...57).contains(byte) {
                var bad = good
                bad[at] = byte
                let same = byte == good[at] || (at == 10 && byte == UInt8(ascii: "t")) || (at == 23 && byte == UInt8(ascii: "-"))
                let parsed = bad.withUnsafeBytes { Timestamp.parse(ByteSlice($0)) }
                #expect((parsed != nil) == same, "byte \(byte) at \(at)")
            }
        }
    }

    @Test func `a reader that remembers the date reads what a new one reads`() {
        let texts = [
            "2026-11-23T10:00:00Z", "2026-11-23T23:59:59.999Z", "2026-11-24T00:00:00Z", "2026-11-2xT00:00:00Z", "2026-11-24T00:00:01Z", "1970-01-01T00:00:00Z",
            "\0\0\0\0\0\0\0\0\0\0T00:00:00Z", "2026-11-23T10:00:00Z",
        ]
        var reader = TimestampReader()
        for text in texts {
            #expect(Array(text.utf8).withUnsafeBytes { reader.read(ByteSlice($0)) } == parse(text))
        }
    }

    @Test func `times are written with three or six fraction digits and clamped to four-digit years`() {
        #expect(text(0) == "1970-01-01T00:00:00.000Z")
        #expect(text(-1) == "1969-12-31T23:59:59.999Z")
        #expect(text(1_795_428_299_120) == "2026-11-23T10:04:59.120Z")
        #expect(text(.max) == "9999-12-31T23:59:59.999Z")
        #expect(text(.min) == "0001-01-01T00:00:00.000Z")
        #expect(text(microseconds: 1_795_428_299_120_007) == "2026-11-23T10:04:59.120007Z")
        #expect(text(microseconds: -1) == "1969-12-31T23:59:59.999999Z")
        #expect(text(microseconds: .max) == "9999-12-31T23:59:59.999999Z")
        #expect(text(microseconds: .min) == "0001-01-01T00:00:00.000000Z")
    }

    @Test func `what is written is read back, on every day of eight centuries`() {
        var day = Timestamp.earliest
        var written = ""
        for step in 0..<292_194 {
            let time = day + Int64(step % 86_400_000)
            let next = text(time)
            #expect(parse(next) == time)
            #expect(next > written)
            written = next
            day += 86_400_000
        }
    }
}

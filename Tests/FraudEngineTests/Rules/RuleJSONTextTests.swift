import Testing

@testable import FraudEngine

@Suite struct RuleJSONTextTests {
    private func text(_ body: (inout ByteWriter) -> Void) -> String {
        var writer = ByteWriter()
        body(&writer)
        return String(decoding: writer.array(), as: UTF8.self)
    }

    /// RFC 8785, appendix B.
    @Test(
        arguments: [
            (0x0000_0000_0000_0000, "0"), (0x8000_0000_0000_0000, "0"), (0x0000_0000_0000_0001, "5e-324"), (0x8000_0000_0000_0001, "-5e-324"),
            (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"), (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
            (0x4340_0000_0000_0000, "9007199254740992"),
            (0xc340_0000_0000_0000, "-9007199254740992"), (0x4430_0000_0000_0000, "295147905179352830000"), (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
            (0x44b5_2d02_c7e1_4af6, "1e+23"), (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"), (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
            (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"), (0x444b_1ae4_d6e2_ef50, "1e+21"), (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
            (0x3eb0_c6f7_a0b5_ed8d, "0.000001"), (0x41b3_de43_5555_5553, "333333333.3333332"), (0x41b3_de43_5555_5554, "333333333.33333325"),
            (0x41b3_de43_5555_5555, "333333333.3333333"), (0x41b3_de43_5555_5556, "333333333.3333334"), (0x41b3_de43_5555_5557, "333333333.33333343"),
            (0xbecb_f647_612f_3696, "-0.0000033333333333333333"), (0x4314_3ff3_c1cb_0959, "1424953923781206.2"), (0x7fff_ffff_ffff_ffff, "null"),
            (0x7ff0_0000_0000_0000, "null"),
        ] as [(UInt64, String)])
    func `a double is written as ECMAScript writes it`(_ bits: UInt64, _ expected: String) {
        #expect(text { $0.append(jsonNumber: Double(bitPattern: bits)) } == expected)
    }

    @Test(
        arguments: [
            (1, "1"), (20, "20"), (0.29, "0.29"), (1e-7, "1e-7"), (1.5e-9, "1.5e-9"), (123_456.789, "123456.789"), (1e20, "100000000000000000000"),
            (-4.35, "-4.35"), (0.001, "0.001"), (1e100, "1e+100"),
        ] as [(Double, String)])
    func `a plain double has no needless digits`(_ value: Double, _ expected: String) {
        #expect(text { $0.append(jsonNumber: value) } == expected)
    }

    @Test func `every double reads back as itself`() {
        var random = SplitMix(state: 3)
        for _ in 0..<50_000 {
            let value = Double(bitPattern: random.next())
            guard value.isFinite else { continue }
            let written = text { $0.append(jsonNumber: value) }
            #expect(Double(written) == value, "\(value)")
        }
    }

    @Test(
        arguments: [
            (0.125, 2, "0.12"), (0.375, 2, "0.38"), (2.5, 0, "2"), (3.5, 0, "4"), (1.005, 2, "1.00"), (50_000_001, 2, "50000001.00"), (-0.001, 2, "0.00"),
            (-1.25, 1, "-1.2"), (1e22, 1, "10000000000000000000000.0"), (.infinity, 2, "inf"), (-.infinity, 2, "-inf"), (.nan, 2, "nan"),
        ] as [(Double, Int, String)])
    func `fixed decimals round the exact value half to even`(_ value: Double, _ decimals: Int, _ expected: String) {
        #expect(text { $0.append(fixed: value, decimals: decimals) } == expected)
    }

    @Test func `strings are escaped as RFC 8785 asks`() {
        #expect(
            text { $0.append(jsonString: "\u{8}\t\n\u{c}\r\"\\/\u{0}\u{1f}\u{7f}\u{2028}\u{20ac}😀") }
                == "\"\\b\\t\\n\\f\\r\\\"\\\\/\\u0000\\u001f\u{7f}\u{2028}\u{20ac}😀\"")
        #expect(text { $0.append(jsonString: "") } == "\"\"")
    }

    @Test(
        arguments: [
            [0xff], [0x61, 0xc3], [0xc3, 0x28], [0xe2, 0x82, 0x41], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xf0, 0x9f, 0x98], [0xc0, 0xaf],
            [0x80, 0x80], [0xe0, 0x9f, 0xbf], [0x41, 0xf0, 0x80, 0x80, 0x42], [0xe2, 0x82, 0xac],
        ] as [[UInt8]])
    func `ill-formed UTF-8 becomes replacement characters, as Unicode recommends`(_ bytes: [UInt8]) {
        let written = text { writer in bytes.withUnsafeBytes { writer.append(jsonString: ByteSlice($0)) } }
        #expect(written == "\"" + String(decoding: bytes, as: UTF8.self) + "\"")
        #expect(!bytes.isEmpty)
    }

    @Test(
        arguments: [
            (0, "0s"), (5_400_000_000_000, "1h30m"), (-45_000_000_000, "-45s"), (1_500_000_000, "1s500ms"), (1_001, "1us1ns"),
            (.min, "-2562047h47m16s854ms775us808ns"), (86_400_000_000_000, "24h"),
        ] as [(Int64, String)])
    func `a duration is written largest unit first`(_ nanoseconds: Int64, _ expected: String) {
        #expect(text { $0.append(duration: nanoseconds) } == expected)
    }
}

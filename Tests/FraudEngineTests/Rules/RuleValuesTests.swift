import Testing

@testable import FraudEngine

@Suite struct RuleValuesTests {
    @Test(
        arguments: [
            (29, 2, 0.29), (435, 2, 4.35), (1, 2, 0.01), (10, 2, 0.1), (30, 2, 0.3), (100, 2, 1), (1_234, 0, 1_234), (1_234, 3, 1.234), (29, 3, 0.029),
            (12_345, 4, 1.2345), (0, 2, 0), (-29, 2, -0.29), (9_007_199_254_740_993, 2, 90_071_992_547_409.93), (.max, 2, 92_233_720_368_547_758.07),
            (.max, 3, 9_223_372_036_854_775.807), (.min, 2, -92_233_720_368_547_758.08), (.max, 0, 0x1p63),
        ] as [(Int64, Int, Double)])
    func `minor units become the double nearest to the amount`(_ minor: Int64, _ exponent: Int, _ expected: Double) {
        #expect(MinorUnits.major(minor, exponent: exponent) == expected)
    }

    @Test func `amounts beyond 2^53 round once, as their decimal text does`() throws {
        var random = SplitMix(state: 11)
        for _ in 0..<20_000 {
            let minor = Int64.random(in: (1 << 53)...Int64.max, using: &random)
            for exponent in 1...4 {
                let digits = String(minor)
                let text = "\(digits.dropLast(exponent)).\(digits.suffix(exponent))"
                let expected = try #require(Double(text))
                #expect(MinorUnits.major(minor, exponent: exponent) == expected, "\(minor) with exponent \(exponent)")
            }
        }
    }

    @Test(
        arguments: [
            (10, 1_000_000, false, 11), (10, 999_999, false, 10), (10, -1, false, 9), (10, -1_000_000, false, 9), (10, 1, true, 9), (10, 1_000_000, true, 9),
            (10, -999_999, true, 10), (10, 0, true, 10), (253_402_300_799_999, 999_999, false, 253_402_300_799_999),
            (253_402_300_799_999, 1_000_000, false, nil),
            (-62_135_596_800_000, 1, true, nil), (-62_135_596_800_000, -1, false, nil), (0, .min, true, 9_223_372_036_854),
            (0, .min, false, -9_223_372_036_855),
        ] as [(Int64, Int64, Bool, Int64?)])
    func `a shifted time is the millisecond it falls into, between the years 1 and 9999`(_ time: Int64, _ duration: Int64, _ isBack: Bool, _ expected: Int64?) {
        let shifted = TimeArithmetic.shift(time, by: duration, isBack: isBack)
        #expect((shifted.overflow ? nil : shifted.partialValue) == expected)
    }

    @Test(
        arguments: [
            (0, 300_000, 300_000_000_000), (5, 3, -2_000_000), (0, 9_223_372_036_854, 9_223_372_036_854_000_000), (0, 9_223_372_036_855, nil),
            (9_223_372_036_855, 0, nil), (.min, .max, nil),
        ] as [(Int64, Int64, Int64?)])
    func `the time between two moments is in error where nanoseconds cannot say it`(_ start: Int64, _ end: Int64, _ expected: Int64?) {
        let found = TimeArithmetic.nanoseconds(from: start, to: end)
        #expect((found.overflow ? nil : found.partialValue) == expected)
    }

    @Test func `packed strings order as their bytes do`() {
        for a in RandomPlans.strings {
            for b in RandomPlans.strings {
                Array(a.utf8).withUnsafeBytes { left in
                    Array(b.utf8).withUnsafeBytes { right in
                        let (x, y) = (PackedString.pack(ByteSlice(left)), PackedString.pack(ByteSlice(right)))
                        let order = PackedString.order(ByteSlice(left), ByteSlice(right))
                        #expect((order < 0) == a.utf8.lexicographicallyPrecedes(b.utf8))
                        #expect((order == 0) == a.utf8.elementsEqual(b.utf8))
                        if x != y { #expect((x < y) == (order < 0)) }
                        if x == y, order != 0 { #expect(PackedString.isLong(x)) }
                    }
                }
            }
        }
    }

    @Test func `a set holds its strings, short and long, and nothing else`() {
        var random = SplitMix(state: 5)
        let all = (0..<4_000).map { index in
            String(decoding: (0..<Int.random(in: 0...14, using: &random)).map { _ in UInt8.random(in: 97...99, using: &random) }, as: UTF8.self)
                + (index % 3 == 0 ? "-\(index)" : "")
        }
        let entries = Array(all.prefix(2_000))
        let set = ByteSet(entries + entries.prefix(100))
        let expected = Set(entries.map { Array($0.utf8) })
        for text in all {
            let bytes = Array(text.utf8)
            let isFound = bytes.withUnsafeBytes { set.contains(ByteSlice($0), packed: PackedString.pack(ByteSlice($0))) }
            #expect(isFound == expected.contains(bytes), "\(text)")
        }
    }

    @Test func `canonically equal strings are two entries`() {
        let set = ByteSet(["e\u{301}", "long-long-e\u{301}"])
        for (text, isMember) in [("e\u{301}", true), ("\u{e9}", false), ("long-long-e\u{301}", true), ("long-long-\u{e9}", false)] {
            let found = Array(text.utf8).withUnsafeBytes { set.contains(ByteSlice($0), packed: PackedString.pack(ByteSlice($0))) }
            #expect(found == isMember)
        }
    }
}

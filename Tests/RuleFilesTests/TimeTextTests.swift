import RuleFiles
import Testing

struct TimeTextTests {
    @Test(
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("2026-02-02T10:00:00Z", 1_770_026_400_000), ("2026-02-02T11:30:00+01:30", 1_770_026_400_000),
            ("2026-02-02T09:59:59.250-00:00", 1_770_026_399_250), ("2024-02-29T23:59:59.9Z", 1_709_251_199_900), ("1969-12-31T23:59:59.999Z", -1),
            ("0000-03-01T00:00:00Z", -62_162_035_200_000), ("9999-12-31t23:59:59z", 253_402_300_799_000),
        ] as [(String, Int64)])
    func `times are read`(_ text: String, _ milliseconds: Int64) {
        #expect(TimeText.milliseconds(text) == milliseconds)
    }

    @Test(arguments: [
        "", "2026-02-02", "2026-02-02 10:00:00Z", "2026-02-02T10:00:00", "2026-02-30T10:00:00Z", "2025-02-29T10:00:00Z", "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z", "2026-01-00T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T23:60:00Z", "2026-06-30T23:59:60Z",
        "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00.0001Z", "2026-01-01T00:00:00+1:00", "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00Z ",
        "+026-01-01T00:00:00Z",
    ])
    func `what is no time is refused`(_ text: String) {
        #expect(TimeText.milliseconds(text) == nil)
    }

    @Test func `a time survives writing and reading`() {
        var generator = SeededGenerator(seed: 0x7121)
        for _ in 0..<10_000 {
            let time = Int64.random(in: -62_167_219_200_000..<253_402_300_800_000, using: &generator)
            #expect(TimeText.milliseconds(TimeText.text(milliseconds: time)) == time, "seed 0x7121")
        }
    }
}

/// SplitMix64: the same numbers for the same seed.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// Money as rules see it.
enum MinorUnits {
    /// `minor` divided by ten to the `exponent` (0 to 9), correctly rounded: 29 with exponent 2 is the double nearest to 0.29, for every Int64.
    @inline(__always)
    static func major(_ minor: Int64, exponent: Int) -> Double {
        if minor.magnitude <= 1 << 53 { return Double(minor) / power(exponent) }
        return exactMajor(minor, exponent: exponent)
    }

    /// Ten to the `exponent`, exactly.
    @inline(__always)
    private static func power(_ exponent: Int) -> Double {
        switch exponent {
        case 0: 1
        case 1: 10
        case 2: 100
        case 3: 1_000
        case 4: 10_000
        case _: Double(integerPower(exponent))
        }
    }

    private static func integerPower(_ exponent: Int) -> UInt64 {
        precondition(exponent >= 0 && exponent <= 9)
        var power: UInt64 = 1
        for _ in 0..<exponent { power *= 10 }
        return power
    }

    /// Beyond 2^53 the conversion of `minor` would round once and the division again: divide as integers to 62 bits or more instead, keep a sticky
    /// bit for the remainder, and let the conversion of that quotient be the only rounding.
    @inline(never)
    private static func exactMajor(_ minor: Int64, exponent: Int) -> Double {
        let divisor = integerPower(exponent)
        if divisor == 1 { return Double(minor) }
        let leadingZeros = minor.magnitude.leadingZeroBitCount
        let normal = minor.magnitude << UInt64(leadingZeros)
        let shift = 63 - divisor.leadingZeroBitCount
        let division = divisor.dividingFullWidth((normal >> UInt64(64 - shift), normal << UInt64(shift)))
        let sticky: UInt64 = division.remainder == 0 ? 0 : 1
        let scale = Double(sign: .plus, exponent: -(shift + leadingZeros), significand: 1)
        let magnitude = Double(division.quotient | sticky) * scale
        return minor < 0 ? -magnitude : magnitude
    }
}

/// A part of the accounts: each is in one of 64 classes by its bytes, so that a store with little room can ask for their scores in turns.
package struct ScoreClasses: Sendable, Equatable {
    package static let all = ScoreClasses(bits: .max)
    package static let none = ScoreClasses(bits: 0)

    /// Bit i: class i.
    private var bits: UInt64

    private init(bits: UInt64) { self.bits = bits }

    /// The class of one account.
    package init(of account: ByteSlice) { bits = 1 << (Hashing.hash(account) >> 58) }

    package var isEmpty: Bool { bits == 0 }
    package var count: Int { bits.nonzeroBitCount }

    package func intersects(_ other: ScoreClasses) -> Bool { bits & other.bits != 0 }

    package mutating func insert(_ other: ScoreClasses) { bits |= other.bits }

    /// Takes the first ones out, at most that many.
    package mutating func removeFirst(_ limit: Int) -> ScoreClasses {
        var taken: UInt64 = 0
        while bits != 0, taken.nonzeroBitCount < limit {
            let lowest = bits & (~bits &+ 1)
            taken |= lowest
            bits &= ~lowest
        }
        return ScoreClasses(bits: taken)
    }
}

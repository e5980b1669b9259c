/// The engine's own 64-bit hash: multiply and fold, as wyhash does it (https://github.com/wangyi-fudan/wyhash describes the family).
///
/// With the default seed its values are part of stored state (digests, fingerprints) and never change; with a seed of the process it places
/// accounts in tables, so that crafted account ids cannot pile up in one place.
package enum Hashing {
    static let k0: UInt64 = 0xa076_1d64_78bd_642f
    static let k1: UInt64 = 0xe703_7ed1_a0b4_28db
    static let k2: UInt64 = 0x8ebc_6af0_9c88_c6e3
    static let k3: UInt64 = 0x5899_65cc_7537_4cc3

    /// The two halves of the 128-bit product, folded.
    @inline(__always)
    package static func mix(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let product = a.multipliedFullWidth(by: b)
        return product.high ^ product.low
    }

    /// Hash of the bytes; `seed` 0 is the fixed hash of stored state.
    @inline(__always)
    package static func hash(_ bytes: ByteSlice, seed: UInt64 = 0) -> UInt64 {
        hash(bytes.start, count: bytes.count, seed: seed)
    }

    package static func hash(_ start: UnsafeRawPointer, count: Int, seed: UInt64 = 0) -> UInt64 {
        var state = seed ^ k0
        var at = start
        var rest = count
        while rest > 16 {
            state = mix(at.loadUnaligned(as: UInt64.self) ^ k1, (at + 8).loadUnaligned(as: UInt64.self) ^ state)
            at += 16
            rest -= 16
        }
        var low: UInt64 = 0
        var high: UInt64 = 0
        if rest >= 8 {
            low = at.loadUnaligned(as: UInt64.self)
            high = (at + (rest - 8)).loadUnaligned(as: UInt64.self)
        } else if rest >= 4 {
            low = UInt64(at.loadUnaligned(as: UInt32.self))
            high = UInt64((at + (rest - 4)).loadUnaligned(as: UInt32.self))
        } else if rest > 0 {
            low =
                UInt64(at.load(as: UInt8.self)) << 16 | UInt64((at + rest / 2).load(as: UInt8.self)) << 8
                | UInt64((at + (rest - 1)).load(as: UInt8.self))
        }
        return mix(k1 ^ UInt64(truncatingIfNeeded: count), mix(low ^ k1, high ^ state))
    }

    /// One entry of a digest: four words of which each matters.
    @inline(__always)
    package static func entry(_ a: UInt64, _ b: UInt64, _ c: UInt64, _ d: UInt64) -> UInt64 {
        mix(mix(a ^ k0, b ^ k1) ^ c, mix(c ^ k2, d ^ k3) ^ a)
    }
}

#if canImport(Glibc)
import Glibc
#endif

/// A string's first seven bytes and its length in one number that orders as the bytes do.
///
/// The bytes stand from the most significant down, padded with zeros; the lowest byte is the length, or 255 for eight bytes and more. Two unequal
/// numbers order as their strings do, and equal numbers are equal strings unless both are long.
enum PackedString {
    static let longLength: UInt64 = 255
    static let shortLimit = 7

    @inline(__always)
    static func pack(_ slice: ByteSlice) -> UInt64 {
        if slice.count > shortLimit { return UInt64(bigEndian: slice.start.loadUnaligned(as: UInt64.self)) | longLength }
        var packed = UInt64(slice.count)
        var shift: UInt64 = 56
        for index in 0..<slice.count {
            packed |= UInt64(slice.start.load(fromByteOffset: index, as: UInt8.self)) &<< shift
            shift &-= 8
        }
        return packed
    }

    @inline(__always)
    static func isLong(_ packed: UInt64) -> Bool { packed & 255 == longLength }

    /// -1, 0 or 1: how the bytes order; a prefix comes first.
    static func order(_ a: ByteSlice, _ b: ByteSlice) -> Int {
        let common = memcmp(a.start, b.start, min(a.count, b.count))
        if common != 0 { return common < 0 ? -1 : 1 }
        return a.count == b.count ? 0 : a.count < b.count ? -1 : 1
    }
}

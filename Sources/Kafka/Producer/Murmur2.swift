/// The partition that Java clients give a key: murmur2 with Kafka's seed, made positive, modulo the number of partitions.
///
/// Source: `org.apache.kafka.common.utils.Utils.murmur2` and `toPositive`.
package enum KeyPartitioner {
    /// - Parameter partitionCount: above 0.
    package static func partition(of key: UnsafeRawBufferPointer, partitionCount: Int32) -> Int32 {
        precondition(partitionCount > 0, "a topic has at least one partition")
        return Int32(bitPattern: murmur2(key) & 0x7fff_ffff) % partitionCount
    }

    /// MurmurHash2, 32 bits, seed 0x9747b28c, little endian.
    package static func murmur2(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        let multiplier: UInt32 = 0x5bd1_e995
        var hash: UInt32 = 0x9747_b28c ^ UInt32(truncatingIfNeeded: bytes.count)
        let tail = bytes.count & ~3
        for offset in stride(from: 0, to: tail, by: 4) {
            var word = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
            word &*= multiplier
            word ^= word >> 24
            word &*= multiplier
            hash = (hash &* multiplier) ^ word
        }
        if tail < bytes.count {
            for index in (tail..<bytes.count).reversed() {
                hash ^= UInt32(bytes[index]) << UInt32(8 * (index - tail))
            }
            hash &*= multiplier
        }
        hash ^= hash >> 13
        hash &*= multiplier
        return hash ^ (hash >> 15)
    }
}

import Kafka
import Testing

@Suite struct `The partition of a key` {
    /// Source: Apache Kafka, `UtilsTest.testMurmur2`.
    @Test(
        arguments: [
            ("21", -973_932_308), ("foobar", -790_332_482), ("a-little-bit-long-string", -985_981_536), ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971), ("abc", 479_470_107),
        ] as [(String, Int32)])
    func `has the hash that Java clients compute`(key: String, hash: Int32) {
        #expect(Int32(bitPattern: murmur2(Array(key.utf8))) == hash)
    }

    /// Source: librdkafka, `rdmurmur2.c`: every length of a tail, and a key without bytes.
    @Test(
        arguments: [
            ("kafka", 0xd067_cf64), ("giberish123456789", 0x8f55_2b0c), ("1234", 0x9fc9_7b14), ("234", 0xe7c0_09ca), ("34", 0x8739_30da),
            ("4", 0x5a4b_5ca1), ("", 0x106e_08d9),
        ] as [(String, UInt32)])
    func `has the hash that librdkafka computes`(key: String, hash: UInt32) {
        #expect(murmur2(Array(key.utf8)) == hash)
    }

    @Test func `does not depend on where its bytes lie`() {
        let key = Array("xlkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8".utf8)
        let unaligned = key.withUnsafeBytes { KeyPartitioner.murmur2(UnsafeRawBufferPointer(rebasing: $0[1...])) }
        #expect(Int32(bitPattern: unaligned) == -58_897_971)
    }

    @Test(arguments: [1, 2, 7, 12, 1_000] as [Int32]) func `is one of the topic's`(partitionCount: Int32) {
        var seen: Set<Int32> = []
        for number in 0..<20_000 {
            let key = Array("acc-\(number)".utf8)
            seen.insert(key.withUnsafeBytes { KeyPartitioner.partition(of: $0, partitionCount: partitionCount) })
        }
        #expect(seen == Set(0..<partitionCount))
    }

    @Test(.makesClients) func `is the one that a producer chooses`() throws {
        let cluster = try Cluster(partitions: 7)
        defer { cluster.stop() }
        let producer = try cluster.producer()
        defer { producer.destroy() }
        let topic = try producer.register(topic: Cluster.topic)
        let keys = (0..<200).map { "acc-\($0 * $0)" } + ["", "ü"]
        try producer.begin()
        for key in keys { try producer.produce(topic, partition: nil, key: key, "v") }
        try producer.commit(timeoutMilliseconds: 30_000)
        var found: [String?] = []
        for partition in 0..<Int32(7) {
            for record in try cluster.records(partition: partition) {
                let key = try #require(record.key)
                #expect(Array(key.utf8).withUnsafeBytes { KeyPartitioner.partition(of: $0, partitionCount: 7) } == partition, "\(key)")
                found.append(key)
            }
        }
        #expect(Set(found) == Set(keys))
        #expect(found.count == keys.count)
    }

    private func murmur2(_ key: [UInt8]) -> UInt32 { key.withUnsafeBytes { KeyPartitioner.murmur2($0) } }
}

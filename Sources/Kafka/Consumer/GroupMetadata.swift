internal import CRdKafka

/// A member's generation, member id and instance id at one moment: what fences a stale owner's offsets (KIP-447).
///
/// A copy, independent of the consumer's life. Capture it in the assignment callback and never use it for another assignment.
package final class GroupMetadata {
    let pointer: OpaquePointer

    /// Takes over the object.
    init(owning pointer: OpaquePointer) {
        self.pointer = pointer
    }

    deinit {
        rd_kafka_consumer_group_metadata_destroy(pointer)
    }

    /// The same member in the same generation.
    func isSame(as other: GroupMetadata) -> Bool { bytes() == other.bytes() }

    /// -1 before the group has given one; nil where librdkafka writes it down in a way that is not known here.
    var generation: Int32? {
        let bytes = bytes()
        let magic = Array("CGMDv2:".utf8)
        guard bytes.starts(with: magic), bytes.count >= magic.count + 4 else { return nil }
        return bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: magic.count, as: Int32.self) }
    }

    /// In librdkafka's own format, which is good for a comparison inside of one process.
    private func bytes() -> [UInt8] {
        var buffer: UnsafeMutableRawPointer?
        var count = 0
        if let error = rd_kafka_consumer_group_metadata_write(pointer, &buffer, &count) {
            rd_kafka_error_destroy(error)
            preconditionFailure("group metadata of librdkafka's own making can be written")
        }
        defer { rd_kafka_mem_free(nil, buffer) }
        return Array(UnsafeRawBufferPointer(start: buffer, count: count))
    }
}

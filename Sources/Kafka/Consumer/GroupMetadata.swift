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
}

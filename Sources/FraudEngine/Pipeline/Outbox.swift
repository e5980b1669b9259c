/// Records to produce and score changes of the transaction that is being filled; everything is dropped together or committed together.
package struct Outbox: ~Copyable {
    package enum Kind: UInt8, Sendable, CaseIterable {
        case alert, shadowAlert, late, deadLetter
    }

    /// A record to produce; ranges are into `bytes`.
    package struct Entry {
        package var kind: Kind
        /// The input partition it came from.
        package var partition: Int32
        /// nil: no key.
        package var key: Range<Int>?
        /// nil: no value (tombstones never come here; a dead letter too large for its topic does).
        package var value: Range<Int>?
        /// A header block: repeated 4-byte count and name, 4-byte count (-1: null) and value, little-endian.
        package var headers: Range<Int>
        /// Kafka timestamp of the payment, milliseconds.
        package var receivedAt: Int64
    }

    package var bytes = ByteWriter(capacity: 1 << 16)
    package var entries: [Entry] = []
    package var scores: [ScoreChange] = []

    package init() {}

    package var isEmpty: Bool { entries.isEmpty && scores.isEmpty }

    /// Drops what came from these partitions.
    package mutating func remove(where isGone: (Int32) -> Bool) {
        entries.removeAll { isGone($0.partition) }
        scores.removeAll { isGone($0.partition) }
        if entries.isEmpty { bytes.removeAll() }
    }

    package mutating func removeAll() {
        bytes.removeAll()
        entries.removeAll(keepingCapacity: true)
        scores.removeAll(keepingCapacity: true)
    }
}

/// Copies headers of the run's record `index` into a header block: all of them, or `traceparent` only.
package typealias HeaderSource = (_ index: Int, _ traceOnly: Bool, _ block: inout ByteWriter) -> Void

/// Header blocks, as `Outbox.Entry.headers` holds them.
package enum HeaderBlock {
    package static func append(_ name: StaticString, _ value: ByteSlice, to block: inout ByteWriter) {
        append(name: ByteSlice(start: name.utf8Start, count: name.utf8CodeUnitCount), value: value, to: &block)
    }

    package static func append(_ name: StaticString, _ value: [UInt8], to block: inout ByteWriter) {
        value.withUnsafeBytes { append(name, ByteSlice($0), to: &block) }
    }

    package static func append(_ name: StaticString, utf8 value: String, to block: inout ByteWriter) {
        append(name, Array(value.utf8), to: &block)
    }

    package static func append(name: ByteSlice, value: ByteSlice?, to block: inout ByteWriter) {
        block.append(little: UInt32(name.count))
        block.append(name)
        guard let value else { return block.append(little: Int32(-1)) }
        block.append(little: Int32(value.count))
        block.append(value)
    }
}

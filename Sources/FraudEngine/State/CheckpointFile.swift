import CCrypto

/// A checkpoint as bytes: a text header, the compressed state, and the SHA-256 of both.
///
/// Layout: `TLCP2\n`, header length (4 bytes, little-endian), header (one `name=value` a line), state (`StateCodec`) as a zstd frame, the state's
/// length before compression (8 bytes, little-endian), 32 bytes of SHA-256 over all that.
package enum CheckpointFile {
    package enum Problem: Error, Equatable {
        case notACheckpoint
        /// Its layout is one that this version does not read.
        case olderVersion
        /// Cut short or changed since it was written.
        case checksum
        case header(String)
        /// The state's frame does not unpack to what was packed.
        case compression
        case state(StateCodec.Problem)
    }

    private static let magic = Array("TLCP2\n".utf8)
    /// Of as many bytes as `magic`: states were not compressed then.
    private static let olderMagic = Array("TLCP1\n".utf8)
    private static let checksumCount = 32
    private static let sizeCount = 8
    /// Bytes of the state that wait to be compressed: the state is never held as a whole while it is written.
    private static let pieceSize = 1 << 18

    package static func encode(_ header: CheckpointHeader, _ snapshot: PartitionSnapshot, to out: inout ByteWriter) {
        out.append(magic)
        let text = Array(self.text(header).utf8)
        out.append(little: UInt32(text.count))
        out.append(text)
        let compressor = Compressor()
        var plain = ByteWriter(capacity: pieceSize * 2)
        var count: UInt64 = 0
        StateCodec.encode(snapshot, to: &plain) { plain in
            guard plain.count >= pieceSize else { return }
            count += UInt64(plain.count)
            plain.withBytes { compressor.append($0, to: &out) }
            plain.removeAll()
        }
        count += UInt64(plain.count)
        plain.withBytes { compressor.append($0, to: &out) }
        compressor.finish(to: &out)
        out.append(little: count)
        let sum = out.withBytes { sha256($0) }
        out.append(sum)
    }

    package static func sha256(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: checksumCount)
        _ = SHA256(bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count, &digest)
        return digest
    }

    /// The header as it stands in the file.
    package static func text(_ header: CheckpointHeader) -> String {
        var lines = [
            "group=\(header.group)", "topic=\(header.topic)", "partition=\(header.partition)", "epoch=\(header.epoch)", "offset=\(header.offset)",
            "fold=\(header.foldHash)", "partitions=\(header.partitionCount)", "digest=\(hexadecimal(header.digest))",
        ]
        if let anchor = header.anchor { lines.append("anchor=\(anchor.offset):\(hexadecimal(anchor.hash))") }
        for entry in header.history {
            lines.append("rules=\(entry.sequence):\(entry.ruleSet.hexadecimal):\(entry.fromOffset):\(entry.streamTime)")
        }
        return lines.joined(separator: "\n")
    }

    /// The header of a checkpoint whose checksum is right.
    package static func header(_ bytes: UnsafeRawBufferPointer) throws(Problem) -> CheckpointHeader { try parts(bytes).header }

    /// Bytes: no header is longer, with as many switches of rules as a partition of many years has.
    package static let longestHeader = 1 << 20

    /// The header in the first bytes of a checkpoint; whether the rest is whole is not looked at.
    package static func uncheckedHeader(_ bytes: UnsafeRawBufferPointer) throws(Problem) -> CheckpointHeader {
        let start = magic.count + 4
        guard bytes.count > start else { throw .notACheckpoint }
        try checkMagic(bytes)
        let count = Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: magic.count, as: UInt32.self)))
        guard start + count <= bytes.count else { throw .header("its length is wrong") }
        return try header(String(decoding: bytes[start..<(start + count)], as: UTF8.self))
    }

    /// Header and state; nothing of a damaged checkpoint is used.
    package static func decode(_ bytes: UnsafeRawBufferPointer, windows: TumblingWindows, seed: UInt64) throws(Problem) -> (CheckpointHeader, PartitionStateBox)
    {
        let (header, body) = try parts(bytes)
        let size = UInt64(littleEndian: body.loadUnaligned(fromByteOffset: body.count - sizeCount, as: UInt64.self))
        let frame = UnsafeRawBufferPointer(rebasing: body.dropLast(sizeCount))
        guard let count = Int(exactly: size), let content = Compression.decompress(frame, count: count) else { throw .compression }
        do throws(StateCodec.Problem) {
            let state = try content.withUnsafeBufferPointer { (bytes) throws(StateCodec.Problem) in
                PartitionStateBox(try StateCodec.decode(UnsafeRawBufferPointer(bytes), windows: windows, seed: seed))
            }
            guard state.digest == header.digest else { throw StateCodec.Problem.digest(stored: header.digest, read: state.digest) }
            return (header, state)
        } catch {
            throw .state(error)
        }
    }

    private static func checkMagic(_ bytes: UnsafeRawBufferPointer) throws(Problem) {
        let start = bytes.prefix(magic.count)
        guard !start.elementsEqual(olderMagic) else { throw .olderVersion }
        guard start.elementsEqual(magic) else { throw .notACheckpoint }
    }

    private static func parts(_ bytes: UnsafeRawBufferPointer) throws(Problem) -> (header: CheckpointHeader, body: UnsafeRawBufferPointer) {
        guard bytes.count > magic.count + 4 + checksumCount else { throw .notACheckpoint }
        try checkMagic(bytes)
        let covered = UnsafeRawBufferPointer(rebasing: bytes[..<(bytes.count - checksumCount)])
        guard sha256(covered).elementsEqual(bytes[(bytes.count - checksumCount)...]) else { throw .checksum }
        let headerCount = Int(UInt32(littleEndian: covered.loadUnaligned(fromByteOffset: magic.count, as: UInt32.self)))
        let bodyStart = magic.count + 4 + headerCount
        guard bodyStart + sizeCount <= covered.count else { throw .header("its length is wrong") }
        let text = String(decoding: covered[(magic.count + 4)..<bodyStart], as: UTF8.self)
        return (try header(text), UnsafeRawBufferPointer(rebasing: covered[bodyStart...]))
    }

    private static func header(_ content: String) throws(Problem) -> CheckpointHeader {
        var values: [String: String] = [:]
        var history: [RuleActivation] = []
        for line in content.utf8.split(separator: UInt8(ascii: "\n")) {
            guard let equals = line.firstIndex(of: UInt8(ascii: "=")) else { throw .header("a line without '='") }
            let name = String(decoding: line[..<equals], as: UTF8.self)
            let value = String(decoding: line[line.index(after: equals)...], as: UTF8.self)
            if name == "rules" { history.append(try activation(value)) } else { values[name] = value }
        }
        func text(_ name: String) throws(Problem) -> String {
            guard let value = values[name] else { throw .header("'\(name)' is missing") }
            return value
        }
        func integer(_ name: String) throws(Problem) -> Int64 {
            guard let value = Int64(try text(name)) else { throw .header("'\(name)' is no integer") }
            return value
        }
        guard let digest = UInt64(try text("digest"), radix: 16) else { throw .header("'digest' is no digest") }
        guard let partition = Int32(exactly: try integer("partition")) else { throw .header("'partition' is no partition") }
        return CheckpointHeader(
            group: try text("group"), topic: try text("topic"), partition: partition, epoch: try integer("epoch"), offset: try integer("offset"),
            foldHash: try text("fold"), partitionCount: Int(try integer("partitions")), anchor: try anchor(values["anchor"]), history: history, digest: digest)
    }

    private static func activation(_ text: String) throws(Problem) -> RuleActivation {
        let parts = text.split(separator: ":").map(String.init)
        guard parts.count == 4, let sequence = UInt64(parts[0]), let offset = Int64(parts[2]), let time = Int64(parts[3]) else {
            throw .header("an entry of the rule-set history cannot be read")
        }
        return RuleActivation(sequence: sequence, ruleSet: RuleSetHash(hexadecimal: parts[1]), fromOffset: offset, streamTime: time)
    }

    private static func anchor(_ text: String?) throws(Problem) -> Anchor? {
        guard let text else { return nil }
        let parts = text.split(separator: ":").map(String.init)
        guard parts.count == 2, let offset = Int64(parts[0]), let hash = UInt64(parts[1], radix: 16) else { throw .header("the anchor cannot be read") }
        return Anchor(offset: offset, hash: hash)
    }
}

extension CheckpointFile.Problem: CustomStringConvertible {
    package var description: String {
        switch self {
        case .notACheckpoint: "it is no checkpoint"
        case .olderVersion: "it was written by an older version, in a layout that this one does not read"
        case .checksum: "its checksum is wrong: it was cut short or changed since it was written"
        case .header(let what): "its header cannot be read: \(what)"
        case .compression: "its state does not unpack to what was packed"
        case .state(let problem): "its state cannot be read: \(problem)"
        }
    }
}

/// Carries a state out of a function that also returns something else.
package final class PartitionStateBox {
    private var state: PartitionState?

    /// Of the state that it carries.
    let digest: UInt64

    init(_ state: consuming PartitionState) {
        digest = state.digest
        self.state = consume state
    }

    /// The state, once.
    package func take() -> PartitionState {
        guard let taken = state.take() else { preconditionFailure("a state is taken once") }
        return taken
    }
}

import FraudEngine
import RuleFiles

/// Checkpoints and rule sets in a folder that all instances share.
///
/// `<root>/<group>/<topic>/<partition>/<epoch>-<offset>-<rule switches>.checkpoint` (never overwritten, the last three kept) and
/// `<root>/rule-sets/<sha256>.bundle`. Used by the checkpoint thread, and for its listing by workers.
struct CheckpointDirectory: Sendable {
    let root: String
    let group: String
    let topic: String

    /// A checkpoint's place.
    struct Entry: Comparable, Sendable {
        var epoch: Int64
        var kept: KeptCheckpoint
        var path: String

        static func < (a: Entry, b: Entry) -> Bool { (a.epoch, a.kept.offset, a.kept.sequence) < (b.epoch, b.kept.offset, b.kept.sequence) }
    }

    static let keptCount = 3

    func folder(of partition: Int32) -> String {
        "\(root)/\(FileSystem.escaped(group))/\(FileSystem.escaped(topic))/\(partition)"
    }

    private var ruleSetFolder: String { "\(root)/rule-sets" }

    /// Makes the folders and shows that they can be written: a service without checkpoints would replay for ever.
    func prepare() throws(FileSystem.Problem) {
        try FileSystem.makeFolder(ruleSetFolder)
        try FileSystem.makeFolder("\(root)/\(FileSystem.escaped(group))/\(FileSystem.escaped(topic))")
        let probe = "\(root)/.write-probe"
        try FileSystem.write(UnsafeRawBufferPointer(start: nil, count: 0), to: probe)
        try FileSystem.remove(probe)
    }

    // MARK: Checkpoints

    /// The partitions that have a folder, ascending.
    func partitions() throws(FileSystem.Problem) -> [Int32] {
        try FileSystem.names(in: "\(root)/\(FileSystem.escaped(group))/\(FileSystem.escaped(topic))").compactMap { Int32($0) }.sorted()
    }

    /// The partition's checkpoints, oldest first.
    func list(_ partition: Int32) throws(FileSystem.Problem) -> [Entry] {
        let folder = folder(of: partition)
        return try FileSystem.names(in: folder).compactMap { name in
            guard name.hasSuffix(".checkpoint") else { return nil }
            let parts = name.dropLast(".checkpoint".count).split(separator: "-")
            guard parts.count == 3, let epoch = Int64(parts[0]), let offset = Int64(parts[1]), let sequence = UInt64(parts[2]) else { return nil }
            return Entry(epoch: epoch, kept: KeptCheckpoint(offset: offset, sequence: sequence), path: "\(folder)/\(name)")
        }.sorted()
    }

    /// Writes a checkpoint and removes those beyond the last three; bytes written.
    func write(_ header: CheckpointHeader, _ snapshot: PartitionSnapshot) throws(FileSystem.Problem) -> Int {
        let folder = folder(of: header.partition)
        try FileSystem.makeFolder(folder)
        var bytes = ByteWriter(capacity: 1 << 20)
        CheckpointFile.encode(header, snapshot, to: &bytes)
        let digits = String(header.offset)
        let place = "\(header.epoch)-\(String(repeating: "0", count: max(0, 19 - digits.utf8.count)))\(digits)-\(header.kept.sequence)"
        try FileSystem.write(UnsafeRawBufferPointer(start: bytes.bytes, count: bytes.count), to: "\(folder)/\(place).checkpoint")
        for old in try list(header.partition).dropLast(Self.keptCount) { try FileSystem.remove(old.path) }
        try FileSystem.removeLeftovers(in: folder)
        return bytes.count
    }

    // MARK: Rule sets

    /// Keeps the rule set's content under its hash; once.
    func store(ruleSet hash: RuleSetHash, bundle: [UInt8]) throws(FileSystem.Problem) {
        let path = "\(ruleSetFolder)/\(hash.hexadecimal).bundle"
        if try FileSystem.names(in: ruleSetFolder).contains("\(hash.hexadecimal).bundle") { return }
        try bundle.withUnsafeBufferPointer { (bytes) throws(FileSystem.Problem) in
            try FileSystem.write(UnsafeRawBufferPointer(bytes), to: path)
        }
    }

    /// The content stored under the hash.
    func bundle(of hash: RuleSetHash) throws(FileSystem.Problem) -> [UInt8] {
        try FileSystem.read("\(ruleSetFolder)/\(hash.hexadecimal).bundle")
    }
}

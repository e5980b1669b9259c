import FraudEngine
import RuleFiles

/// Checkpoints and rule sets in a folder that all instances share.
///
/// `<root>/<group>/<topic>/<partition>/<epoch>-<offset>-<rule switches>.checkpoint` (never overwritten, the last three kept) and
/// `<root>/rule-sets/<sha256>.bundle`.
struct CheckpointDirectory: Sendable {
    let root: String
    let group: String
    let topic: String

    func folder(of partition: Int32) -> String {
        "\(root)/\(FileSystem.escaped(group))/\(FileSystem.escaped(topic))/\(partition)"
    }

    private var ruleSetFolder: String { "\(root)/rule-sets" }

    private func path(_ partition: Int32, epoch: Int64, _ kept: KeptCheckpoint) -> String {
        let digits = String(kept.offset)
        return "\(folder(of: partition))/\(epoch)-\(String(repeating: "0", count: max(0, 19 - digits.utf8.count)))\(digits)-\(kept.sequence).checkpoint"
    }

    private func attempt<Value>(_ body: () throws(FileSystem.Problem) -> Value) throws(StoreProblem) -> Value {
        do throws(FileSystem.Problem) { return try body() } catch { throw .file(error) }
    }
}

extension CheckpointDirectory: CheckpointAccess {
    func prepare() throws(StoreProblem) {
        try attempt { () throws(FileSystem.Problem) in
            try FileSystem.makeFolder(ruleSetFolder)
            try FileSystem.makeFolder("\(root)/\(FileSystem.escaped(group))/\(FileSystem.escaped(topic))")
            let probe = "\(root)/.write-probe"
            try FileSystem.write(UnsafeRawBufferPointer(start: nil, count: 0), to: probe)
            try FileSystem.remove(probe)
        }
    }

    // MARK: Checkpoints

    func partitions() throws(StoreProblem) -> [Int32] {
        try attempt { () throws(FileSystem.Problem) in
            try FileSystem.names(in: "\(root)/\(FileSystem.escaped(group))/\(FileSystem.escaped(topic))").compactMap { Int32($0) }.sorted()
        }
    }

    func list(_ partition: Int32) throws(StoreProblem) -> [StoredCheckpoint] {
        try attempt { () throws(FileSystem.Problem) in
            let folder = folder(of: partition)
            return try FileSystem.names(in: folder).compactMap { name in
                guard name.hasSuffix(".checkpoint") else { return nil }
                let parts = name.dropLast(".checkpoint".count).split(separator: "-")
                guard parts.count == 3, let epoch = Int64(parts[0]), let offset = Int64(parts[1]), let sequence = UInt64(parts[2]) else { return nil }
                return StoredCheckpoint(
                    partition: partition, epoch: epoch, kept: KeptCheckpoint(offset: offset, sequence: sequence), place: "\(folder)/\(name)")
            }.sorted()
        }
    }

    func read(_ checkpoint: StoredCheckpoint) throws(StoreProblem) -> [UInt8] {
        try attempt { () throws(FileSystem.Problem) in try FileSystem.read(checkpoint.place) }
    }

    func look(at checkpoint: StoredCheckpoint, limit: Int) throws(StoreProblem) -> (byteCount: Int, writtenAt: Int64, start: [UInt8]) {
        try attempt { () throws(FileSystem.Problem) in
            let (byteCount, writtenAt) = try FileSystem.status(checkpoint.place)
            return (byteCount, writtenAt, try FileSystem.read(checkpoint.place, limit: limit))
        }
    }

    func write(_ header: CheckpointHeader, _ bytes: UnsafeRawBufferPointer) throws(StoreProblem) {
        try attempt { () throws(FileSystem.Problem) in
            let folder = folder(of: header.partition)
            try FileSystem.makeFolder(folder)
            try FileSystem.write(bytes, to: path(header.partition, epoch: header.epoch, header.kept))
        }
        let old = try list(header.partition).dropLast(CheckpointStore.keptCount)
        try attempt { () throws(FileSystem.Problem) in
            for checkpoint in old { try FileSystem.remove(checkpoint.place) }
            try FileSystem.removeLeftovers(in: folder(of: header.partition))
        }
    }

    // MARK: Rule sets

    func store(ruleSet hash: RuleSetHash, bundle: [UInt8]) throws(StoreProblem) {
        try attempt { () throws(FileSystem.Problem) in
            if isKept(hash) { return }
            try bundle.withUnsafeBufferPointer { (bytes) throws(FileSystem.Problem) in
                try FileSystem.write(UnsafeRawBufferPointer(bytes), to: path(of: hash))
            }
        }
    }

    func bundle(of hash: RuleSetHash) throws(StoreProblem) -> [UInt8] {
        try attempt { () throws(FileSystem.Problem) in try FileSystem.read(path(of: hash)) }
    }

    private func path(of hash: RuleSetHash) -> String { "\(ruleSetFolder)/\(hash.hexadecimal).bundle" }

    /// What is missing, cannot be read or is damaged is not.
    private func isKept(_ hash: RuleSetHash) -> Bool {
        do throws(FileSystem.Problem) { return RuleBundle.hash(ofEncoded: try FileSystem.read(path(of: hash))) == hash } catch { return false }
    }
}

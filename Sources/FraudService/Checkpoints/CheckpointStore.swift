import FraudEngine
import Postgres

/// Where a group's checkpoints and rule sets are kept; all instances share it.
enum CheckpointStore: Sendable {
    case directory(CheckpointDirectory)
    case tables(CheckpointTables)

    /// The newest checkpoints of a partition that stay.
    static let keptCount = 3

    init(_ settings: Settings) {
        switch (settings.checkpoint.store, settings.postgres) {
        case (.directory(let root), _): self = .directory(CheckpointDirectory(root: root, group: settings.group, topic: settings.input.topic))
        case (.postgres, let address?):
            self = .tables(CheckpointTables(address: address, group: settings.group, topic: settings.input.topic, instance: settings.instance))
        case (.postgres, nil): preconditionFailure("settings with this store have an address")
        }
    }

    /// A way to the store for the calling thread alone.
    func open() -> any CheckpointAccess {
        switch self {
        case .directory(let directory): directory
        case .tables(let tables): CheckpointTablesAccess(tables)
        }
    }

    var group: String {
        switch self {
        case .directory(let directory): directory.group
        case .tables(let tables): tables.group
        }
    }

    var topic: String {
        switch self {
        case .directory(let directory): directory.topic
        case .tables(let tables): tables.topic
        }
    }

    /// For people: what is to be brought back from a backup.
    var place: String {
        switch self {
        case .directory(let directory): directory.root
        case .tables(let tables): "the schema tripline of \(tables.address)"
        }
    }
}

/// A checkpoint that the store has, as its listing tells.
struct StoredCheckpoint: Comparable, Sendable {
    var partition: Int32
    var epoch: Int64
    var kept: KeptCheckpoint
    /// The path, or in words for people.
    var place: String

    static func < (a: StoredCheckpoint, b: StoredCheckpoint) -> Bool { (a.epoch, a.kept.offset, a.kept.sequence) < (b.epoch, b.kept.offset, b.kept.sequence) }
}

/// What one thread does with the store. Blocks; a database's calls end within its timeouts.
protocol CheckpointAccess {
    /// Makes what is needed and shows that it can be written: a service without checkpoints would replay for ever.
    func prepare() throws(StoreProblem)

    /// The partitions that have checkpoints, ascending.
    func partitions() throws(StoreProblem) -> [Int32]

    /// The partition's checkpoints, oldest first.
    func list(_ partition: Int32) throws(StoreProblem) -> [StoredCheckpoint]

    /// A checkpoint's bytes as they were written; whether they are whole `CheckpointFile` tells.
    func read(_ checkpoint: StoredCheckpoint) throws(StoreProblem) -> [UInt8]

    /// A checkpoint's size, when it was written, Unix milliseconds, and at most so many of its first bytes.
    func look(at checkpoint: StoredCheckpoint, limit: Int) throws(StoreProblem) -> (byteCount: Int, writtenAt: Int64, start: [UInt8])

    /// Writes a checkpoint, whole or not at all, and removes those beyond the last three.
    func write(_ header: CheckpointHeader, _ bytes: UnsafeRawBufferPointer) throws(StoreProblem)

    /// Keeps the rule set's content under its hash; once.
    func store(ruleSet hash: RuleSetHash, bundle: [UInt8]) throws(StoreProblem)

    /// The content stored under the hash.
    func bundle(of hash: RuleSetHash) throws(StoreProblem) -> [UInt8]
}

extension CheckpointAccess {
    /// Encodes and writes; bytes written.
    func write(_ header: CheckpointHeader, _ snapshot: PartitionSnapshot) throws(StoreProblem) -> Int {
        var bytes = ByteWriter(capacity: 1 << 20)
        CheckpointFile.encode(header, snapshot, to: &bytes)
        try write(header, UnsafeRawBufferPointer(start: bytes.bytes, count: bytes.count))
        return bytes.count
    }
}

/// What the store could not do.
enum StoreProblem: Error, Sendable {
    case file(FileSystem.Problem)
    case database(PostgresError)
    /// What was asked for is not there.
    case missing(String)
    /// Not all of it is there.
    case incomplete(String)

    /// What was listed a moment ago is gone: the last three are kept.
    var isMissing: Bool {
        switch self {
        case .file(let problem): problem.isMissing
        case .database, .incomplete: false
        case .missing: true
        }
    }

    /// It may be better soon, without a restart of the service: a database restarts, or somebody mends credentials or rights that were changed in it.
    /// (A start does not ask: credentials that are wrong from the beginning are the settings'.)
    var isPassing: Bool {
        switch self {
        case .database(let error): error.isRetriable || error.isAccessDenied
        case .file, .missing, .incomplete: false
        }
    }
}

extension StoreProblem: CustomStringConvertible {
    var description: String {
        switch self {
        case .file(let problem): "\(problem)"
        case .database(let error): "\(error)"
        case .missing(let what), .incomplete(let what): what
        }
    }
}

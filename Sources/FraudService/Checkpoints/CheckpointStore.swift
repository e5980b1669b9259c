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

    /// The command that takes a partition's checkpoints out of the way.
    func commandToRemove(_ partition: Int32) -> String {
        switch self {
        case .directory(let directory):
            let folder = directory.folder(of: partition)
            return "mv \(folder) \(folder).old"
        case .tables(let tables):
            // Groups and topics are letters, digits, '.', '_' and '-'.
            return "psql \(tables.address) -c 'DELETE FROM tripline.checkpoint "
                + "WHERE \"group\" = $$\(tables.group)$$ AND topic = $$\(tables.topic)$$ AND partition = \(partition)'"
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

    /// The partition's checkpoints, oldest first.
    func list(_ partition: Int32) throws(StoreProblem) -> [StoredCheckpoint]

    /// A checkpoint's bytes as they were written; whether they are whole `CheckpointFile` tells.
    func read(_ checkpoint: StoredCheckpoint) throws(StoreProblem) -> [UInt8]

    /// Writes a checkpoint, whole or not at all, and removes those beyond the last three.
    func write(_ header: CheckpointHeader, _ bytes: UnsafeRawBufferPointer) throws(StoreProblem)

    /// Keeps the rule set's content under its hash; once.
    func store(ruleSet hash: RuleSetHash, bundle: [UInt8]) throws(StoreProblem)

    /// The content stored under the hash.
    func bundle(of hash: RuleSetHash) throws(StoreProblem) -> [UInt8]
}

/// What the store could not do.
enum StoreProblem: Error, Sendable {
    case file(FileSystem.Problem)
    case database(PostgresError)
    /// What was asked for is not there, or not all of it.
    case missing(String)

    /// It may be better soon, without anybody's doing: a database that restarts.
    var isPassing: Bool {
        switch self {
        case .database(let error): error.isRetriable
        case .file, .missing: false
        }
    }
}

extension StoreProblem: CustomStringConvertible {
    var description: String {
        switch self {
        case .file(let problem): "\(problem)"
        case .database(let error): "\(error)"
        case .missing(let what): what
        }
    }
}

import FraudEngine
import Migrations
import Postgres

extension [Migration] {
    /// Those this program brings.
    static var tripline: [Migration] { Migration.all }
}

extension Migration {
    /// SHA-256 of the file.
    var checksum: [UInt8] { up.withUnsafeBytes { CheckpointFile.sha256($0) } }
}

/// A migration as `schema_migration` has it.
struct AppliedMigration: Sendable, Equatable {
    var version: Int
    var name: String
    var checksum: [UInt8]
    /// RFC 3339, UTC.
    var appliedAt: String
}

/// How a database's schema stands to the migrations that a program knows.
struct SchemaStanding: Sendable, Equatable {
    enum State: String, Sendable {
        case applied
        case pending
        /// Applied from a file of other content, or left out.
        case changed
        /// Of a newer program.
        case newer
    }

    struct Row: Sendable, Equatable {
        var version: Int
        var name: String
        var state: State
        var appliedAt: String?
    }

    /// By version; each that is known or applied.
    let rows: [Row]
    private let known: [Migration]

    init(known: [Migration], applied: [AppliedMigration]) {
        self.known = known
        let last = applied.map(\.version).max() ?? 0
        var rows = known.map { migration in
            guard let row = applied.first(where: { $0.version == migration.version }) else {
                return Row(version: migration.version, name: migration.name, state: migration.version < last ? .changed : .pending)
            }
            let isSame = row.checksum == migration.checksum && row.name == migration.name
            return Row(version: migration.version, name: migration.name, state: isSame ? .applied : .changed, appliedAt: row.appliedAt)
        }
        rows += applied.filter { row in !known.contains { $0.version == row.version } }.sorted { $0.version < $1.version }
            .map { Row(version: $0.version, name: $0.name, state: .newer, appliedAt: $0.appliedAt) }
        self.rows = rows
    }

    /// Of the last one applied; 0 without a schema.
    var version: Int { rows.last { $0.appliedAt != nil }?.version ?? 0 }

    var pending: [Migration] { known.filter { migration in rows.contains { $0.version == migration.version && $0.state == .pending } } }

    private func count(_ state: State) -> Int { rows.reduce(0) { $0 + ($1.state == state ? 1 : 0) } }

    /// Why nothing may be migrated by this program; nil where it may.
    func problem(_ address: PostgresAddress) -> String? {
        if let row = rows.first(where: { $0.state == .changed }), let migration = known.first(where: { $0.version == row.version }) {
            return row.appliedAt == nil
                ? "\(address): migrations/\(migration.file) was left out although later ones are applied; bring back the database as it was, from a backup"
                : "\(address): migrations/\(migration.file) is not the file that was applied on \(row.appliedAt ?? ""): an applied file is never changed; "
                    + "bring it back as it was (or run the program it came with), and put the change into a migration of its own"
        }
        guard count(.newer) > 0 else { return nil }
        return
            "\(address): the schema is at version \(version), this program knows up to \(known.count); use the version of tripline that migrated it, or a newer one"
    }

    /// Why a service cannot run on this schema; nil where it can. It works with its own version's schema and the next one: the schema is migrated
    /// first, then the instances are exchanged one by one.
    func problemForService(_ address: PostgresAddress) -> String? {
        if count(.changed) > 0 || count(.newer) > 1 { return problem(address) }
        let pending = pending
        guard let first = pending.first else { return nil }
        let which = pending.count == 1 ? first.file : "\(first.file) and \(pending.count - 1) more"
        return "\(address): the schema is at version \(version), this program needs \(known.count) (\(which)); run:\n  tripline migrate up"
    }
}

import Migrations
import Postgres

/// Brings a database's schema to the version that this program knows.
enum SchemaMigrations {
    /// Of the advisory lock that one migrating process holds: "tripline" in ASCII.
    static let lockKey: Int64 = 0x7472_6970_6C69_6E65
    /// An index on a large table takes its time.
    static let statementMilliseconds = 600_000
    private static let lockWaitMilliseconds = 600_000
    /// How long a file waits for a table that is in use; who comes after it waits too.
    private static let tableWaitMilliseconds = 60_000

    /// What failed in which file.
    struct Failure: Error {
        var error: PostgresError
        /// `migrations/000001_create_schema.up.sql:12`; nil where it was no file.
        var place: String?
    }

    static func applied(_ connection: PostgresConnection) throws(PostgresError) -> [AppliedMigration] {
        guard try connection.query("select to_regclass('tripline.schema_migration') is not null").first?.boolean(0) == true else { return [] }
        let rows = try connection.query(
            """
            select version, name, checksum, to_char(applied_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
            from tripline.schema_migration order by version
            """)
        var applied: [AppliedMigration] = []
        for row in rows.rows {
            applied.append(
                AppliedMigration(
                    version: Int(try row.integer(0)), name: try row.text(1), checksum: try row.bytes(2), appliedAt: try row.text(3)))
        }
        return applied
    }

    /// How migrating went.
    struct Outcome {
        /// As it was found, or as it is now where nothing failed.
        var standing: SchemaStanding
        var applied: [Migration] = []
        /// What stopped it; what was applied before stays.
        var failure: Failure?
    }

    /// Applies what is pending, in order, each file in a transaction; nothing where the standing has a `problem`. Of several processes at once one
    /// works and the others wait, then find nothing to do.
    static func apply(_ known: [Migration], _ connection: PostgresConnection, _ address: PostgresAddress) throws(PostgresError) -> Outcome {
        try connection.withAdvisoryLock(lockKey, waitMilliseconds: lockWaitMilliseconds) { () throws(PostgresError) in
            var outcome = Outcome(standing: SchemaStanding(known: known, applied: try applied(connection)))
            guard outcome.standing.problem(address) == nil else { return outcome }
            for migration in outcome.standing.pending {
                do throws(PostgresError) {
                    try apply(migration, connection)
                } catch {
                    outcome.failure = Failure(error: error, place: place(of: error, in: migration))
                    return outcome
                }
                outcome.applied.append(migration)
            }
            outcome.standing = SchemaStanding(known: known, applied: try applied(connection))
            return outcome
        }
    }

    private static func apply(_ migration: Migration, _ connection: PostgresConnection) throws(PostgresError) {
        try connection.transaction { () throws(PostgresError) in
            _ = try connection.query("select set_config('lock_timeout', $1, true)", [.text("\(tableWaitMilliseconds)")])
            try connection.run(script: String(decoding: migration.up, as: UTF8.self))
            _ = try connection.query(
                "insert into tripline.schema_migration (version, name, checksum) values ($1, $2, $3)",
                [.integer(Int64(migration.version)), .text(migration.name), .bytes(migration.checksum)])
        }
    }

    /// The file, and the line where the server names a place in it.
    private static func place(of error: PostgresError, in migration: Migration) -> String {
        let path = "migrations/\(migration.file)"
        guard case .refused(let refusal) = error, let position = refusal.position else { return path }
        let before = String(decoding: migration.up, as: UTF8.self).unicodeScalars.prefix(position - 1)
        return "\(path):\(before.reduce(1) { $0 + ($1 == "\n" ? 1 : 0) })"
    }
}

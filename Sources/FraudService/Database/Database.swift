import Postgres

/// The PostgreSQL of `postgres.url`.
enum Database {
    /// As the server's lists of connections show this program.
    private static let application = "tripline"

    static func connect(_ address: PostgresAddress, statementMilliseconds: Int = 10_000) throws(PostgresError) -> PostgresConnection {
        try PostgresConnection(
            address, application: application, timeouts: PostgresTimeouts(connect: 5_000, statement: statementMilliseconds))
    }

    /// What a service needs before it starts: a schema that this program works with.
    static func check(_ address: PostgresAddress) throws(StartFailure) {
        let applied: [AppliedMigration]
        do throws(PostgresError) {
            applied = try SchemaMigrations.applied(try connect(address))
        } catch {
            throw StartFailure(error)
        }
        if let problem = SchemaStanding(known: .tripline, applied: applied).problemForService(address) { throw StartFailure(.refused, problem) }
    }
}

extension StartFailure {
    /// What PostgreSQL refused, with what can be done about it.
    init(_ error: PostgresError) {
        switch error {
        case .unreachable, .timeout: self.init(.unreachable, "\(error); check postgres.url and whether the server is up")
        case .authentication: self.init(.refused, "\(error); check user and password in postgres.url, and pg_hba.conf")
        case .protocolViolation: self.init(.refused, "\(error); is it a PostgreSQL that postgres.url names, and a schema that Tripline made?")
        case .refused(let refusal):
            switch refusal.sqlState {
            case "42501": self.init(.refused, "\(error); give the role its rights as docs/postgresql.md lists them")
            case "3D000": self.init(.refused, "\(error); create it: CREATE DATABASE, and the roles as docs/postgresql.md lists them")
            case "25006": self.init(.refused, "\(error); name the primary in postgres.url (target_session_attrs=read-write finds it among several hosts)")
            case "53100": self.init(.refused, "\(error); make room on the server's disk")
            case _: self.init(error.isRetriable ? .unreachable : .refused, "\(error)")
            }
        }
    }
}

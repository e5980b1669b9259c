import Migrations
import Postgres
import PostgresServer
import Testing

@testable import FraudService

/// A new database with the roles of the migrations' comments, and exactly the rights that stand there.
struct TestDatabase {
    enum Role: String, CaseIterable {
        case migrate = "tripline_migrate"
        case service = "tripline_service"
        case read = "tripline_read"
    }

    let name: String
    private let server: PostgresServer

    /// - Parameter migrations: applied and granted as the comments say.
    init(on server: PostgresServer? = nil, migrations: [Migration] = .tripline) throws {
        let server = try server ?? PostgresServer.shared.get()
        self.server = server
        name = "test_\(UInt64.random(in: 0 ... .max))"
        try makeRoles()
        let admin = try connect("admin", to: "postgres")
        try admin.run(script: "create database \(name)")
        let grants = migrations.flatMap(Self.grants)
        for grant in grants where grant.contains(" ON DATABASE ") {
            try admin.run(script: grant.replacing("ON DATABASE tripline ", with: "ON DATABASE \(name) "))
        }
        guard !migrations.isEmpty else { return }
        let migrator = try connect(.migrate)
        let outcome = try SchemaMigrations.apply(migrations, migrator, try address(.migrate))
        if let failure = outcome.failure { throw failure.error }
        for grant in grants where !grant.contains(" ON DATABASE ") && !grant.hasPrefix("CREATE ROLE") { try migrator.run(script: grant) }
    }

    /// The statements in a migration's comments.
    static func grants(of migration: Migration) -> [String] {
        String(decoding: migration.up, as: UTF8.self).split(separator: "\n").filter { $0.hasPrefix("--   ") && $0.hasSuffix(";") }
            .map { String($0.dropFirst("--   ".count)) }
    }

    /// Roles belong to a server, not to a database: another test may have made them.
    private func makeRoles() throws {
        let admin = try connect("admin", to: "postgres")
        try admin.withAdvisoryLock(1, waitMilliseconds: 60_000) { () throws(PostgresError) in
            guard try admin.query("select 1 from pg_roles where rolname = $1", [.text(Role.migrate.rawValue)]).rows.isEmpty else { return }
            for statement in [Migration].tripline.flatMap(Self.grants) where statement.hasPrefix("CREATE ROLE") { try admin.run(script: statement) }
            for role in Role.allCases { try admin.run(script: "alter role \(role.rawValue) password 'secret'") }
        }
    }

    func address(_ role: Role) throws -> PostgresAddress { try PostgresAddress(url: server.url(user: role.rawValue, database: name)) }

    func connect(_ role: Role) throws -> PostgresConnection { try connect(role.rawValue, to: name) }

    func admin() throws -> PostgresConnection { try connect("admin", to: name) }

    private func connect(_ user: String, to database: String) throws -> PostgresConnection {
        try PostgresConnection(
            PostgresAddress(url: server.url(user: user, database: database)), application: "tests",
            timeouts: PostgresTimeouts(connect: 60_000, statement: 60_000))
    }
}

extension String {
    fileprivate func replacing(_ text: String, with other: String) -> String {
        var result = ""
        var rest = self[...]
        while !rest.isEmpty {
            if rest.hasPrefix(text) {
                result += other
                rest = rest.dropFirst(text.count)
            } else {
                result.append(rest.removeFirst())
            }
        }
        return result
    }
}

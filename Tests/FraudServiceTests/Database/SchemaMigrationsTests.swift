import Foundation
import Migrations
import Postgres
import PostgresServer
import Synchronization
import Testing

@testable import FraudService

@Suite(.enabled(if: PostgresServer.isInstalled, "\(PostgresServer.missing)"))
struct SchemaMigrationsTests {
    private func migration(_ version: Int, _ up: String, name: String = "add_thing") -> Migration {
        Migration(version: version, name: name, up: Array(up.utf8), down: [])
    }

    private var next: Migration { migration(Migration.all.count + 1, "alter table tripline.audit add column thing text;") }

    private func standing(_ database: TestDatabase, _ known: [Migration] = .tripline) throws -> SchemaStanding {
        SchemaStanding(known: known, applied: try SchemaMigrations.applied(try database.connect(.migrate)))
    }

    private func apply(_ known: [Migration], _ database: TestDatabase) throws -> SchemaMigrations.Outcome {
        try SchemaMigrations.apply(known, try database.connect(.migrate), try database.address(.migrate))
    }

    /// Every column, constraint and index of the schema as text.
    private func shape(_ database: TestDatabase) throws -> [String] {
        try database.admin().query(
            """
            select t from (
                select format('%s.%s %s %s %s', table_name, column_name, data_type, is_nullable, coalesce(column_default, '')) t
                from information_schema.columns where table_schema = 'tripline'
                union all select conrelid::regclass || ' ' || pg_get_constraintdef(oid) from pg_constraint where connamespace = 'tripline'::regnamespace
                union all select indexdef from pg_indexes where schemaname = 'tripline') s order by t
            """
        ).rows.map { try $0.text(0) }
    }

    @Test func `an empty database gets every migration, and a second run finds nothing to do`() throws {
        let database = try TestDatabase(migrations: [])
        let admin = try database.admin()
        try admin.run(script: "grant connect, create on database \(database.name) to tripline_migrate")
        #expect(try standing(database).rows.map(\.state) == Migration.all.map { _ in .pending })
        let first = try apply(.tripline, database)
        #expect(first.applied == Migration.all && first.failure == nil)
        #expect(first.standing.version == Migration.all.count && first.standing.pending.isEmpty)
        #expect(try apply(.tripline, database).applied.isEmpty)
        #expect(try standing(database).rows.allSatisfy { $0.state == .applied && $0.appliedAt?.count == 20 })
    }

    @Test func `each step is taken back by its other file, and all of them leave nothing`() throws {
        let database = try TestDatabase()
        var shapes: [[String]] = []
        for migration in Migration.all.reversed() {
            shapes.append(try shape(database))
            try database.connect(.migrate).run(script: String(decoding: migration.down, as: UTF8.self))
            #expect(try standing(database).version == migration.version - 1)
        }
        #expect(try database.admin().query("select 1 from pg_namespace where nspname = 'tripline'").rows.isEmpty)
        for migration in Migration.all {
            #expect(try apply(Array(Migration.all.prefix(migration.version)), database).applied == [migration])
            #expect(try shape(database) == shapes.popLast())
        }
    }

    @Test func `of several that migrate at once one works, the others find nothing to do`() throws {
        let database = try TestDatabase(migrations: [])
        try database.admin().run(script: "grant connect, create on database \(database.name) to tripline_migrate")
        let address = try database.address(.migrate)
        let applied = Mutex<[Int]>([])
        let failures = Mutex<[String]>([])
        let threads = DispatchGroup()
        for _ in 0..<4 {
            threads.enter()
            Thread.detachNewThread {
                defer { threads.leave() }
                do throws(PostgresError) {
                    let outcome = try SchemaMigrations.apply(.tripline, try Database.connect(address), address)
                    applied.withLock { $0 += outcome.applied.map(\.version) }
                    if let failure = outcome.failure { failures.withLock { $0.append("\(failure.error)") } }
                } catch {
                    failures.withLock { $0.append("\(error)") }
                }
            }
        }
        threads.wait()
        #expect(applied.withLock { $0 } == Migration.all.map(\.version))
        #expect(failures.withLock { $0 } == [])
    }

    @Test func `a file that fails leaves no trace of itself, what came before stays, and the line is told`() throws {
        let database = try TestDatabase()
        let bad = migration(Migration.all.count + 2, "create table tripline.half (n int);\n-- ü\nselect nothing from tripline.half;")
        let outcome = try apply(.tripline + [next, bad], database)
        #expect(outcome.applied == [next])
        let failure = try #require(outcome.failure)
        #expect(failure.error.sqlState == "42703")
        #expect(failure.place == "migrations/\(bad.file):3")
        #expect(try database.admin().query("select to_regclass('tripline.half') is null").first?.boolean(0) == true)
        #expect(try standing(database, .tripline + [next]).version == Migration.all.count + 1)
    }

    @Test func `an applied file that changed is an error that names it, and nothing is applied`() throws {
        let database = try TestDatabase()
        var known = Migration.all
        known[0].up += Array("-- edited\n".utf8)
        let outcome = try apply(known + [next], database)
        #expect(outcome.applied.isEmpty)
        #expect(outcome.standing.rows.map(\.state) == [.changed] + Migration.all.dropFirst().map { _ in .applied } + [.pending])
        let problem = try #require(outcome.standing.problem(try database.address(.service)))
        #expect(problem.contains("migrations/000001_create_schema.up.sql is not the file that was applied on 2"))
        #expect(problem.contains("bring it back as it was"))
        #expect(outcome.standing.problemForService(try database.address(.service)) == problem)
    }

    @Test func `a migration that was left out is an error`() throws {
        let database = try TestDatabase()
        try database.admin().run(script: "delete from tripline.schema_migration where version = 1")
        let problem = try #require(try standing(database).problem(try database.address(.migrate)))
        #expect(problem.contains("000001_create_schema.up.sql was left out"))
    }

    @Test func `a schema newer than the program is refused by migrate, and one step ahead still serves`() throws {
        let database = try TestDatabase()
        let address = try database.address(.migrate)
        #expect(try apply(.tripline + [next], database).applied == [next])
        let ahead = try standing(database)
        #expect(ahead.rows.last?.state == .newer)
        #expect(try #require(ahead.problem(address)).contains("the schema is at version \(Migration.all.count + 1), this program knows up to"))
        #expect(ahead.problemForService(address) == nil)
        let after = migration(Migration.all.count + 2, "select 1")
        #expect(try apply(.tripline + [next, after], database).applied == [after])
        #expect(try standing(database).problemForService(address) != nil)
    }

    @Test func `a service on a schema that is behind is told what to run, and changes nothing`() throws {
        let database = try TestDatabase(migrations: [Migration.all[0]])
        let address = try database.address(.service)
        do throws(StartFailure) {
            try Database.check(address)
            Issue.record("accepted")
        } catch {
            #expect(error.code == .refused)
            #expect(error.message.contains("the schema is at version 1, this program needs \(Migration.all.count) (000002_add_checkpoint_instance.up.sql)"))
            #expect(error.message.hasSuffix("run:\n  tripline migrate up"))
        }
        #expect(try standing(database).version == 1)
        _ = try apply(.tripline, database)
        try Database.check(address)
    }

    @Test func `a role without rights is told which list to look at`() throws {
        let database = try TestDatabase(migrations: [])
        try database.admin().run(script: "grant connect, create on database \(database.name) to tripline_migrate")
        _ = try apply(.tripline, database)
        let address = try database.address(.service)
        do throws(StartFailure) {
            try Database.check(address)
            Issue.record("accepted")
        } catch {
            #expect(error.code == .refused)
            #expect(error.message.contains("permission denied") && error.message.contains("docs/postgresql.md"))
        }
    }

    @Test func `the service may do what it needs and no more, the reader reads but no states`() throws {
        let database = try TestDatabase()
        let rows = """
            insert into tripline.rule_set (sha256, bundle) values (sha256('x'), 'x');
            insert into tripline.rule_activation (seq, "group", sha256, actor) values (1, 'g', sha256('x'), 'me');
            insert into tripline.checkpoint ("group", topic, partition, epoch, "offset", rules_seq, fold, digest, metadata, bytes)
                values ('g', 't', 0, 1, 2, 1, 'f', '12345678', '', 1);
            insert into tripline.checkpoint_chunk (checkpoint_id, number, data) select id, 0, 'x' from tripline.checkpoint;
            update tripline.checkpoint set complete = true;
            insert into tripline.audit (actor, action) values ('me', 'test');
            """
        let service = try database.connect(.service)
        try service.run(script: rows)
        let reader = try database.connect(.read)
        for table in ["schema_migration", "rule_set", "rule_activation", "checkpoint", "audit"] {
            #expect(try reader.query("select * from (select count(*) from tripline.\(table)) c").count == 1, "\(table)")
        }
        let denied = [
            (service, "update tripline.checkpoint set fold = 'x'"), (service, "delete from tripline.checkpoint_chunk"),
            (service, "update tripline.rule_set set bundle = 'y'"), (service, "delete from tripline.rule_set"), (service, "delete from tripline.audit"),
            (service, "update tripline.rule_activation set actor = 'x'"), (service, "delete from tripline.schema_migration"),
            (service, "create table tripline.x (n int)"), (reader, "select data from tripline.checkpoint_chunk"),
            (reader, "insert into tripline.audit (actor, action) values ('me', 'test')"), (reader, "delete from tripline.checkpoint"),
        ]
        for (connection, statement) in denied {
            do throws(PostgresError) {
                try connection.run(script: statement)
                Issue.record("allowed: \(statement)")
            } catch {
                #expect(error.sqlState == "42501", "\(statement)")
            }
        }
        try service.run(script: "delete from tripline.checkpoint")
        #expect(try database.admin().query("select count(*) from tripline.checkpoint_chunk").first?.integer(0) == 0)
    }

    @Test func `the schema takes nothing that cannot be true`() throws {
        let database = try TestDatabase()
        let service = try database.connect(.service)
        let refused = [
            ("insert into tripline.rule_set (sha256, bundle) values (sha256('x'), 'y')", "23514"),
            ("insert into tripline.rule_activation (seq, \"group\", sha256, actor) values (1, 'g', sha256('x'), 'me')", "23503"),
            (
                "insert into tripline.checkpoint (\"group\", topic, partition, epoch, \"offset\", rules_seq, fold, digest, metadata, bytes) values ('g', 't', 0, 1, -1, 1, '', '12345678', '', 1)",
                "23514"
            ),
            ("insert into tripline.checkpoint_chunk (checkpoint_id, number, data) values (99, 0, 'x')", "23503"),
        ]
        for (statement, sqlState) in refused {
            do throws(PostgresError) {
                try service.run(script: statement)
                Issue.record("accepted: \(statement)")
            } catch {
                #expect(error.sqlState == sqlState, "\(statement)")
            }
        }
    }

    @Test func `each error of PostgreSQL has an exit code and what to do`() {
        func failure(_ sqlState: String) -> StartFailure {
            StartFailure(.refused(PostgresRefusal(address: "a", sqlState: sqlState, message: "m")))
        }
        #expect(StartFailure(PostgresError.unreachable("a")).code == .unreachable)
        #expect(StartFailure(PostgresError.timeout("a")).code == .unreachable)
        #expect(StartFailure(PostgresError.authentication("a")).code == .refused)
        #expect(StartFailure(PostgresError.protocolViolation("a")).code == .refused)
        #expect(failure("53300").code == .unreachable)
        #expect(failure("3D000").code == .refused)
        #expect(failure("42P01").code == .refused)
    }
}

import Foundation
import Postgres
import PostgresServer
import Testing

@Suite(.enabled(if: PostgresServer.isInstalled, "\(PostgresServer.missing)"))
struct PostgresConnectionTests {
    private let server: PostgresServer

    init() throws { server = try PostgresServer.shared.get() }

    private func connect(
        to server: PostgresServer? = nil, user: String = "admin", password: String = "secret", database: String = "postgres", statement: Int = 20_000,
        grace: Int = 20_000
    ) throws -> PostgresConnection {
        let url = (server ?? self.server).url(user: user, password: password, database: database)
        return try PostgresConnection(
            PostgresAddress(url: url), application: "tests", timeouts: PostgresTimeouts(connect: 20_000, statement: statement, grace: grace))
    }

    /// What the body throws, if it is PostgreSQL's doing.
    private func error(_ body: () throws -> Void) throws -> PostgresError {
        do { try body() } catch { return try #require(error as? PostgresError) }
        throw PostgresError.protocolViolation("nothing was refused")
    }

    // MARK: Values

    @Test func `every kind of value goes out and comes back unchanged`() throws {
        let postgres = try connect()
        let values: [PostgresValue] = [
            .null, .text(""), .text("naïve 金 '; drop table x; --"), .integer(.min), .integer(.max), .bytes([]), .bytes([0, 1, 39, 92, 255]), .boolean(true),
            .boolean(false),
        ]
        let sql = "select $1::text, $2::text, $3::text, $4::bigint, $5::bigint, $6::bytea, $7::bytea, $8::boolean, $9::boolean"
        #expect(try postgres.query(sql, values).rows.map(\.fields) == [values])
        #expect(try postgres.query("select 1::smallint, -2::integer, 'n'::name, 'v'::varchar").first?.fields == [1, -2, "n", "v"])
    }

    @Test func `a value of a megabyte goes through a socket that takes less at once`() throws {
        let postgres = try connect()
        let bytes = (0..<(1 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        #expect(try postgres.query("select $1::bytea", [.bytes(bytes)]).first?.bytes(0) == bytes)
    }

    @Test func `a field of another kind is an error, not a guess`() throws {
        let postgres = try connect()
        let row = try #require(try postgres.query("select 'a', null::bigint").first)
        #expect(try error { _ = try row.integer(0) } == .protocolViolation("column 1 is not an integer"))
        #expect(try error { _ = try row.integer(1) } == .protocolViolation("column 2 is not an integer"))
        let unknown = try error { _ = try postgres.query("select now()") }
        #expect(unknown == .protocolViolation("column 1 is of a type that is not read (1184)"))
    }

    @Test func `a statement says how many rows it changed`() throws {
        let postgres = try connect()
        try postgres.run(script: "create temporary table t (n bigint); select 1; insert into t values (1), (2), (3)")
        #expect(try postgres.query("update t set n = n + $1 where n >= $2", [10, 2]).count == 2)
        #expect(try postgres.query("select n from t order by n").rows.map { try $0.integer(0) } == [1, 12, 13])
    }

    // MARK: Errors

    @Test func `a refused statement is told with its SQLSTATE, and the connection goes on`() throws {
        let postgres = try connect()
        let refused = try error { _ = try postgres.query("select * from nowhere") }
        #expect(refused.sqlState == "42P01")
        #expect(refused.isRetriable == false && refused.isConnectionDead == false)
        #expect("\(refused)" == "PostgreSQL at postgresql://127.0.0.1:\(server.port)/postgres refused: relation \"nowhere\" does not exist (42P01)")
        #expect(try postgres.query("select 1").first?.integer(0) == 1)
    }

    @Test func `of a script's errors the first is told, with its place`() throws {
        let postgres = try connect()
        let refused = try error { try postgres.run(script: "create temporary table t (n int);\nselect x from t;\nselect y from t") }
        guard case .refused(let refusal) = refused else { throw refused }
        #expect(refusal.sqlState == "42703")
        #expect(refusal.position == 42)
        #expect(try postgres.query("select to_regclass('t') is null").first?.boolean(0) == true)
    }

    @Test func `a wrong password and an unknown user are refused credentials, and no message holds the password`() throws {
        for (user, password) in [("admin", "not-this-one"), ("nobody", "not-this-one")] {
            let refused = try error { _ = try connect(user: user, password: password) }
            guard case .authentication = refused else { throw refused }
            #expect(refused.isRetriable == false)
            #expect("\(refused)".contains("password authentication failed for user \"\(user)\" (28P01)"))
            #expect(!"\(refused)".contains(password))
        }
        let address = try PostgresAddress(url: "postgresql://admin@127.0.0.1:\(server.port)/postgres")
        let missing = try error {
            _ = try PostgresConnection(address, application: "tests", timeouts: PostgresTimeouts(connect: 20_000, statement: 20_000))
        }
        guard case .authentication = missing else { throw missing }
    }

    @Test func `an unknown database is refused by name`() throws {
        let refused = try error { _ = try connect(database: "nowhere") }
        #expect(refused.sqlState == "3D000")
        #expect("\(refused)".contains("database \"nowhere\" does not exist"))
    }

    @Test func `nobody there is unreachable and retriable`() throws {
        let address = try PostgresAddress(url: "postgresql://a:b@127.0.0.1:1/c")
        let refused = try error {
            _ = try PostgresConnection(address, application: "tests", timeouts: PostgresTimeouts(connect: 20_000, statement: 20_000))
        }
        guard case .unreachable(let text) = refused else { throw refused }
        #expect(text == "postgresql://127.0.0.1:1/c: connection to server at \"127.0.0.1\", port 1 failed: Connection refused")
        #expect(refused.isRetriable && refused.isConnectionDead)
    }

    @Test func `a statement that takes too long is cancelled by the server, and the connection goes on`() throws {
        let postgres = try connect(statement: 50)
        let cancelled = try error { _ = try postgres.query("select pg_sleep(3600)") }
        #expect(cancelled.sqlState == "57014")
        #expect(cancelled.isRetriable && !cancelled.isConnectionDead)
        #expect(try postgres.query("select 1").first?.integer(0) == 1)
    }

    @Test func `a server that answers nothing at all is given up, and the connection is closed`() throws {
        let postgres = try connect(statement: 50, grace: 50)
        let process = pid_t(try #require(try postgres.query("select pg_backend_pid()").first).integer(0))
        kill(process, SIGSTOP)
        defer { kill(process, SIGCONT) }
        let silence = try error { _ = try postgres.query("select 1") }
        guard case .timeout = silence else { throw silence }
        #expect(silence.isRetriable && silence.isConnectionDead)
        #expect(!postgres.isOpen)
        guard case .unreachable = try error({ _ = try postgres.query("select 1") }) else { throw silence }
    }

    @Test func `a peer that accepts and says nothing is given up`() throws {
        let socket = try #require(SilentSocket())
        let address = try PostgresAddress(url: "postgresql://a:b@127.0.0.1:\(socket.port)/c")
        let silence = try error { _ = try PostgresConnection(address, application: "tests", timeouts: PostgresTimeouts(connect: 50, statement: 50)) }
        guard case .timeout = silence else { throw silence }
        #expect(!"\(silence)".contains("a:b"))
    }

    @Test func `a connection that the server ends is dead, and says why`() throws {
        let postgres = try connect()
        let process = try #require(try postgres.query("select pg_backend_pid()").first).integer(0)
        let other = try connect()
        #expect(try other.query("select pg_terminate_backend($1::int, 20000)", [.integer(process)]).first?.boolean(0) == true)
        let ended = try error { _ = try postgres.query("select 1") }
        guard case .unreachable(let text) = ended else { throw ended }
        #expect(text.contains("terminating connection due to administrator command"))
        #expect(!postgres.isOpen)
    }

    @Test func `a server that dies is an error, and a new connection works when it is back`() throws {
        let server = try PostgresServer()
        let postgres = try connect(to: server)
        try postgres.run(script: "create table t (n bigint)")
        _ = try postgres.query("insert into t values ($1)", [7])
        server.kill()
        let died = try error { _ = try postgres.query("select 1") }
        guard case .unreachable = died else { throw died }
        #expect(died.isConnectionDead && died.isRetriable)
        try server.start()
        #expect(try connect(to: server).query("select n from t").first?.integer(0) == 7)
    }

    // MARK: Transactions and locks

    @Test func `a transaction takes effect whole or not at all`() throws {
        let postgres = try connect()
        try postgres.run(script: "create temporary table t (n bigint primary key)")
        try postgres.transaction { () throws(PostgresError) in
            _ = try postgres.query("insert into t values (1)")
            _ = try postgres.query("insert into t values (2)")
        }
        let refused = try error {
            try postgres.transaction { () throws(PostgresError) in
                _ = try postgres.query("insert into t values (3)")
                _ = try postgres.query("insert into t values (1)")
            }
        }
        #expect(refused.sqlState == "23505")
        #expect(try postgres.query("select count(*) from t").first?.integer(0) == 2)
    }

    @Test func `a transaction whose error was swallowed does not pass for committed`() throws {
        let postgres = try connect()
        let refused = try error {
            try postgres.transaction { () throws(PostgresError) in
                do throws(PostgresError) { _ = try postgres.query("select * from nowhere") } catch { #expect(error.sqlState == "42P01") }
            }
        }
        #expect(refused.sqlState == "25P02")
        #expect(try postgres.query("select 1").first?.integer(0) == 1)
    }

    @Test func `an advisory lock is held by one, and free afterwards, also after an error`() throws {
        let (one, two) = (try connect(), try connect())
        let key: Int64 = 4_711
        var inside = 0
        try one.withAdvisoryLock(key, waitMilliseconds: 20_000) { () throws(PostgresError) in
            do throws(PostgresError) {
                try two.withAdvisoryLock(key, waitMilliseconds: 20) { () throws(PostgresError) in inside += 1 }
            } catch {
                #expect(error.sqlState == "55P03")
                #expect(error.isRetriable)
            }
        }
        #expect(inside == 0)
        #expect(
            try error {
                try one.withAdvisoryLock(key, waitMilliseconds: 20_000) { () throws(PostgresError) in _ = try one.query("select * from nowhere") }
            }.sqlState == "42P01")
        try two.withAdvisoryLock(key, waitMilliseconds: 20_000) { () throws(PostgresError) in inside += 1 }
        #expect(inside == 1)
        #expect(try two.query("select current_setting('lock_timeout'), current_setting('statement_timeout')").first?.fields == ["0", "20s"])
    }

    @Test func `the server knows the connection by its application`() throws {
        #expect(try connect().query("select current_setting('application_name')").first?.text(0) == "tests")
    }
}

/// A TCP socket that listens on a free port of 127.0.0.1 and never answers.
private final class SilentSocket {
    let port: UInt16
    private let descriptor: Int32

    init?() {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in(
            sin_family: sa_family_t(AF_INET), sin_port: 0, sin_addr: in_addr(s_addr: UInt32(0x7f00_0001).bigEndian), sin_zero: (0, 0, 0, 0, 0, 0, 0, 0))
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = descriptor
        let isListening = withUnsafeMutableBytes(of: &address) { bytes in
            guard let pointer = bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self) else { return false }
            return bind(descriptor, pointer, length) == 0 && listen(descriptor, 8) == 0 && getsockname(descriptor, pointer, &length) == 0
        }
        port = UInt16(bigEndian: address.sin_port)
        guard isListening else { return nil }
    }

    deinit { close(descriptor) }
}

/// How long to wait, milliseconds above 0.
package struct PostgresTimeouts: Sendable, Equatable {
    /// For the connection and the log-in; name resolution is not bounded by it.
    package var connect: Int
    /// For a statement: the server cancels it then; a server that does not even do that is given up a little later.
    package var statement: Int
    /// What a server that answers at all needs beyond the statement's timeout, for that answer.
    package var grace: Int

    package init(connect: Int, statement: Int, grace: Int = 5_000) {
        precondition(connect > 0 && statement > 0 && grace > 0, "a timeout is above 0")
        self.connect = connect
        self.statement = statement
        self.grace = grace
    }
}

/// A blocking connection. Every call ends: by the server's answer, or by one of the timeouts.
///
/// Confined to one thread at a time. After an error with `isConnectionDead` it is closed and only throws: drop it and connect anew.
package final class PostgresConnection {
    /// Milliseconds; nothing here thinks that long between two statements.
    private static let idleInTransaction = 60_000

    private var handle: ConnectionHandle
    private let address: PostgresAddress
    private var statementTimeout: Int
    private let grace: Int
    private var isInTransaction = false

    /// Connects and logs in.
    /// - Parameter application: shown in `pg_stat_activity`, unless the URL gives an `application_name` of its own.
    package init(_ address: PostgresAddress, application: String, timeouts: PostgresTimeouts) throws(PostgresError) {
        self.address = address
        statementTimeout = timeouts.statement
        grace = timeouts.grace
        handle = try ConnectionHandle(
            address,
            [
                ("fallback_application_name", application), ("client_encoding", "UTF8"),
                // A peer that is gone, whatever the kernel's own patience: unacknowledged data, then silence.
                ("tcp_user_timeout", "\(timeouts.statement + timeouts.grace)"), ("keepalives_idle", "10"), ("keepalives_interval", "5"),
                ("keepalives_count", "3"),
            ], milliseconds: timeouts.connect)
        try setStatementTimeout(milliseconds: timeouts.statement)
        // The locks of a client that vanished within a transaction are not to stay until the server's system misses it.
        _ = try query("select set_config('idle_in_transaction_session_timeout', $1, false)", [.text("\(Self.idleInTransaction)")])
    }

    /// False after an error that broke it.
    package var isOpen: Bool { handle.isOpen }

    // MARK: Statements

    /// Runs one statement; `$1` and so on stand for the parameters.
    package func query(_ sql: String, _ parameters: [PostgresValue] = []) throws(PostgresError) -> PostgresRows {
        try exchange(readsRows: true) { (handle: borrowing ConnectionHandle) throws(PostgresError) in try handle.send(sql, parameters, address) }
    }

    /// Runs statements separated by `;`; rows that they give are passed over. Outside of `transaction` they are one transaction of their own.
    package func run(script: String) throws(PostgresError) {
        _ = try exchange(readsRows: false) { (handle: borrowing ConnectionHandle) throws(PostgresError) in try handle.send(script: script, address) }
    }

    private func exchange(
        readsRows: Bool, _ send: (borrowing ConnectionHandle) throws(PostgresError) -> Void
    ) throws(PostgresError) -> PostgresRows {
        guard handle.isOpen else { throw .unreachable("\(address): the connection was closed after an earlier error") }
        do throws(PostgresError) {
            try send(handle)
            return try handle.receive(address, Deadline(milliseconds: statementTimeout + grace), readsRows: readsRows)
        } catch {
            if error.isConnectionDead { handle.close() }
            throw error
        }
    }

    /// Bounds the statements that follow.
    package func setStatementTimeout(milliseconds: Int) throws(PostgresError) {
        precondition(milliseconds > 0, "a timeout is above 0")
        _ = try query("select set_config('statement_timeout', $1, false)", [.text("\(milliseconds)")])
        statementTimeout = milliseconds
    }

    // MARK: Transactions

    /// All of the body's statements take effect, or none. Where the connection dies in the commit, nobody knows which: ask the tables.
    package func transaction<Value>(_ body: () throws(PostgresError) -> Value) throws(PostgresError) -> Value {
        precondition(!isInTransaction, "transactions do not nest")
        _ = try query("begin")
        isInTransaction = true
        defer { isInTransaction = false }
        let value: Value
        do throws(PostgresError) { value = try body() } catch {
            rollBack()
            throw error
        }
        // A failed transaction answers a commit with its rollback.
        guard try query("commit").command == "COMMIT" else {
            throw .refused(PostgresRefusal(address: "\(address)", sqlState: "25P02", message: "the transaction had failed and was rolled back"))
        }
        return value
    }

    /// The caller throws what went wrong before; a connection in an unknown state is not kept.
    private func rollBack() {
        guard handle.isOpen else { return }
        do throws(PostgresError) { _ = try query("rollback") } catch { handle.close() }
    }

    // MARK: Locks

    /// Runs the body while this connection alone holds the lock of this number; the server frees it too when the connection ends.
    /// - Parameter waitMilliseconds: for another holder to free it; then `refused` with 55P03.
    package func withAdvisoryLock<Value>(
        _ key: Int64, waitMilliseconds: Int, _ body: () throws(PostgresError) -> Value
    ) throws(PostgresError) -> Value {
        precondition(!isInTransaction, "a lock is taken before the transaction that it guards")
        try lock(key, waitMilliseconds: waitMilliseconds)
        let value: Value
        do throws(PostgresError) { value = try body() } catch {
            unlock(key)
            throw error
        }
        unlock(key)
        return value
    }

    /// The transaction only bounds the wait: the lock outlives it.
    private func lock(_ key: Int64, waitMilliseconds: Int) throws(PostgresError) {
        let usual = statementTimeout
        statementTimeout = waitMilliseconds + grace
        defer { statementTimeout = usual }
        let timeouts = (lock: "\(waitMilliseconds)", statement: "\(statementTimeout)")
        try transaction { () throws(PostgresError) in
            _ = try query(
                "select set_config('lock_timeout', $1, true), set_config('statement_timeout', $2, true)", [.text(timeouts.lock), .text(timeouts.statement)])
            _ = try query("select pg_advisory_lock($1)", [.integer(key)])
        }
    }

    private func unlock(_ key: Int64) {
        guard handle.isOpen else { return }
        do throws(PostgresError) { _ = try query("select pg_advisory_unlock($1)", [.integer(key)]) } catch { handle.close() }
    }
}

/// What PostgreSQL, or the way to it, refused.
package enum PostgresError: Error, Sendable, Equatable {
    /// No connection, or it broke, or the server is starting or ending: the address, then the system's or the server's text.
    case unreachable(String)
    /// The server did not answer in time; whether a statement took effect is unknown.
    case timeout(String)
    /// No, or wrong, credentials, or no right to connect: the address, then the server's text.
    case authentication(String)
    /// The server answered with an error about a statement, or about the database asked for.
    case refused(PostgresRefusal)
    /// The answer is not of the kind that the statement gives.
    case protocolViolation(String)

    /// Five letters and digits, by which PostgreSQL names its errors; nil where the server gave none.
    package var sqlState: String? {
        switch self {
        case .refused(let refusal): refusal.sqlState
        case .unreachable, .timeout, .authentication, .protocolViolation: nil
        }
    }

    /// Trying again, on a new connection where this one is dead, may succeed without anybody's changing statement or settings.
    package var isRetriable: Bool {
        switch self {
        case .unreachable, .timeout: true
        case .authentication, .protocolViolation: false
        case .refused(let refusal): refusal.isPassing
        }
    }

    /// The server does not let this role in, or not do what it asked: another password, or rights that were taken away.
    package var isAccessDenied: Bool {
        switch self {
        case .authentication: true
        case .unreachable, .timeout, .protocolViolation: false
        case .refused(let refusal): refusal.sqlState.hasPrefix("28") || refusal.sqlState == "42501"
        }
    }

    /// The connection cannot be used any more: drop it.
    package var isConnectionDead: Bool {
        switch self {
        case .unreachable, .timeout, .authentication, .protocolViolation: true
        case .refused: false
        }
    }
}

/// The server's answer to a statement that it did not carry out.
package struct PostgresRefusal: Sendable, Equatable {
    /// Where: as `PostgresAddress` is shown.
    package var address: String
    /// See appendix A of PostgreSQL's manual.
    package var sqlState: String
    /// The server's text, in its language.
    package var message: String
    /// In the statement, in characters from 1, where the server names a place.
    package var position: Int?

    package init(address: String, sqlState: String, message: String, position: Int? = nil) {
        self.address = address
        self.sqlState = sqlState
        self.message = message
        self.position = position
    }

    /// A condition of the server rather than of the statement: a conflict, a lock, want of memory, disk or connections, a standby, a cancelled statement.
    var isPassing: Bool {
        switch sqlState.prefix(2) {
        case "40", "53", "57", "58": true
        case _: sqlState == "55P03" || sqlState == "25006"
        }
    }
}

extension PostgresError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unreachable(let text): "PostgreSQL is unreachable: \(text)"
        case .timeout(let text): "PostgreSQL did not answer in time: \(text)"
        case .authentication(let text): "PostgreSQL refused the credentials: \(text)"
        case .refused(let refusal): "PostgreSQL at \(refusal.address) refused: \(refusal.message) (\(refusal.sqlState))"
        case .protocolViolation(let text): "PostgreSQL answered in an unknown way: \(text)"
        }
    }
}

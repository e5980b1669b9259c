/// What Redis, or the way to it, refused.
package enum RedisError: Error, Sendable, Equatable {
    /// No connection, or it broke: the address, then the system's text.
    case unreachable(String)
    /// The connect or command timeout passed; whether a command took effect is unknown.
    case timeout(String)
    /// No, or wrong, credentials, or a user without the right to a command: Redis' text.
    case authentication(String)
    /// Redis answered with an error: its text, whose first word is the code.
    case server(String)
    /// The answer is not RESP2, or not of the kind the command gives.
    case protocolViolation(String)

    /// Trying again, on a new connection, may succeed without anybody's doing.
    package var isRetriable: Bool {
        switch self {
        case .unreachable, .timeout: true
        case .authentication, .protocolViolation: false
        case .server(let message): RedisError.isPassing(message)
        }
    }

    /// The connection cannot be used any more: drop it.
    package var isConnectionDead: Bool {
        switch self {
        case .unreachable, .timeout, .protocolViolation: true
        case .authentication, .server: false
        }
    }

    /// An error of the server's present condition, not of the command: loading, out of memory, a replica, a busy script.
    package static func isPassing(_ message: String) -> Bool {
        switch message.prefix(while: { $0 != " " }) {
        case "LOADING", "OOM", "READONLY", "MASTERDOWN", "BUSY", "MISCONF", "NOREPLICAS", "TRYAGAIN": true
        case _: false
        }
    }

    /// The error of a reply that begins with this text.
    static func refused(_ message: String) -> RedisError {
        switch message.prefix(while: { $0 != " " }) {
        case "NOAUTH", "WRONGPASS", "NOPERM": .authentication(message)
        case _: .server(message)
        }
    }
}

extension RedisError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unreachable(let text): "Redis is unreachable: \(text)"
        case .timeout(let text): "Redis did not answer in time: \(text)"
        case .authentication(let text): "Redis refused the credentials: \(text)"
        case .server(let text): "Redis answered: \(text)"
        case .protocolViolation(let text): "Redis answered in an unknown way: \(text)"
        }
    }
}

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

    /// The refused command will never succeed; others may, on the same connection.
    package var isAboutOneCommand: Bool {
        switch self {
        case .unreachable, .timeout, .authentication, .protocolViolation: false
        case .server(let message): !RedisError.isPassing(message)
        }
    }

    /// An error of the server's present condition, not of the command: loading, out of memory, a replica, a busy script.
    package static func isPassing(_ message: String) -> Bool {
        passing.contains(code(message))
    }

    private static let passing: Set<Substring> = ["LOADING", "OOM", "READONLY", "MASTERDOWN", "BUSY", "MISCONF", "NOREPLICAS", "TRYAGAIN"]

    /// The error of a reply with this text.
    package static func refused(_ message: String) -> RedisError {
        switch code(message) {
        case "NOAUTH", "WRONGPASS", "NOPERM": .authentication(message)
        case _: .server(message)
        }
    }

    /// The word that names the kind of error. Inside a script Redis before 7 puts it behind a text of its own, and newer ones say NOPERM in other words.
    private static func code(_ message: String) -> Substring {
        if message.hasPrefix("ERR Error running script") {
            let words = message.split { $0 == " " || $0 == ":" || $0 == "-" }
            return words.first { passing.contains($0) || $0 == "NOPERM" || $0 == "WRONGTYPE" } ?? "ERR"
        }
        return message.hasPrefix("ERR ACL failure in script") ? "NOPERM" : message.prefix { $0 != " " }
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

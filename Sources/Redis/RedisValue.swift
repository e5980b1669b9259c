/// One reply.
package enum RedisValue: Sendable, Equatable {
    case string([UInt8])
    case integer(Int64)
    case array([RedisValue])
    case null
    case status(String)
    /// An error reply: about one command; the connection goes on.
    case error(String)

    /// The script is not in the server's cache: load it and send the command again.
    package var isMissingScript: Bool {
        if case .error(let message) = self { message.hasPrefix("NOSCRIPT") } else { false }
    }

    package var bytes: [UInt8]? {
        if case .string(let bytes) = self { bytes } else { nil }
    }

    package var integer: Int64? {
        if case .integer(let value) = self { value } else { nil }
    }

    package var elements: [RedisValue]? {
        if case .array(let elements) = self { elements } else { nil }
    }

    /// The value of a bulk string that is a decimal integer.
    package var decimal: Int64? { bytes.flatMap { Int64(String(decoding: $0, as: UTF8.self)) } }
}

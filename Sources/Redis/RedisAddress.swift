/// Where Redis is and who asks.
package struct RedisAddress: Sendable, Equatable {
    /// A name or a literal address, IPv6 without brackets.
    package var host: String
    /// 1 to 65,535.
    package var port: UInt16
    /// nil: Redis' user `default`.
    package var user: String?
    package var password: String?
    /// 0 is the database a connection has anyway.
    package var database: Int32

    package init(host: String, port: UInt16 = 6379, user: String? = nil, password: String? = nil, database: Int32 = 0) {
        self.host = host
        self.port = port
        self.user = user
        self.password = password
        self.database = database
    }
}

extension RedisAddress: CustomStringConvertible {
    /// For people and logs: without user and password.
    package var description: String {
        let place = host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)"
        return database == 0 ? "redis://\(place)" : "redis://\(place)/\(database)"
    }
}

extension RedisAddress: CustomDebugStringConvertible, CustomReflectable {
    package var debugDescription: String { description }
    /// Hides the password from dumps.
    package var customMirror: Mirror { Mirror(self, children: ["address": description]) }
}

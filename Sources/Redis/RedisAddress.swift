/// Where Redis is and who asks.
package struct RedisAddress: Sendable, Equatable {
    package enum Place: Sendable, Equatable {
        /// A name or a literal address, IPv6 without brackets; port 1 to 65,535.
        case network(host: String, port: UInt16)
        /// The path of a Unix socket.
        case socket(path: String)
    }

    package var place: Place
    /// nil: Redis' user `default`.
    package var user: String?
    package var password: String?
    /// 0 is the database a connection has anyway.
    package var database: Int32

    package init(_ place: Place, user: String? = nil, password: String? = nil, database: Int32 = 0) {
        self.place = place
        self.user = user
        self.password = password
        self.database = database
    }

    package init(host: String, port: UInt16 = 6379, user: String? = nil, password: String? = nil, database: Int32 = 0) {
        self.init(.network(host: host, port: port), user: user, password: password, database: database)
    }
}

extension RedisAddress: CustomStringConvertible {
    /// For people and logs: without user and password.
    package var description: String {
        switch place {
        case .network(let host, let port):
            let name = host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)"
            return database == 0 ? "redis://\(name)" : "redis://\(name)/\(database)"
        case .socket(let path): return database == 0 ? "redis+unix://\(path)" : "redis+unix://\(path)?db=\(database)"
        }
    }
}

extension RedisAddress: CustomDebugStringConvertible, CustomReflectable {
    package var debugDescription: String { description }
    /// Hides the password from dumps.
    package var customMirror: Mirror { Mirror(self, children: ["address": description]) }
}

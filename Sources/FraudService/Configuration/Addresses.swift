/// A host and a port: `host:port`, `[ipv6]:port`.
package struct HostPort: Sendable, Equatable, CustomStringConvertible {
    /// Without brackets.
    package let host: String
    package let port: UInt16

    package init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    init(_ text: some StringProtocol) throws(SettingRefusal) {
        guard let colon = text.lastIndex(of: ":") else { throw SettingRefusal(what: "has no port") }
        let digits = text[text.index(after: colon)...]
        guard !digits.isEmpty, digits.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let port = UInt16(digits) else {
            throw SettingRefusal(what: "has no port from 0 to 65535")
        }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = String(host.dropFirst().dropLast())
        } else if host.contains(":") {
            throw SettingRefusal(what: "is an IPv6 address without brackets")
        }
        guard !host.isEmpty else { throw SettingRefusal(what: "has no host") }
        guard host.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "/") }) else { throw SettingRefusal(what: "is not an address") }
        self.init(host: host, port: port)
    }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// Where Redis is: `redis://[user[:password]@]host[:port][/database]`, or a Unix socket:
/// `redis+unix://[user:password@]/path[?db=N]`, also with `unix://` as redis-py has it.
package struct RedisURL: Sendable, Equatable {
    package enum Place: Sendable, Equatable {
        case network(HostPort)
        /// An absolute path.
        case socket(path: String)
    }

    package var place: Place
    package var user: String?
    package var password: String?
    package var database: Int

    package init(host: String, port: UInt16) {
        place = .network(HostPort(host: host, port: port))
        database = 0
    }

    init(_ text: String) throws(SettingRefusal) {
        if text.hasPrefix("rediss://") { throw SettingRefusal(what: "asks for TLS, which is not available in this version") }
        guard let scheme = ["redis://", "redis+unix://", "unix://"].first(where: { text.hasPrefix($0) }) else {
            throw SettingRefusal(what: "does not begin with redis:// or redis+unix://")
        }
        var rest = text.dropFirst(scheme.count)
        let query = scheme == "redis://" ? rest[rest.endIndex...] : Self.cutQuery(&rest)
        if let at = rest.lastIndex(of: "@") {
            let login = rest[..<at]
            rest = rest[rest.index(after: at)...]
            let colon = login.firstIndex(of: ":")
            user = try Self.decoded(login[..<(colon ?? login.endIndex)])
            password = try colon.flatMap { (colon) throws(SettingRefusal) in try Self.decoded(login[login.index(after: colon)...]) }
        }
        if scheme == "redis://" {
            (place, database) = try Self.network(rest)
        } else {
            guard rest.hasPrefix("/"), let path = try Self.decoded(rest) else { throw SettingRefusal(what: "has no absolute path of a socket") }
            // The size of sun_path, with the zero behind it.
            guard path.utf8.count < 108 else { throw SettingRefusal(what: "has a path over 107 bytes, which no socket has") }
            place = .socket(path: path)
            database = 0
            try take(query)
        }
        if user != nil, password == nil { throw SettingRefusal(what: "has a user without a password") }
    }

    private static func network(_ text: Substring) throws(SettingRefusal) -> (Place, Int) {
        let slash = text.firstIndex(of: "/") ?? text.endIndex
        let path = text[slash...].dropFirst()
        let database = path.isEmpty ? 0 : try number(path)
        let place = text[..<slash]
        let hasPort = place.hasPrefix("[") ? place.contains("]:") : place.contains(":")
        let address = try HostPort(hasPort ? String(place) : "\(place):6379")
        guard address.port > 0 else { throw SettingRefusal(what: "has port 0") }
        return (.network(address), database)
    }

    /// Takes what stands behind the first `?` off the text.
    private static func cutQuery(_ text: inout Substring) -> Substring {
        guard let mark = text.firstIndex(of: "?") else { return text[text.endIndex...] }
        defer { text = text[..<mark] }
        return text[text.index(after: mark)...]
    }

    private mutating func take(_ query: Substring) throws(SettingRefusal) {
        for item in query.split(separator: "&") {
            let value = item.firstIndex(of: "=").map { item[item.index(after: $0)...] } ?? ""
            switch item.prefix(while: { $0 != "=" }) {
            case "db": database = try Self.number(value)
            case "password": password = try Self.decoded(value)
            case "username": user = try Self.decoded(value)
            case _: throw SettingRefusal(what: "has a parameter other than db, username and password")
            }
        }
    }

    private static func number(_ text: Substring) throws(SettingRefusal) -> Int {
        guard let number = UInt16(text), text.first != "+" else { throw SettingRefusal(what: "has a database that is not a number") }
        return Int(number)
    }

    /// Percent escapes resolved; nil for the empty text.
    private static func decoded(_ text: Substring) throws(SettingRefusal) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16), rest.count >= 2 else {
                throw SettingRefusal(what: "has a '%' that begins no escape")
            }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
    }
}

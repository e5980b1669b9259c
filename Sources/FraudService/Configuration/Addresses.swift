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

/// Where Redis is: `redis://[user[:password]@]host[:port][/database]`.
package struct RedisURL: Sendable, Equatable {
    package var host: String
    package var port: UInt16
    package var user: String?
    package var password: String?
    package var database: Int

    package init(host: String, port: UInt16) {
        self.host = host
        self.port = port
        database = 0
    }

    init(_ text: String) throws(SettingRefusal) {
        if text.hasPrefix("rediss://") { throw SettingRefusal(what: "asks for TLS, which is not available in this version") }
        guard text.hasPrefix("redis://") else { throw SettingRefusal(what: "does not begin with redis://") }
        var rest = text.dropFirst("redis://".count)
        if let at = rest.lastIndex(of: "@") {
            let login = rest[..<at]
            rest = rest[rest.index(after: at)...]
            let colon = login.firstIndex(of: ":")
            user = try Self.decoded(login[..<(colon ?? login.endIndex)])
            password = try colon.flatMap { (colon) throws(SettingRefusal) in try Self.decoded(login[login.index(after: colon)...]) }
            if user != nil, password == nil { throw SettingRefusal(what: "has a user without a password") }
        }
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        let path = rest[slash...].dropFirst()
        if path.isEmpty {
            database = 0
        } else {
            guard let number = UInt16(path), path.first != "+" else { throw SettingRefusal(what: "has a database that is not a number") }
            database = Int(number)
        }
        let place = rest[..<slash]
        let hasPort = place.hasPrefix("[") ? place.contains("]:") : place.contains(":")
        let address = try HostPort(hasPort ? String(place) : "\(place):6379")
        guard address.port > 0 else { throw SettingRefusal(what: "has port 0") }
        host = address.host
        port = address.port
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

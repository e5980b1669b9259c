internal import CLibpq

/// Where PostgreSQL is and who asks: a connection URL of libpq (PostgreSQL's manual, 34.1.1.2).
package struct PostgresAddress: Sendable, Equatable {
    /// Holds the password: only for libpq.
    let url: String
    /// Without user and password.
    private let shown: String

    /// The text is no connection URL. Says nothing of the text, which may hold a password in the wrong place.
    package struct Malformed: Error, Equatable {
        package var what: String
    }

    package init(url: String) throws(Malformed) {
        guard url.hasPrefix("postgresql://") || url.hasPrefix("postgres://") else { throw Malformed(what: "does not begin with postgresql://") }
        guard !url.utf8.contains(0), let options = PQconninfoParse(url, nil) else {
            throw Malformed(what: "is not a connection URL (in user, password and database everything but letters and digits is written as %XX)")
        }
        defer { PQconninfoFree(options) }
        var values: [String: String] = [:]
        var next = options
        while let keyword = next.pointee.keyword {
            if let value = next.pointee.val { values[String(cString: keyword)] = String(cString: value) }
            next += 1
        }
        self.url = url
        shown = Self.shown(values)
    }

    private static func shown(_ values: [String: String]) -> String {
        let database = values["dbname"].map { "/\($0)" } ?? ""
        let hosts = (values["host"] ?? values["hostaddr"] ?? "").split(separator: ",", omittingEmptySubsequences: false)
        let ports = (values["port"] ?? "").split(separator: ",", omittingEmptySubsequences: false)
        if let first = hosts.first, first.hasPrefix("/") { return "postgresql://\(database)?host=\(first)" }
        let places = hosts.enumerated().map { index, host in
            let port = ports.isEmpty ? "" : ports[ports.count == 1 ? 0 : min(index, ports.count - 1)]
            return (host.contains(":") ? "[\(host)]" : "\(host)") + (port.isEmpty ? "" : ":\(port)")
        }
        return "postgresql://\(places.joined(separator: ","))\(database)"
    }
}

extension PostgresAddress: CustomStringConvertible {
    /// For people and logs: without user and password.
    package var description: String { shown }
}

extension PostgresAddress: CustomDebugStringConvertible, CustomReflectable {
    package var debugDescription: String { shown }
    /// Hides the password from dumps.
    package var customMirror: Mirror { Mirror(self, children: ["address": shown]) }
}

/// One `name=value` of the query, percent-decoded, `+` as a space. `?verbose` is a name with an empty value.
package struct HTTPQueryItem: Sendable, Equatable {
    package let name: [UInt8]
    package let value: [UInt8]

    package init(name: [UInt8], value: [UInt8]) {
        self.name = name
        self.value = value
    }
}

/// A request that has passed every check, whole in memory.
package struct HTTPRequest: Sendable {
    /// As sent, for example `GET`; names are case-sensitive.
    package let method: String
    /// The target before `?` as sent: ASCII, still percent-encoded.
    package let path: String
    /// What stands between the slashes, percent-decoded after splitting: `%2F` never separates. Arbitrary bytes but NUL.
    package let pathSegments: [[UInt8]]
    package let queryItems: [HTTPQueryItem]
    package let headers: [HTTPHeader]
    /// At most `HTTPLimits.bodyBytes`.
    package let body: [UInt8]
    /// What the route's `{name}`s caught, decoded.
    package internal(set) var parameters: [HTTPQueryItem] = []

    package init(
        method: String, path: String, pathSegments: [[UInt8]], queryItems: [HTTPQueryItem], headers: [HTTPHeader], body: [UInt8]
    ) {
        self.method = method
        self.path = path
        self.pathSegments = pathSegments
        self.queryItems = queryItems
        self.headers = headers
        self.body = body
    }

    /// The first header of that name as text (invalid UTF-8 repaired), or nil.
    package func header(_ name: String) -> String? {
        headers.first { $0.isNamed(name) }.map { String(decoding: $0.value, as: UTF8.self) }
    }

    /// The bytes that the route's `{name}` caught. The name must stand in the route's pattern.
    package func parameter(_ name: String) -> [UInt8] {
        guard let found = parameters.first(where: { $0.name.elementsEqual(name.utf8) }) else {
            preconditionFailure("the route has no {\(name)}")
        }
        return found.value
    }

    /// The first query value of that name, or nil.
    package func query(_ name: String) -> [UInt8]? {
        queryItems.first { $0.name.elementsEqual(name.utf8) }?.value
    }
}

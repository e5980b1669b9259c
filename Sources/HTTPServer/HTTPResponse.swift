/// A header field; names are compared without case.
package struct HTTPHeader: Sendable, Equatable {
    package let name: String
    package let value: [UInt8]

    package init(name: String, value: [UInt8]) {
        self.name = name
        self.value = value
    }

    package init(_ name: String, _ value: String) {
        self.init(name: name, value: Array(value.utf8))
    }

    /// Whether this header has that name (ASCII letters are compared without case).
    package func isNamed(_ other: String) -> Bool {
        let mine = name.utf8, theirs = other.utf8
        return mine.count == theirs.count && zip(mine, theirs).allSatisfy { asciiLowercase($0) == asciiLowercase($1) }
    }
}

func asciiLowercase(_ byte: UInt8) -> UInt8 {
    byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte + 32 : byte
}

/// The media types the service answers with.
package enum HTTPContentType {
    package static let json = "application/json"
    package static let problem = "application/problem+json"
    package static let text = "text/plain; charset=utf-8"
}

/// A complete answer: the whole body is in memory.
package struct HTTPResponse: Sendable, Equatable {
    package var status: HTTPStatus
    /// Nil: no `Content-Type`, for an answer without a body.
    package var contentType: String?
    package var body: [UInt8]
    /// Beyond what the server adds: `Date`, `Content-Length`, `Connection`, `Content-Type` and the security headers.
    package var headers: [HTTPHeader]
    /// Close the connection after this answer.
    package var closesConnection: Bool

    package init(
        status: HTTPStatus, contentType: String?, body: [UInt8], headers: [HTTPHeader] = [], closesConnection: Bool = false
    ) {
        self.status = status
        self.contentType = contentType
        self.body = body
        self.headers = headers
        self.closesConnection = closesConnection
    }

    package static func json(_ body: [UInt8], status: HTTPStatus = .ok) -> HTTPResponse {
        HTTPResponse(status: status, contentType: HTTPContentType.json, body: body)
    }

    package static func text(_ body: String, status: HTTPStatus = .ok) -> HTTPResponse {
        HTTPResponse(status: status, contentType: HTTPContentType.text, body: Array(body.utf8))
    }

    /// Every header to send but those libmicrohttpd writes itself.
    var fields: [HTTPHeader] {
        var fields = headers
        if let contentType { fields.append(HTTPHeader("Content-Type", contentType)) }
        fields.append(HTTPHeader("X-Content-Type-Options", "nosniff"))
        let isJSON = contentType == HTTPContentType.json || contentType == HTTPContentType.problem
        if isJSON, !headers.contains(where: { $0.isNamed("Cache-Control") }) {
            fields.append(HTTPHeader("Cache-Control", "no-store"))
        }
        if closesConnection { fields.append(HTTPHeader("Connection", "close")) }
        return fields
    }
}

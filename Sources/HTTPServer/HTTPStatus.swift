/// An HTTP status: its number and its standard title (RFC 9110, section 15).
package struct HTTPStatus: Sendable, Equatable {
    /// 200...599.
    package let code: Int
    package let title: String

    package init(code: Int, title: String) {
        self.code = code
        self.title = title
    }

    package static let ok = HTTPStatus(code: 200, title: "OK")
    package static let noContent = HTTPStatus(code: 204, title: "No Content")
    package static let badRequest = HTTPStatus(code: 400, title: "Bad Request")
    package static let notFound = HTTPStatus(code: 404, title: "Not Found")
    package static let methodNotAllowed = HTTPStatus(code: 405, title: "Method Not Allowed")
    package static let contentTooLarge = HTTPStatus(code: 413, title: "Content Too Large")
    package static let targetTooLong = HTTPStatus(code: 414, title: "URI Too Long")
    package static let expectationFailed = HTTPStatus(code: 417, title: "Expectation Failed")
    package static let unprocessableContent = HTTPStatus(code: 422, title: "Unprocessable Content")
    package static let headerFieldsTooLarge = HTTPStatus(code: 431, title: "Request Header Fields Too Large")
    package static let notImplemented = HTTPStatus(code: 501, title: "Not Implemented")
    package static let serviceUnavailable = HTTPStatus(code: 503, title: "Service Unavailable")
}

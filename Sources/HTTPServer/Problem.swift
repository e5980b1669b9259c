/// An error as the client sees it: `application/problem+json` (RFC 9457).
///
/// A handler throws it; the server adds the request's path as `instance`.
package struct Problem: Error, Equatable, Sendable {
    package var status: HTTPStatus
    /// A URI that names the kind of problem; `about:blank` says no more than the status does.
    package var type: String
    /// For a person: what is wrong with this request, and what to do. Nil: the title says it all.
    package var detail: String?
    /// Single findings, the extension member `errors`; empty: left out.
    package var errors: [String]
    /// Headers of the answer beyond the usual, for example `Retry-After`.
    package var headers: [HTTPHeader]
    /// The rest of the connection cannot be trusted, or is not worth reading: it is closed after the answer.
    package var closesConnection: Bool

    package init(
        _ status: HTTPStatus, _ detail: String? = nil, type: String = "about:blank", errors: [String] = [],
        headers: [HTTPHeader] = [], closesConnection: Bool = false
    ) {
        self.status = status
        self.type = type
        self.detail = detail
        self.errors = errors
        self.headers = headers
        self.closesConnection = closesConnection
    }

    /// The answer that carries this problem. `instance` is the path it is about, or nil where the path is not sound.
    package func response(instance: String?) -> HTTPResponse {
        var body: [UInt8] = []
        body.append(contentsOf: #"{"type":"#.utf8)
        JSONString.append(type, to: &body)
        body.append(contentsOf: #","title":"#.utf8)
        JSONString.append(status.title, to: &body)
        body.append(contentsOf: #","status":\#(status.code)"#.utf8)
        if let detail {
            body.append(contentsOf: #","detail":"#.utf8)
            JSONString.append(detail, to: &body)
        }
        if let instance {
            body.append(contentsOf: #","instance":"#.utf8)
            JSONString.append(instance, to: &body)
        }
        appendErrors(to: &body)
        body.append(UInt8(ascii: "}"))
        return HTTPResponse(
            status: status, contentType: HTTPContentType.problem, body: body, headers: headers,
            closesConnection: closesConnection
        )
    }

    private func appendErrors(to body: inout [UInt8]) {
        guard !errors.isEmpty else { return }
        body.append(contentsOf: #","errors":["#.utf8)
        for (index, error) in errors.enumerated() {
            if index > 0 { body.append(UInt8(ascii: ",")) }
            JSONString.append(error, to: &body)
        }
        body.append(UInt8(ascii: "]"))
    }
}

import HTTPServer
import Testing

/// A server on a free port with a few routes.
func startServer(
    _ routes: [HTTPRoute] = echoRoutes, hooks: HTTPServerHooks = HTTPServerHooks(),
    adjust: (inout HTTPLimits) -> Void = { _ in }
) throws -> HTTPServer {
    var limits = HTTPLimits()
    limits.bodyBytes = 1000
    adjust(&limits)
    let address = ListenAddress(host: "127.0.0.1", port: 0)
    return try HTTPServer.start(listen: address, routes: routes, limits: limits, hooks: hooks)
}

/// `/echo/{id}` answers the id's bytes in hexadecimal and the query; `POST /body` answers the body's size.
let echoRoutes: [HTTPRoute] = [
    HTTPRoute("GET", "/echo/{id}") { request throws(Problem) in
        let query = request.queryItems.map { item in
            "\(String(decoding: item.name, as: UTF8.self))=\(String(decoding: item.value, as: UTF8.self));"
        }
        return .text(hexadecimal(request.parameter("id")) + "|" + query.joined())
    },
    HTTPRoute("GET", "/echo/literal") { _ throws(Problem) in .text("literal") },
    HTTPRoute("GET", "/json") { _ throws(Problem) in .json(Array("{}".utf8)) },
    HTTPRoute("POST", "/body") { request throws(Problem) in .text("\(request.body.count) bytes") },
    HTTPRoute("GET", "/broken") { _ throws(Problem) in
        throw Problem(.serviceUnavailable, "say \"no\"", headers: [HTTPHeader("Retry-After", "3")])
    },
]

private func hexadecimal(_ bytes: [UInt8]) -> String {
    bytes.map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
}

/// Sends one request to a new connection and reads one answer.
func answer(_ server: HTTPServer, _ text: String) throws -> RawResponse {
    let client = RawClient(port: server.port)
    client.send(text)
    return try #require(client.readResponse(head: text.hasPrefix("HEAD")))
}

/// A request without a body.
func request(_ method: String, _ target: String, _ headers: String = "") -> String {
    "\(method) \(target) HTTP/1.1\r\nHost: t\r\n\(headers)\r\n"
}

/// The answer is a problem of that status, and nothing is served on the connection after it.
func expectRefusal(
    _ server: HTTPServer, _ text: String, _ status: Int, detail: String? = nil, sourceLocation: SourceLocation = #_sourceLocation
) {
    let client = RawClient(port: server.port)
    // Whatever hides behind the refused request must not be answered.
    client.send(text + request("GET", "/json"))
    guard let response = client.readResponse() else {
        Issue.record("no answer to \(text.prefix(60).debugDescription)", sourceLocation: sourceLocation)
        return
    }
    #expect(response.status == status, "\(text.prefix(60).debugDescription)", sourceLocation: sourceLocation)
    #expect(response.header("Content-Type") == "application/problem+json", sourceLocation: sourceLocation)
    if let detail { #expect(response.body.contains(detail), "\(response.body)", sourceLocation: sourceLocation) }
    #expect(client.readResponse() == nil, "the connection goes on", sourceLocation: sourceLocation)
}

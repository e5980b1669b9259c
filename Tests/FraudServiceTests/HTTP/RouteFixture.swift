import HTTPServer

/// Asks the routes without a socket.
func ask(_ routes: [HTTPRoute], _ method: String, _ path: String, segments: [[UInt8]]? = nil, query: String? = nil, body: [UInt8] = []) -> HTTPResponse {
    let request = HTTPRequest(
        method: method, path: path,
        pathSegments: segments ?? path.split(separator: "/").map { Array($0.utf8) },
        queryItems: query.map { [item($0)] } ?? [], headers: [], body: body)
    return Router(routes).answer(request).response
}

/// `name` or `name=value`, without escapes.
private func item(_ text: String) -> HTTPQueryItem {
    let parts = text.split(separator: "=", maxSplits: 1).map { Array($0.utf8) }
    return HTTPQueryItem(name: parts[0], value: parts.count > 1 ? parts[1] : [])
}

func text(_ response: HTTPResponse) -> String {
    String(decoding: response.body, as: UTF8.self)
}

func header(_ response: HTTPResponse, _ name: String) -> String? {
    response.headers.first { $0.isNamed(name) }.map { String(decoding: $0.value, as: UTF8.self) }
}

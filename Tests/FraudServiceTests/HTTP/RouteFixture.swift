import HTTPServer

/// Asks the routes without a socket.
func ask(_ routes: [HTTPRoute], _ method: String, _ path: String, segments: [[UInt8]]? = nil, query: String? = nil) -> HTTPResponse {
    let request = HTTPRequest(
        method: method, path: path,
        pathSegments: segments ?? path.split(separator: "/").map { Array($0.utf8) },
        queryItems: query.map { [HTTPQueryItem(name: Array($0.utf8), value: [])] } ?? [], headers: [], body: [])
    return Router(routes).answer(request).response
}

func text(_ response: HTTPResponse) -> String {
    String(decoding: response.body, as: UTF8.self)
}

func header(_ response: HTTPResponse, _ name: String) -> String? {
    response.headers.first { $0.isNamed(name) }.map { String(decoding: $0.value, as: UTF8.self) }
}

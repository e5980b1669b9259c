/// Answers one request on a pool thread: it must not block for long, the pool is shared. Throws the problem to answer with.
package typealias HTTPHandler = @Sendable (HTTPRequest) throws(Problem) -> HTTPResponse

/// A method and a path pattern such as `/v1/accounts/{account_id}/risk`; a name in braces catches one whole segment.
package struct HTTPRoute: Sendable {
    package let method: String
    package let pattern: String
    package let handler: HTTPHandler

    package init(_ method: String, _ pattern: String, handler: @escaping HTTPHandler) {
        self.method = method
        self.pattern = pattern
        self.handler = handler
    }
}

/// Finds the handler of a request. A literal segment wins over a `{name}`; order of declaration does not matter.
package struct Router: Sendable {
    private enum Segment: Sendable, Equatable {
        case literal([UInt8])
        case parameter([UInt8])

        var isParameter: Bool {
            switch self {
            case .literal: false
            case .parameter: true
            }
        }
    }

    private struct Entry: Sendable {
        let pattern: String
        let segments: [Segment]
        var methods: [(name: String, handler: HTTPHandler)]

        /// `GET, HEAD, OPTIONS`: what the path can do.
        var allow: String {
            var names = methods.map(\.name)
            if let get = names.firstIndex(of: "GET"), !names.contains("HEAD") { names.insert("HEAD", at: get + 1) }
            if !names.contains("OPTIONS") { names.append("OPTIONS") }
            return names.joined(separator: ", ")
        }

        func handler(for method: String) -> HTTPHandler? {
            methods.first { $0.name == method }?.handler
        }
    }

    /// The route label of requests that no pattern matches: one, so that metrics stay bounded.
    package static let unmatched = "unmatched"

    private var entries: [Entry] = []

    /// Two routes with the same method and pattern are a mistake of the program.
    package init(_ routes: [HTTPRoute]) {
        for route in routes {
            if let index = entries.firstIndex(where: { $0.pattern == route.pattern }) {
                precondition(entries[index].handler(for: route.method) == nil, "\(route.method) \(route.pattern) is there twice")
                entries[index].methods.append((route.method, route.handler))
            } else {
                let segments = Router.segments(of: route.pattern)
                entries.append(Entry(pattern: route.pattern, segments: segments, methods: [(route.method, route.handler)]))
            }
        }
        entries.sort { Router.precedes($0.segments, $1.segments) }
    }

    /// The answer to `request`, and the pattern to count it under.
    package func answer(_ request: HTTPRequest) -> (route: String, response: HTTPResponse) {
        guard let entry = entries.first(where: { Router.matches($0.segments, request.pathSegments) }) else {
            return (Router.unmatched, Problem(.notFound, "nothing is served at this path").response(instance: request.path))
        }
        let handler = entry.handler(for: request.method) ?? (request.method == "HEAD" ? entry.handler(for: "GET") : nil)
        guard let handler else {
            return (entry.pattern, Router.withoutHandler(request, allow: entry.allow))
        }
        var request = request
        request.parameters = zip(entry.segments, request.pathSegments).compactMap { segment, bytes in
            switch segment {
            case .literal: nil
            case .parameter(let name): HTTPQueryItem(name: name, value: bytes)
            }
        }
        do throws(Problem) {
            return (entry.pattern, try handler(request))
        } catch {
            return (entry.pattern, error.response(instance: request.path))
        }
    }

    private static func withoutHandler(_ request: HTTPRequest, allow: String) -> HTTPResponse {
        let header = HTTPHeader("Allow", allow)
        if request.method == "OPTIONS" {
            return HTTPResponse(status: .noContent, contentType: nil, body: [], headers: [header])
        }
        return Problem(.methodNotAllowed, "allowed here: \(allow)", headers: [header]).response(instance: request.path)
    }

    private static func segments(of pattern: String) -> [Segment] {
        precondition(pattern.hasPrefix("/"), "a route pattern starts with a slash: \(pattern)")
        return Array(pattern.utf8).dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).map { part in
            part.first == UInt8(ascii: "{") && part.last == UInt8(ascii: "}")
                ? .parameter(Array(part.dropFirst().dropLast())) : .literal(Array(part))
        }
    }

    private static func matches(_ pattern: [Segment], _ path: [[UInt8]]) -> Bool {
        pattern.count == path.count
            && zip(pattern, path).allSatisfy { segment, bytes in
                switch segment {
                case .literal(let literal): literal == bytes
                case .parameter: true
                }
            }
    }

    /// Literal segments first, from the left; otherwise the order stays free, since two such patterns never match one path.
    private static func precedes(_ left: [Segment], _ right: [Segment]) -> Bool {
        for (a, b) in zip(left, right) where a.isParameter != b.isParameter { return b.isParameter }
        return false
    }
}

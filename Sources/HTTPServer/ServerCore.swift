internal import CMicroHTTPD
import Glibc

/// What the callbacks of libmicrohttpd work with. Immutable but for the ledger, which has its own lock: safe on every pool
/// thread. The `HTTPServer` keeps it alive until the daemon has stopped.
final class ServerCore: Sendable {
    let router: Router
    let limits: HTTPLimits
    let hooks: HTTPServerHooks
    let ledger = ConnectionLedger()

    init(router: Router, limits: HTTPLimits, hooks: HTTPServerHooks) {
        self.router = router
        self.limits = limits
        self.hooks = hooks
    }

    /// The head is whole: answer at once if it is refused, otherwise wait for the body, if any.
    func begin(_ exchange: Exchange, _ head: RequestHead, _ connection: OpaquePointer) -> MHD_Result {
        exchange.isCounted = true
        ledger.requestStarted()
        do throws(Problem) {
            let checked = try head.check(limits: limits)
            exchange.accepted = (head, checked.target)
            return .YES
        } catch {
            return queue(error.response(instance: nil), route: Router.unmatched, exchange, connection)
        }
    }

    /// The body is whole: run the handler.
    func finish(_ exchange: Exchange, _ connection: OpaquePointer) -> MHD_Result {
        guard let accepted = exchange.accepted else { return .NO }
        let request = HTTPRequest(
            method: accepted.head.method, path: accepted.target.path, pathSegments: accepted.target.segments,
            queryItems: accepted.target.queryItems, headers: accepted.head.headers, body: exchange.body)
        guard exchange.bodyCount <= limits.bodyBytes else {
            let problem = Problem(
                .contentTooLarge, "the body is larger than \(limits.bodyBytes) bytes", closesConnection: true)
            return queue(problem.response(instance: request.path), route: Router.unmatched, exchange, connection)
        }
        ledger.clearDeadline(of: tripline_http_socket(connection))
        let (route, response) = router.answer(request)
        return queue(response, route: route, exchange, connection)
    }

    private func queue(
        _ response: HTTPResponse, route: String, _ exchange: Exchange, _ connection: OpaquePointer
    ) -> MHD_Result {
        var response = response
        if ledger.draining { response.closesConnection = true }
        ledger.setDeadline(.now + .seconds(limits.responseTimeoutSeconds), of: tripline_http_socket(connection))
        let handle = response.body.withUnsafeBytes { bytes in
            // The library copies the bytes; it takes a mutable pointer for its other modes only.
            MHD_create_response_from_buffer(
                bytes.count, UnsafeMutableRawPointer(mutating: bytes.baseAddress), .RESPMEM_MUST_COPY)
        }
        guard let handle else {
            hooks.log("out of memory for an answer of \(response.body.count) bytes")
            return .NO
        }
        defer { MHD_destroy_response(handle) }
        for field in response.fields {
            let added = (field.value + [0]).withUnsafeBufferPointer { value in
                value.withMemoryRebound(to: CChar.self) { MHD_add_response_header(handle, field.name, $0.baseAddress) }
            }
            if added != .YES { hooks.log("the answer's header \(field.name) is not valid and was left out") }
        }
        let result = MHD_queue_response(connection, UInt32(response.status.code), handle)
        if result == .YES {
            exchange.answered = (route, response.status.code)
        } else {
            hooks.log("an answer with status \(response.status.code) could not be queued")
        }
        return result
    }

    func completed(_ exchange: Exchange, descriptor: Int32) {
        if exchange.isCounted { ledger.requestFinished() }
        ledger.setDeadline(.now + .seconds(limits.requestTimeoutSeconds), of: descriptor)
        guard let answered = exchange.answered else { return }
        hooks.observe(
            HTTPObservation(
                route: answered.route, status: answered.status,
                seconds: MonotonicTime.now.seconds(since: exchange.started)))
    }
}

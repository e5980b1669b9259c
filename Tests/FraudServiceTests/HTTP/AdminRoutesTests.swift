import FraudService
import HTTPServer
import Testing

@Suite struct `The admin routes` {
    private func ask(
        _ path: String, method: String = "GET", query: String? = nil, readiness: Readiness = Readiness(ready: true, checks: []),
        reload: ReloadAnswer = .accepted
    ) -> HTTPResponse {
        let sources = AdminSources(
            readiness: { readiness }, metricsText: { Array("tripline_up 1\n".utf8) }, statusJSON: { Array(#"{"partitions":[]}"#.utf8) },
            reload: { reload })
        return FraudServiceTests.ask(AdminRoutes.routes(sources), method, path, query: query)
    }

    private let refused = [
        Readiness.Check(name: "kafka", isOK: true, detail: ""),
        Readiness.Check(name: "partition 3", isOK: false, detail: "refused; run `tripline offsets reset --partition 3`"),
    ]

    @Test func `livez is ok while the process lives`() {
        let response = ask("/livez", readiness: Readiness(ready: false, checks: refused))
        #expect(response.status == .ok)
        #expect(text(response) == "ok\n")
        #expect(header(response, "Cache-Control") == "no-store")
    }

    @Test func `readyz is 200, also with a failing check among those that do not decide`() {
        let response = ask("/readyz", readiness: Readiness(ready: true, checks: refused))
        #expect(response.status == .ok)
        #expect(text(response) == "ok\n")
    }

    @Test func `readyz is 503 with a problem that names what fails`() {
        let response = ask("/readyz", readiness: Readiness(ready: false, checks: refused))
        #expect(response.contentType == "application/problem+json")
        #expect(
            text(response)
                == #"{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"the service is not ready","instance":"/readyz","errors":["partition 3: refused; run `tripline offsets reset --partition 3`"]}"#
        )
    }

    @Test(arguments: [true, false])
    func `readyz with verbose lists every check and ends with the verdict`(ready: Bool) {
        let response = ask("/readyz", query: "verbose", readiness: Readiness(ready: ready, checks: refused))
        #expect(response.status == (ready ? .ok : .serviceUnavailable))
        #expect(response.contentType == "text/plain; charset=utf-8")
        #expect(
            text(response) == """
                [+]kafka ok
                [-]partition 3 failed: refused; run `tripline offsets reset --partition 3`
                readyz check \(ready ? "passed" : "failed")

                """)
    }

    @Test func `metrics are Prometheus text`() {
        let response = ask("/metrics")
        #expect(response.contentType == "text/plain; version=0.0.4; charset=utf-8")
        #expect(text(response) == "tripline_up 1\n")
    }

    @Test func `status is the given document`() {
        let response = ask("/status")
        #expect(response.contentType == "application/json")
        #expect(text(response) == #"{"partitions":[]}"#)
    }

    @Test func `a reload tells what became of it`() {
        #expect(text(ask("/rules/reload", method: "POST", reload: .accepted)) == #"{"result":"accepted"}"#)
        #expect(text(ask("/rules/reload", method: "POST", reload: .unchanged)) == #"{"result":"unchanged"}"#)
        let failed = ask("/rules/reload", method: "POST", reload: .failed(messages: [#"rules/a.yaml:3:5: error[E101]: no "when""#]))
        #expect(failed.status == .unprocessableContent)
        #expect(text(failed).hasSuffix(#","errors":["rules/a.yaml:3:5: error[E101]: no \"when\""]}"#))
    }

    @Test func `a reload is not a GET`() {
        let response = ask("/rules/reload")
        #expect(response.status == .methodNotAllowed)
        #expect(header(response, "Allow") == "POST, OPTIONS")
    }
}

import FraudService
import HTTPServer
import Testing

@Suite struct `The risk route` {
    private func ask(account: [UInt8], _ lookup: @escaping RiskLookup) -> HTTPResponse {
        FraudServiceTests.ask(
            DataRoutes.routes(risk: lookup), "GET", "/v1/accounts/x/risk",
            segments: [Array("v1".utf8), Array("accounts".utf8), account, Array("risk".utf8)])
    }

    @Test func `what the store knows is sent as it is`() {
        let response = ask(account: Array("a/b".utf8)) { .found(json: Array("{\"account_id\":\"\(String(decoding: $0, as: UTF8.self))\"}".utf8)) }
        #expect(response.status == .ok)
        #expect(response.contentType == "application/json")
        #expect(text(response) == #"{"account_id":"a/b"}"#)
    }

    @Test func `an id has 1 to 256 bytes`() {
        let answer = RiskAnswer.found(json: [])
        #expect(ask(account: Array(repeating: 0x61, count: 1)) { _ in answer }.status == .ok)
        #expect(ask(account: Array(repeating: 0x61, count: 256)) { _ in answer }.status == .ok)
        #expect(ask(account: Array(repeating: 0x61, count: 257)) { _ in answer }.status == .badRequest)
        #expect(ask(account: []) { _ in answer }.status == .badRequest)
    }

    @Test(arguments: [[0xFF], [0xC3], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0x61, 0xF4, 0x90, 0x80, 0x80]] as [[UInt8]])
    func `an id that is not UTF-8 is refused before the store is asked`(account: [UInt8]) {
        let response = ask(account: account) { _ in
            Issue.record("the store was asked")
            return .notConfigured
        }
        #expect(
            text(response)
                == #"{"type":"about:blank","title":"Bad Request","status":400,"detail":"an account id is 1 to 256 bytes of valid UTF-8, percent-encoded","instance":"/v1/accounts/x/risk"}"#
        )
    }

    @Test func `a store that does not answer is 503 with Retry-After of at least one second`() {
        let response = ask(account: [0x61]) { _ in .unavailable(retryAfterSeconds: 0) }
        #expect(response.status == .serviceUnavailable)
        #expect(response.contentType == "application/problem+json")
        #expect(header(response, "Retry-After") == "1")
        #expect(header(ask(account: [0x61]) { _ in .unavailable(retryAfterSeconds: 7) }, "Retry-After") == "7")
    }

    @Test func `without a store it is 501`() {
        let response = ask(account: [0x61]) { _ in .notConfigured }
        #expect(response.status == .notImplemented)
        #expect(text(response).contains(#""detail":"scores are not kept here: redis.url is not configured""#))
    }
}

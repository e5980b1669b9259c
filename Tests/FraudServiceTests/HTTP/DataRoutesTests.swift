import FraudService
import HTTPServer
import Testing

@Suite struct `The risk route` {
    private func ask(account: [UInt8], _ lookup: @escaping @Sendable ([UInt8]) -> ScoreAnswer) -> HTTPResponse {
        FraudServiceTests.ask(
            DataRoutes.routes(ScoreSources(risk: lookup, risks: { _ in .notConfigured }, leaderboard: { _ in .notConfigured })), "GET", "/v1/accounts/x/risk",
            segments: [Array("v1".utf8), Array("accounts".utf8), account, Array("risk".utf8)])
    }

    @Test func `what the store knows is sent as it is`() {
        let response = ask(account: Array("a/b".utf8)) { .found(json: Array("{\"account_id\":\"\(String(decoding: $0, as: UTF8.self))\"}".utf8)) }
        #expect(response.status == .ok)
        #expect(response.contentType == "application/json")
        #expect(text(response) == #"{"account_id":"a/b"}"#)
    }

    @Test func `an id has 1 to 256 bytes`() {
        let answer = ScoreAnswer.found(json: [])
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

@Suite struct `The batch route` {
    private func ask(_ body: String, _ answer: @escaping @Sendable ([[UInt8]]) -> ScoreAnswer = { _ in .found(json: []) }) -> HTTPResponse {
        let sources = ScoreSources(risk: { _ in .notConfigured }, risks: answer, leaderboard: { _ in .notConfigured })
        return FraudServiceTests.ask(DataRoutes.routes(sources), "POST", "/v1/risk:batch", body: Array(body.utf8))
    }

    private func ids(_ count: Int) -> String { #"{"account_ids":[\#((0..<count).map { "\"a-\($0)\"" }.joined(separator: ","))]}"# }

    @Test func `ids reach the store in their order, unescaped, repeated ones too`() {
        let response = ask(#" { "x": [{"y":[]}], "account_ids" : [ "b" , "a\u00e4\n", "b" ] } "#) { ids in
            .found(json: Array(ids.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "|").utf8))
        }
        #expect(response.status == .ok)
        #expect(text(response) == "b|a\u{E4}\n|b")
    }

    @Test func `a batch has at most 100 ids, and may be empty`() {
        #expect(ask(ids(0)).status == .ok)
        #expect(ask(ids(100)).status == .ok)
        let response = ask(ids(101)) { _ in
            Issue.record("the store was asked")
            return .notConfigured
        }
        #expect(response.status == .badRequest)
        #expect(text(response).contains(#""detail":"a batch has at most 100 account ids, this one has 101","instance":"/v1/risk:batch""#))
    }

    @Test func `every id that is too short or too long is named`() {
        let long = String(repeating: "x", count: 257)
        let response = ask(#"{"account_ids":["a","","\#(long)"]}"#)
        #expect(response.status == .badRequest)
        #expect(text(response).hasSuffix(#""errors":["account_ids[1]: empty","account_ids[2]: 257 bytes"]}"#))
    }

    @Test(arguments: [
        ("", "there is nothing, at byte 0"), ("[]", "expected '{', at byte 0"), ("{}", "the object has no member \\\"account_ids\\\", at byte 2"),
        (#"{"account_ids":"a"}"#, "expected '[', at byte 15"), (#"{"account_ids":[1]}"#, "expected a string, at byte 16"),
        (#"{"account_ids":["a"}"#, "expected ',' or ']', at byte 19"), (#"{"account_ids":["a",]}"#, "expected a string, at byte 20"),
        (#"{"account_ids":[],"account_ids":[]}"#, "this member stands here a second time, at byte 18"),
        (#"{"account_ids":[]} x"#, "something follows the object, at byte 19"),
        (#"{"account_ids":["\ud800"]}"#, "half of a surrogate pair stands alone, at byte 17"),
    ])
    func `a body that is no batch is refused with what is wrong and where`(body: String, detail: String) {
        let response = ask(body)
        #expect(response.status == .badRequest)
        #expect(response.contentType == "application/problem+json")
        #expect(text(response).contains(detail), "\(text(response))")
    }

    @Test func `without an answer it is 503 or 501 like a single one`() {
        #expect(header(ask(ids(1)) { _ in .unavailable(retryAfterSeconds: 1) }, "Retry-After") == "1")
        #expect(ask(ids(1)) { _ in .notConfigured }.status == .notImplemented)
    }
}

@Suite struct `The leaderboard route` {
    private func ask(_ query: String?) -> HTTPResponse {
        let sources = ScoreSources(
            risk: { _ in .notConfigured }, risks: { _ in .notConfigured }, leaderboard: { .found(json: Array("\($0)".utf8)) })
        return FraudServiceTests.ask(DataRoutes.routes(sources), "GET", "/v1/leaderboard", query: query)
    }

    @Test func `the limit is 20, or what the query says from 1 to 100`() {
        #expect(text(ask(nil)) == "20")
        #expect(text(ask("limit=1")) == "1")
        #expect(text(ask("limit=100")) == "100")
        for wrong in ["limit", "limit=0", "limit=101", "limit=-1", "limit=x", "limit=99999999999999999999"] {
            #expect(ask(wrong).status == .badRequest, "\(wrong)")
        }
        #expect(text(ask("limit=0")).contains("limit is a whole number from 1 to 100"))
    }
}

import FraudService

@testable import FraudEngine
@testable import HTTPServer

/// Whatever a client sends, as far as libmicrohttpd lets it through, is answered with a status and sound header fields.
///
/// The input is a request's text; it is taken apart here as the library does it, without the library's own refusals.
enum HTTPFuzz {
    static let routes: [HTTPRoute] = {
        let scores = ScoreSources(
            risk: { account in
                if account.count > 200 { return .unavailable(retryAfterSeconds: 1) }
                return .found(json: json(account))
            },
            risks: { accounts in
                if accounts.isEmpty { return .notConfigured }
                return .found(json: Array("[".utf8) + accounts.map(json).joined(separator: [UInt8(ascii: ",")]) + Array("]".utf8))
            },
            leaderboard: { limit in .found(json: Array("{\"limit\":\(limit)}".utf8)) })
        let admin = AdminSources(
            readiness: { Readiness(ready: false, checks: [.init(name: "kafka", isOK: false, detail: "down")]) }, metricsText: { [] },
            statusJSON: { Array("{}".utf8) }, reload: { .failed(messages: ["rules.yaml:1:1: \"no\""]) })
        return DataRoutes.routes(scores) + AdminRoutes.routes(admin)
    }()

    private static let router = Router(routes)
    private static let patterns = Set(routes.map(\.pattern) + [Router.unmatched])

    private static func json(_ account: [UInt8]) -> [UInt8] {
        var text = Array("{\"account_id\":".utf8)
        JSONString.append(String(decoding: account, as: UTF8.self), to: &text)
        return text + [UInt8(ascii: "}")]
    }

    static func take(_ input: UnsafeRawBufferPointer) {
        guard let (head, body) = split(Array(input)) else { return }
        var limits = HTTPLimits()
        limits.targetBytes = 512
        limits.headerBytes = 1_024
        limits.headerFields = 16
        limits.queryItems = 8
        do throws(Problem) {
            let checked = try head.check(limits: limits)
            demand(head.headers.contains { $0.isNamed("Host") } || head.version == "HTTP/1.0", "a request names its host")
            demand(checked.target.queryItems.count <= limits.queryItems, "queries are bounded")
            demand(!checked.target.segments.joined().contains(0), "no segment has a NUL")
            let request = HTTPRequest(
                method: head.method, path: checked.target.path, pathSegments: checked.target.segments, queryItems: checked.target.queryItems,
                headers: head.headers, body: checked.hasBody ? body : [])
            let (route, response) = router.answer(request)
            demand(patterns.contains(route), "a route is one of those that are there")
            check(response)
        } catch {
            demand(error.status.code >= 400, "a refusal is an error")
            check(error.response(instance: nil))
        }
    }

    /// Method, target, version and fields of a request's text; nil where there is no request line.
    private static func split(_ text: [UInt8]) -> (RequestHead, [UInt8])? {
        let end = text.firstRange(of: Array("\r\n\r\n".utf8)) ?? text.endIndex..<text.endIndex
        let lines = Array(text[..<end.lowerBound]).split(separator: Array("\r\n".utf8))
        guard let words = lines.first?.split(separator: UInt8(ascii: " "), maxSplits: 2, omittingEmptySubsequences: false), words.count == 3 else { return nil }
        let headers = lines.dropFirst().map { line in
            let colon = line.firstIndex(of: UInt8(ascii: ":")) ?? line.endIndex
            return HTTPHeader(name: String(decoding: line[..<colon], as: UTF8.self), value: Array(line[colon...].dropFirst().drop { $0 == 0x20 }))
        }
        let head = RequestHead(
            method: String(decoding: words[0], as: UTF8.self), target: Array(words[1]), version: String(decoding: words[2], as: UTF8.self), headers: headers)
        return (head, Array(text[end.upperBound...]))
    }

    private static func check(_ response: HTTPResponse) {
        demand((200...599).contains(response.status.code) && !response.status.title.isEmpty, "an answer has a status")
        for field in response.fields {
            demand(!field.name.isEmpty && field.name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: ":") }, "a field has a name")
            demand(field.value.allSatisfy { $0 >= 0x20 && $0 != 0x7f }, "a field's value is one line")
        }
        demand(response.body.isEmpty || response.contentType != nil, "a body has a type")
        guard response.contentType == HTTPContentType.json || response.contentType == HTTPContentType.problem else { return }
        demand(String(validating: response.body, as: UTF8.self) != nil, "JSON is UTF-8")
        guard response.status.code >= 400 else { return }
        let names = ["type", "title", "status"].map { Array($0.utf8) }
        var members = MemberTable(names: names)
        var scratch = PaymentScratch()
        response.body.withUnsafeBytes { body in
            do throws(JSONFault) { try members.read(ByteSlice(body), scratch: &scratch) } catch { fail("a problem is JSON: \(error)") }
            demand((0..<3).allSatisfy { members.tokens[$0].kind != .absent }, "a problem has type, title and status")
        }
    }
}

import HTTPServer
import Testing

@Suite struct `Targets` {
    @Test func `segments are split before they are decoded`() throws {
        let server = try startServer()
        #expect(try answer(server, request("GET", "/echo/a%2Fb%20%C3%BC+")).body == "612f6220c3bc2b|")
        #expect(try answer(server, request("GET", "/echo%2Fa")).status == 404)
        #expect(try answer(server, request("GET", "/echo/%2e%2e")).body == "2e2e|")
        #expect(try answer(server, request("GET", "/echo/../json")).status == 404)
        #expect(try answer(server, request("GET", "//json")).status == 404)
        #expect(try answer(server, request("GET", "/json/")).status == 404)
        #expect(try answer(server, request("GET", "/echo/")).body == "|")
    }

    @Test func `escapes are decoded once`() throws {
        let server = try startServer()
        #expect(try answer(server, request("GET", "/echo/%252F?q=%2525")).body == "253246|q=%25;")
    }

    @Test func `queries are decoded with plus as a space`() throws {
        let server = try startServer()
        let response = try answer(server, request("GET", "/echo/a?x=1+2%2B&verbose&&y=a=b?c&=z"))
        #expect(response.body == "61|x=1 2+;verbose=;y=a=b?c;=z;")
    }

    @Test(arguments: ["/echo/%zz", "/echo/%", "/echo/%4", "/echo/a%00d", "/echo/a?q=%00z", "/echo/a?q=%g0", "/echo/%+1"])
    func `bad escapes and NUL are refused`(target: String) throws {
        let server = try startServer()
        let response = try answer(server, request("GET", target))
        #expect(response.status == 400)
        #expect(response.header("Content-Type") == "application/problem+json")
    }

    @Test(arguments: ["http://t/json", "json", "t:443", "/echo/\u{7F}", "/echo/ü", "/echo/a#b", "/echo/a b"])
    func `targets that are not in origin form are refused`(target: String) throws {
        let server = try startServer()
        expectRefusal(server, request("GET", target), 400)
    }

    @Test func `a raw NUL does not reach another path`() throws {
        let server = try startServer()
        let client = RawClient(port: server.port)
        client.send(request("GET", "/echo/literal\u{00}/x"))
        let response = try #require(client.readResponse())
        #expect(response.status == 400 || response.body == "literal")
    }

    @Test func `too many query parameters are refused`() throws {
        let server = try startServer { $0.queryItems = 3 }
        #expect(try answer(server, request("GET", "/echo/a?a&b&c")).status == 200)
        #expect(try answer(server, request("GET", "/echo/a?a&b&c&d")).status == 400)
    }
}

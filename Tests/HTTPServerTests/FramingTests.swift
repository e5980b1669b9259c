import HTTPServer
import Testing

@Suite struct `What a proxy could read differently is refused` {
    @Test func `two Host headers, none, or an unsound one`() throws {
        let server = try startServer()
        expectRefusal(server, "GET /json HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, detail: "Host is there more than once")
        expectRefusal(server, "GET /json HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", 400)
        expectRefusal(server, "GET /json HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, detail: "not a host and a port")
        expectRefusal(server, "GET /json HTTP/1.1\r\nHost: a b\r\n\r\n", 400)
        expectRefusal(server, "GET /json HTTP/1.1\r\nHost: me@a\r\n\r\n", 400)
        #expect(try answer(server, "GET /json HTTP/1.1\r\nAccept: x\r\n\r\n").status == 400)
    }

    @Test func `HTTP 1_0 may do without a Host`() throws {
        let server = try startServer()
        #expect(try answer(server, "GET /json HTTP/1.0\r\n\r\n").status == 200)
        #expect(try answer(server, "GET /json HTTP/1.1\r\nHost: [::1]:80\r\n\r\n").status == 200)
    }

    @Test func `a length beside a transfer coding`() throws {
        let server = try startServer()
        let head = "POST /body HTTP/1.1\r\nHost: t\r\n"
        let smuggled = "0\r\n\r\n"
        let detail = "exclude each other"
        expectRefusal(server, "\(head)Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n\(smuggled)", 400, detail: detail)
        expectRefusal(server, "\(head)Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n\(smuggled)", 400, detail: detail)
        expectRefusal(server, "\(head)transfer-encoding: CHUNKED\r\ncontent-length: 0\r\n\r\n\(smuggled)", 400, detail: detail)
    }

    @Test func `two lengths, equal or not`() throws {
        let server = try startServer()
        let head = "POST /body HTTP/1.1\r\nHost: t\r\n"
        let detail = "Content-Length is there more than once"
        expectRefusal(server, "\(head)Content-Length: 0\r\nContent-Length: 44\r\n\r\n", 400, detail: detail)
        expectRefusal(server, "\(head)Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400, detail: detail)
    }

    @Test(arguments: ["-1", "+5", "5x", "0x5", "5, 5", "", "99999999999999999999"])
    func `a length that is not a number`(length: String) throws {
        let server = try startServer()
        let client = RawClient(port: server.port)
        client.send("POST /body HTTP/1.1\r\nHost: t\r\nContent-Length: \(length)\r\n\r\nabcde" + request("GET", "/json"))
        // The library answers some of these by itself.
        let response = try #require(client.readResponse())
        #expect(response.status == 400 || response.status == 413)
        #expect(client.readResponse() == nil)
    }

    @Test func `a transfer coding other than chunked`() throws {
        let server = try startServer()
        let head = "POST /body HTTP/1.1\r\nHost: t\r\n"
        expectRefusal(server, "\(head)Transfer-Encoding: gzip\r\n\r\n", 501, detail: "chunked")
        expectRefusal(server, "\(head)Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501)
        expectRefusal(server, "\(head)Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501)
        expectRefusal(server, "\(head)Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400)
        expectRefusal(server, "POST /body HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400)
    }

    @Test func `a bad chunk ends the connection`() throws {
        let server = try startServer()
        let client = RawClient(port: server.port)
        client.send("POST /body HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n" + request("GET", "/json"))
        let response = client.readResponse()
        #expect(response == nil || response?.status == 400)
        #expect(client.readResponse() == nil)
    }

    @Test func `a body where the method takes none`() throws {
        let server = try startServer()
        expectRefusal(server, request("GET", "/json", "Content-Length: 3\r\n") + "abc", 400, detail: "GET takes no body")
        expectRefusal(server, request("GET", "/json", "Transfer-Encoding: chunked\r\n") + "0\r\n\r\n", 400)
        #expect(try answer(server, request("GET", "/json", "Content-Length: 0\r\n")).status == 200)
    }

    @Test func `repeated headers that have one value`() throws {
        let server = try startServer()
        expectRefusal(server, request("GET", "/json", "Authorization: a\r\nAuthorization: b\r\n"), 400)
        expectRefusal(server, request("GET", "/json", "Content-Type: a\r\ncontent-type: b\r\n"), 400)
    }

    @Test func `header names and values with bytes that do not belong there`() throws {
        let server = try startServer()
        expectRefusal(server, request("GET", "/json", "X-A: a\u{01}b\r\n"), 400, detail: "control character")
        expectRefusal(server, request("GET", "/json", "X-A: a\u{7F}b\r\n"), 400)
        expectRefusal(server, request("GET", "/json", "X(A: a\r\n"), 400, detail: "header name")
    }

    /// libmicrohttpd cuts a value at a NUL; the bytes behind it must not become anything else.
    @Test func `a NUL in a header value hides no header and starts no request`() throws {
        let routes = [
            HTTPRoute("GET", "/headers") { request throws(Problem) in
                .text(request.headers.map { "\($0.name)=\(String(decoding: $0.value, as: UTF8.self));" }.joined())
            }
        ]
        let server = try startServer(routes)
        let client = RawClient(port: server.port)
        client.send(request("GET", "/headers", "X-A: a\u{00}b\r\nX-B: c\r\n") + request("GET", "/headers"))
        let first = try #require(client.readResponse())
        #expect(first.status == 400 || first.body == "Host=t;X-A=a;X-B=c;")
        if first.status == 200 { #expect(client.readResponse()?.body == "Host=t;") }
    }

    @Test(arguments: [
        "GARBAGE\r\n\r\n", "GET /json HTTP/1.1\r\nHost : t\r\n\r\n", "GET /json HTTP/1.1\r\nHost: t\r\nno colon\r\n\r\n",
        "GET /json HTTP/9.9\r\nHost: t\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", " GET /json HTTP/1.1\r\nHost: t\r\n\r\n",
    ])
    func `what is no HTTP 1_1 request is never answered with a success`(text: String) throws {
        let server = try startServer()
        let client = RawClient(port: server.port)
        client.send(text)
        let response = client.readResponse()
        #expect(response.map { $0.status >= 400 } ?? true)
        #expect(client.seesClose())
    }

    @Test func `an expectation other than 100-continue`() throws {
        let server = try startServer()
        expectRefusal(server, request("POST", "/body", "Expect: miracles\r\nContent-Length: 3\r\n"), 417)
    }
}

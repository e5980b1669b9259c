import HTTPServer
import Testing

@Suite struct `Routes and answers` {
    @Test func `an unknown path is a problem of 404`() throws {
        let server = try startServer()
        let response = try answer(server, request("GET", "/nothing?x=1"))
        #expect(response.status == 404)
        #expect(response.header("Content-Type") == "application/problem+json")
        #expect(
            response.body
                == #"{"type":"about:blank","title":"Not Found","status":404,"detail":"nothing is served at this path","instance":"/nothing"}"#
        )
    }

    @Test func `a method the path does not know is 405 and says what is allowed`() throws {
        let server = try startServer()
        let response = try answer(server, request("DELETE", "/json"))
        #expect(response.status == 405)
        #expect(response.header("Allow") == "GET, HEAD, OPTIONS")
        #expect(try answer(server, request("BREW", "/body")).header("Allow") == "POST, OPTIONS")
        #expect(try answer(server, request("HEAD", "/body")).status == 405)
        #expect(try answer(server, request("get", "/json")).status == 405)
    }

    @Test func `OPTIONS says what is allowed`() throws {
        let server = try startServer()
        let response = try answer(server, request("OPTIONS", "/json"))
        #expect(response.status == 204)
        #expect(response.header("Allow") == "GET, HEAD, OPTIONS")
        #expect(response.body.isEmpty)
        #expect(try answer(server, request("OPTIONS", "*")).status == 404)
        #expect(try answer(server, request("OPTIONS", "/nothing")).status == 404)
    }

    @Test func `HEAD has the headers of GET and no body`() throws {
        let server = try startServer()
        let client = RawClient(port: server.port)
        client.send(request("HEAD", "/json") + request("GET", "/json", "Connection: close\r\n"))
        let head = try #require(client.readResponse(head: true))
        #expect(head.status == 200)
        #expect(head.header("Content-Length") == "2")
        #expect(client.readResponse()?.body == "{}")
        #expect(client.seesClose())
    }

    @Test func `a literal segment wins over a parameter`() throws {
        let server = try startServer()
        #expect(try answer(server, request("GET", "/echo/literal")).body == "literal")
        #expect(try answer(server, request("GET", "/echo/literals")).body == "6c69746572616c73|")
    }

    @Test func `a thrown problem keeps its headers and escapes its text`() throws {
        let server = try startServer()
        let response = try answer(server, request("GET", "/broken"))
        #expect(response.status == 503)
        #expect(response.header("Retry-After") == "3")
        #expect(response.body.contains(#""detail":"say \"no\"","instance":"/broken"}"#))
    }

    @Test func `every answer forbids sniffing and JSON is not stored`() throws {
        let server = try startServer()
        for target in ["/json", "/nothing", "/broken", "/echo/a"] {
            let response = try answer(server, request("GET", target))
            #expect(response.header("X-Content-Type-Options") == "nosniff")
            #expect(response.header("Cache-Control") == (target == "/echo/a" ? nil : "no-store"))
        }
    }

    @Test func `three pipelined requests are answered in order on one connection`() throws {
        let server = try startServer()
        let client = RawClient(port: server.port)
        client.send(request("GET", "/echo/a") + "POST /body HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\nabc" + request("GET", "/echo/c"))
        #expect(client.readResponse()?.body == "61|")
        #expect(client.readResponse()?.body == "3 bytes")
        #expect(client.readResponse()?.body == "63|")
    }

    @Test func `a connection is kept for the next request`() throws {
        let server = try startServer()
        let client = RawClient(port: server.port)
        for _ in 0..<20 {
            client.send(request("GET", "/json"))
            #expect(client.readResponse()?.status == 200)
        }
    }

    @Test func `problems say single findings and no instance for an unsound target`() {
        let response = Problem(.badRequest, "x\n\u{01}", type: "https://e/p", errors: ["a", "b"]).response(instance: nil)
        #expect(
            String(decoding: response.body, as: UTF8.self)
                == #"{"type":"https://e/p","title":"Bad Request","status":400,"detail":"x\n\u0001","errors":["a","b"]}"#)
    }
}

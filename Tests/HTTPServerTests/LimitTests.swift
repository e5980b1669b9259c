import HTTPServer
import Testing

@Suite struct `Limits` {
    @Test func `a long target is 414`() throws {
        let server = try startServer { $0.targetBytes = 100 }
        let path = "/echo/" + String(repeating: "a", count: 94)
        #expect(try answer(server, request("GET", path)).status == 200)
        expectRefusal(server, request("GET", path + "a"), 414)
    }

    @Test func `large headers and many headers are 431`() throws {
        let server = try startServer {
            $0.headerBytes = 1000
            $0.headerFields = 20
        }
        expectRefusal(server, request("GET", "/json", "X-A: \(String(repeating: "a", count: 1000))\r\n"), 431)
        #expect(try answer(server, request("GET", "/json", String(repeating: "X-A: b\r\n", count: 19))).status == 200)
        expectRefusal(server, request("GET", "/json", String(repeating: "X-A: b\r\n", count: 20)), 431)
    }

    @Test func `a head beyond the connection's memory is refused by the library`() throws {
        let server = try startServer()
        let client = RawClient(port: server.port)
        client.send(request("GET", "/json", "X-A: \(String(repeating: "a", count: 40_000))\r\n"))
        #expect(client.readResponse()?.status == 431)
    }

    @Test func `an announced body that is too large is 413 before it is sent`() throws {
        let server = try startServer()
        let head = "POST /body HTTP/1.1\r\nHost: t\r\n"
        #expect(try answer(server, "\(head)Content-Length: 1000\r\n\r\n\(String(repeating: "a", count: 1000))").body == "1000 bytes")
        for expect in ["", "Expect: 100-continue\r\n"] {
            let client = RawClient(port: server.port)
            client.send("\(head)\(expect)Content-Length: 1001\r\n\r\n")
            let response = try #require(client.readResponse())
            #expect(response.status == 413)
            #expect(response.header("Content-Type") == "application/problem+json")
            #expect(client.seesClose())
        }
    }

    @Test func `a chunked body is counted, and is 413 at its end`() throws {
        let server = try startServer()
        let head = "POST /body HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"
        let chunk = "64\r\n\(String(repeating: "a", count: 100))\r\n"
        #expect(try answer(server, head + String(repeating: chunk, count: 10) + "0\r\n\r\n").body == "1000 bytes")
        expectRefusal(server, head + String(repeating: chunk, count: 11) + "0\r\n\r\n", 413)
    }

    @Test func `an endless chunked body is cut`() throws {
        let server = try startServer()
        let client = RawClient(port: server.port)
        client.send("POST /body HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n")
        let chunk = "3e8\r\n\(String(repeating: "a", count: 1000))\r\n"
        var chunks = 0
        while client.send(chunk) { chunks += 1 }
        #expect(client.readResponse() == nil)
    }

    @Test func `100-continue is said before a body that fits`() throws {
        let server = try startServer()
        let client = RawClient(port: server.port)
        client.send("POST /body HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        #expect(client.readResponse()?.status == 100)
        client.send("abc")
        #expect(client.readResponse()?.body == "3 bytes")
    }

    @Test func `a client that says nothing is closed`() throws {
        let server = try startServer { $0.idleTimeoutSeconds = 1 }
        #expect(RawClient(port: server.port).seesClose())
    }

    @Test func `a client that drips its request is cut although it is never idle`() throws {
        let server = try startServer {
            $0.requestTimeoutSeconds = 1
            $0.idleTimeoutSeconds = 600
        }
        let client = RawClient(port: server.port)
        client.send("GET /json HTTP/1.1\r\nHost: t\r\nX-")
        #expect(client.seesClose())
        let body = RawClient(port: server.port)
        body.send("POST /body HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\nabc")
        #expect(body.seesClose())
    }

    @Test func `the next request on a connection has its own deadline`() throws {
        let server = try startServer {
            $0.requestTimeoutSeconds = 1
            $0.idleTimeoutSeconds = 600
        }
        let client = RawClient(port: server.port)
        client.send(request("GET", "/json") + "GET /json HT")
        #expect(client.readResponse()?.status == 200)
        #expect(client.seesClose())
    }

    @Test func `a client that does not take its answer is cut`() throws {
        let large = [UInt8](repeating: UInt8(ascii: "a"), count: 64 << 20)
        let done = Signal()
        let routes = [HTTPRoute("GET", "/large") { _ throws(Problem) in .json(large) }]
        let server = try startServer(routes, hooks: HTTPServerHooks(observe: { _ in done.set() })) {
            $0.responseTimeoutSeconds = 1
            $0.idleTimeoutSeconds = 600
        }
        let client = RawClient(port: server.port)
        client.send(request("GET", "/large"))
        #expect(done.wait())
        #expect(client.readToClose().count < large.count)
    }

    @Test func `one address has so many connections and no more`() throws {
        let server = try startServer { $0.connectionsPerAddress = 3 }
        let clients = (0..<3).map { _ in RawClient(port: server.port) }
        for client in clients {
            client.send(request("GET", "/json"))
            #expect(client.readResponse()?.status == 200)
        }
        let fourth = RawClient(port: server.port)
        fourth.send(request("GET", "/json"))
        #expect(fourth.readResponse() == nil)
        clients[0].send(request("GET", "/json"))
        #expect(clients[0].readResponse()?.status == 200)
    }

    @Test func `beyond the connections in all a client waits until another leaves`() throws {
        let server = try startServer { $0.connections = 2 }
        var clients = (0..<8).map { _ in RawClient(port: server.port) }
        for client in clients { client.send(request("GET", "/json")) }
        while let client = clients.popLast() { client.send(request("GET", "/json", "Connection: close\r\n")) }
        let last = RawClient(port: server.port)
        last.send(request("GET", "/json"))
        #expect(last.readResponse()?.status == 200)
    }
}

import Glibc
import HTTPServer
import Synchronization
import Testing

@Suite struct `Start, stop and hooks` {
    @Test func `a port in use is an error that names the address`() throws {
        let server = try startServer()
        let address = ListenAddress(host: "127.0.0.1", port: server.port)
        let error = #expect(throws: HTTPServerError.addressInUse("127.0.0.1:\(server.port)")) {
            _ = try HTTPServer.start(listen: address, routes: [])
        }
        #expect(error?.description == "cannot listen on 127.0.0.1:\(server.port): another process listens there already")
    }

    @Test func `an address of another machine is an error that names it`() {
        let error = #expect(throws: HTTPServerError.self) {
            _ = try HTTPServer.start(listen: ListenAddress(host: "192.0.2.1", port: 8080), routes: [])
        }
        #expect(error?.description.hasPrefix("cannot listen on 192.0.2.1:8080: ") == true)
    }

    @Test(arguments: ["", "8080", "localhost", "a:", "a:b", "a:-1", "a:65536", ":8080", "::1:80", "[]:1"])
    func `text that is not host and port is refused`(text: String) {
        #expect(throws: HTTPServerError.self) { _ = try ListenAddress(text) }
    }

    @Test func `addresses are read as they are written`() throws {
        #expect(try ListenAddress("127.0.0.1:8080") == ListenAddress(host: "127.0.0.1", port: 8080))
        #expect(try ListenAddress("[::1]:0") == ListenAddress(host: "::1", port: 0))
        #expect(try ListenAddress("[::1]:0").description == "[::1]:0")
    }

    @Test func `a stopped server refuses connections and frees its port`() throws {
        let server = try startServer()
        server.stop(graceSeconds: 5)
        server.stop(graceSeconds: 5)
        #expect(!RawClient(port: server.port).wasAccepted)
        let next = try HTTPServer.start(listen: ListenAddress(host: "127.0.0.1", port: server.port), routes: echoRoutes)
        #expect(try answer(next, request("GET", "/json")).status == 200)
    }

    @Test func `stopping finishes the request at work and closes its connection`() throws {
        let entered = Signal(), mayEnd = Signal(), stopped = Signal()
        let routes = [
            HTTPRoute("GET", "/slow") { _ throws(Problem) in
                entered.set()
                return .text(mayEnd.wait() ? "done" : "gave up")
            }
        ]
        let server = try startServer(routes)
        let client = RawClient(port: server.port)
        client.send(request("GET", "/slow"))
        #expect(entered.wait())
        onThread {
            server.stop(graceSeconds: 10)
            stopped.set()
        }
        // Refused connections show that the server has stopped accepting.
        while RawClient(port: server.port).wasAccepted { sched_yield() }
        mayEnd.set()
        let response = try #require(client.readResponse())
        #expect(response.body == "done")
        #expect(response.header("Connection") == "close")
        #expect(client.seesClose())
        #expect(stopped.wait())
    }

    @Test func `an idle connection does not hold up the stop`() throws {
        let server = try startServer()
        let client = RawClient(port: server.port)
        client.send(request("GET", "/json"))
        #expect(client.readResponse()?.status == 200)
        server.stop(graceSeconds: 3600)
        #expect(client.seesClose())
    }

    @Test func `a body that never ends is given up after the grace, and logged`() throws {
        let lines = Mutex<[String]>([])
        let server = try startServer(hooks: HTTPServerHooks(log: { line in lines.withLock { $0.append(line) } }))
        let client = RawClient(port: server.port)
        client.send("POST /body HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n")
        #expect(client.readResponse()?.status == 100)
        server.stop(graceSeconds: 0)
        #expect(client.seesClose())
        #expect(lines.withLock { $0.contains("1 requests were not answered within the grace of 0 s") })
    }

    @Test func `the observer hears of every answered request by its pattern`() throws {
        let seen = Mutex<[String]>([])
        let server = try startServer(
            hooks: HTTPServerHooks(observe: { one in
                seen.withLock { $0.append("\(one.route) \(one.status) \(one.seconds >= 0)") }
            }))
        let client = RawClient(port: server.port)
        client.send(request("GET", "/echo/secret?x") + request("POST", "/json") + request("GET", "/secret"))
        for _ in 0..<3 { #expect(client.readResponse() != nil) }
        client.send(request("GET", "http://secret/"))
        #expect(client.readResponse()?.status == 400)
        server.stop(graceSeconds: 5)
        #expect(seen.withLock { $0 } == ["/echo/{id} 200 true", "/json 405 true", "unmatched 404 true", "unmatched 400 true"])
    }
}

/// Runs `body` on a thread of its own.
private func onThread(_ body: @escaping @Sendable () -> Void) {
    final class Box: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    var thread = pthread_t()
    let box = Unmanaged.passRetained(Box(body))
    let failure = pthread_create(
        &thread, nil,
        { raw in
            if let raw { Unmanaged<Box>.fromOpaque(raw).takeRetainedValue().body() }
            return nil
        }, box.toOpaque())
    precondition(failure == 0, "a thread")
    pthread_detach(thread)
}

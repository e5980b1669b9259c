import CMicroHTTPD
import Glibc

@testable import HTTPServer

/// Whatever bytes a client sends: what comes back is a row of HTTP answers, and the connection ends with the client's.
///
/// The server's callbacks under libmicrohttpd as it is in service, but without its threads: the library runs when it is told, over a pair of sockets,
/// so that an input always does the same.
enum WireFuzz {
    /// Owns the daemon, which lives as long as the process. One thread.
    private final class Server {
        private let core = ServerCore(router: Router(HTTPFuzz.routes), limits: HTTPLimits(), hooks: HTTPServerHooks())
        let daemon: OpaquePointer

        init() {
            var settings = core.settings(descriptor: -1, isIPv6: false, threads: 1)
            guard let daemon = tripline_http_start(&settings) else { fail("libmicrohttpd starts") }
            self.daemon = daemon
        }

        func connect(_ descriptor: Int32) {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            let result = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    MHD_add_connection(daemon, descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            demand(result == .YES, "the library takes a connection")
        }

        /// True if no request is at work.
        var isIdle: Bool { core.ledger.drain(until: MonotonicTime(nanoseconds: 0)) == 0 }
    }

    /// libFuzzer calls on one thread.
    nonisolated(unsafe) private static let server = Server()

    static func take(_ input: UnsafeRawBufferPointer) {
        var pair: [Int32] = [-1, -1]
        demand(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0, &pair) == 0, "a pair of sockets")
        let client = pair[0]
        server.connect(pair[1])
        demand(send(client, input.baseAddress, input.count, Int32(MSG_NOSIGNAL)) == input.count, "an input fits into a socket")
        shutdown(client, Int32(SHUT_WR))
        var answers: [UInt8] = []
        var rounds = 0
        while read(client, into: &answers) {
            rounds += 1
            demand(rounds < 10_000, "a connection ends")
            MHD_run(server.daemon)
        }
        close(client)
        MHD_run(server.daemon)
        demand(server.isIdle, "no request stays behind")
        check(answers)
    }

    /// False at the end of the connection.
    private static func read(_ client: Int32, into answers: inout [UInt8]) -> Bool {
        withUnsafeTemporaryAllocation(byteCount: 16_384, alignment: 1) { piece in
            let count = recv(client, piece.baseAddress, piece.count, 0)
            if count > 0 { answers += piece[..<count] }
            return count > 0 || count < 0 && errno == EAGAIN
        }
    }

    private static func check(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let text = String(decoding: rest.prefix(200), as: UTF8.self)
            guard let end = rest.firstRange(of: Array("\r\n\r\n".utf8)) else { fail("an answer's head ends: \(text)") }
            let lines = String(decoding: rest[..<end.lowerBound], as: UTF8.self).split(separator: "\r\n")
            let words = lines[0].split(separator: " ", maxSplits: 2)
            guard words.count == 3, ["HTTP/1.1", "HTTP/1.0"].contains(words[0]), let status = Int(words[1]), (100...599).contains(status) else {
                fail("an answer begins with a status: \(text)")
            }
            rest = rest[end.upperBound...]
            // An answer to HEAD, 1xx and 204 have no body, whatever the length says.
            if rest.isEmpty || rest.starts(with: "HTTP/1.".utf8) { continue }
            let length = lines.dropFirst().first { $0.lowercased().hasPrefix("content-length:") }.flatMap { Int($0.dropFirst(15).drop { $0 == " " }) }
            guard let length, length <= rest.count else { fail("a body has its length: \(text)") }
            rest = rest.dropFirst(length)
        }
    }
}

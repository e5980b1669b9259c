internal import CMicroHTTPD
import Glibc
import Synchronization

/// One answered request, for metrics.
package struct HTTPObservation: Sendable, Equatable {
    /// The route's pattern, or `Router.unmatched`: bounded.
    package let route: String
    package let status: Int
    /// From the request line to the last byte handed to the kernel.
    package let seconds: Double
}

/// What the server tells its owner. Called on pool threads: must not block.
package struct HTTPServerHooks: Sendable {
    /// Internal trouble in words, without client data but what libmicrohttpd puts into its own lines.
    package var log: @Sendable (String) -> Void
    /// Once per answered request. Requests the library refuses by itself, and those whose client left first, are not seen.
    package var observe: @Sendable (HTTPObservation) -> Void

    package init(
        log: @escaping @Sendable (String) -> Void = { _ in }, observe: @escaping @Sendable (HTTPObservation) -> Void = { _ in }
    ) {
        self.log = log
        self.observe = observe
    }
}

/// An HTTP/1.1 server over libmicrohttpd: a small pool of threads, each with its own epoll, and a watchdog for deadlines.
///
/// Threads inherit the signal mask of the thread that starts the server: block signals first.
package final class HTTPServer: Sendable {
    /// The port in use, also where port 0 was asked for.
    package let port: UInt16
    private let core: ServerCore
    private let running: Mutex<Running?>

    /// The daemon and the watchdog, there until `stop`.
    ///
    /// @unchecked Sendable: `MHD_Daemon` may be used from any thread; the Mutex above lets one thread take it out, once.
    private struct Running: @unchecked Sendable {
        let daemon: OpaquePointer
        let watchdog: pthread_t
    }

    private init(port: UInt16, core: ServerCore, running: Running) {
        self.port = port
        self.core = core
        self.running = Mutex(running)
    }

    deinit {
        stop(graceSeconds: 0)
    }

    /// Listens and serves. The error names the address.
    package static func start(
        listen address: ListenAddress, threads: Int = 2, routes: [HTTPRoute], limits: HTTPLimits = HTTPLimits(),
        hooks: HTTPServerHooks = HTTPServerHooks()
    ) throws(HTTPServerError) -> HTTPServer {
        let core = ServerCore(router: Router(routes), limits: limits, hooks: hooks)
        let socket = try ListenSocket(address)
        let port = socket.port
        var watchdog = pthread_t()
        // The thread holds its own reference to the ledger and gives it back when it ends.
        let ledger = Unmanaged.passRetained(core.ledger)
        let failure = pthread_create(&watchdog, nil, watchdogThread, ledger.toOpaque())
        guard failure == 0 else {
            ledger.release()
            throw .cannotStart(address.description, reason: String(cString: strerror(failure)))
        }
        var settings = core.settings(descriptor: socket.descriptor, isIPv6: socket.isIPv6, threads: threads)
        guard let daemon = tripline_http_start(&settings) else {
            core.ledger.close()
            pthread_join(watchdog, nil)
            throw .cannotStart(address.description, reason: "libmicrohttpd did not start; its reason is in the log")
        }
        // From here on the daemon, or after quiescing `stop`, closes the socket.
        _ = socket.release()
        return HTTPServer(port: port, core: core, running: Running(daemon: daemon, watchdog: watchdog))
    }

    /// Stops accepting, gives running requests `graceSeconds` to be answered, then closes everything. Once; later calls return
    /// at once. A handler that is still running is waited for: its thread cannot be taken away.
    package func stop(graceSeconds: Int) {
        guard let taken = running.withLock({ state in state.take() }) else { return }
        core.ledger.beginDraining()
        let socket = MHD_quiesce_daemon(taken.daemon)
        // Refuse at once instead of letting clients queue; the descriptor stays ours until no thread can use it.
        if socket >= 0 { shutdown(socket, Int32(SHUT_RDWR)) }
        let left = core.ledger.drain(until: .now + .seconds(graceSeconds))
        if left > 0 { core.hooks.log("\(left) requests were not answered within the grace of \(graceSeconds) s") }
        MHD_stop_daemon(taken.daemon)
        if socket >= 0 { close(socket) }
        core.ledger.close()
        pthread_join(taken.watchdog, nil)
    }
}

extension ServerCore {
    /// - Parameter descriptor: the listening socket; -1: none, connections are given to the daemon.
    func settings(descriptor: Int32, isIPv6: Bool, threads: Int) -> tripline_http_settings {
        precondition(threads >= 1, "a server has a thread")
        return tripline_http_settings(
            listen_socket: descriptor, is_ipv6: isIPv6 ? 1 : 0, threads: UInt32(threads),
            connections: UInt32(max(limits.connections, threads)),
            connections_per_address: UInt32(limits.connectionsPerAddress),
            idle_timeout_seconds: UInt32(limits.idleTimeoutSeconds), connection_memory: limits.connectionMemoryBytes,
            context: Unmanaged.passUnretained(self).toOpaque(), handler: onRequest, request_line: onRequestLine,
            unescape: onUnescape, completed: onCompleted, connection: onConnection, log: onLog)
    }
}

private func watchdogThread(_ ledger: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    if let ledger { Unmanaged<ConnectionLedger>.fromOpaque(ledger).takeRetainedValue().watch() }
    return nil
}

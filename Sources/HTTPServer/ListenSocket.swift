import Glibc

/// A listening TCP socket, closed at the end of its life unless it was handed over.
struct ListenSocket: ~Copyable {
    let descriptor: Int32
    let isIPv6: Bool
    /// The port in use, also where port 0 was asked for.
    let port: UInt16

    /// Listens on the first address of the host. A name is resolved by the system, which may ask a name server.
    init(_ address: ListenAddress) throws(HTTPServerError) {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
        var list: UnsafeMutablePointer<addrinfo>?
        let failure = getaddrinfo(address.host, String(address.port), &hints, &list)
        guard failure == 0, let list else {
            throw .unknownHost(address.description, reason: String(cString: gai_strerror(failure)))
        }
        defer { freeaddrinfo(list) }
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(list.pointee.ai_family, kind, 0)
        guard descriptor >= 0 else { throw ListenSocket.failure(address, errno) }
        do throws(HTTPServerError) {
            try ListenSocket.listen(descriptor, list.pointee, address)
            port = try ListenSocket.boundPort(descriptor, address)
        } catch {
            close(descriptor)
            throw error
        }
        self.descriptor = descriptor
        isIPv6 = list.pointee.ai_family == AF_INET6
    }

    deinit {
        close(descriptor)
    }

    /// Gives the descriptor away; it is the caller's to close.
    consuming func release() -> Int32 {
        let descriptor = descriptor
        discard self
        return descriptor
    }

    private static func listen(_ descriptor: Int32, _ info: addrinfo, _ address: ListenAddress) throws(HTTPServerError) {
        var on: Int32 = 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        // A restart must not wait for old connections' TIME_WAIT; two listeners at once stay impossible.
        guard setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, size) == 0,
            bind(descriptor, info.ai_addr, info.ai_addrlen) == 0,
            Glibc.listen(descriptor, SOMAXCONN) == 0
        else { throw failure(address, errno) }
    }

    private static func boundPort(_ descriptor: Int32, _ address: ListenAddress) throws(HTTPServerError) -> UInt16 {
        var storage = sockaddr_in6()
        var size = socklen_t(MemoryLayout<sockaddr_in6>.size)
        let result = withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &size) }
        }
        guard result == 0 else { throw failure(address, errno) }
        // The port stands at the same place in sockaddr_in and sockaddr_in6.
        return UInt16(bigEndian: storage.sin6_port)
    }

    private static func failure(_ address: ListenAddress, _ code: Int32) -> HTTPServerError {
        code == EADDRINUSE
            ? .addressInUse(address.description)
            : .cannotListen(address.description, reason: String(cString: strerror(code)))
    }
}

import Glibc

/// TCP ports of 127.0.0.1.
enum LocalPort {
    /// One that nobody listens on just now; nil where the system gives none.
    static func free() -> UInt16? { bind(0) }

    static func isFree(_ port: UInt16) -> Bool { bind(port) != nil }

    private static func bind(_ port: UInt16) -> UInt16? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var reuse: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &reuse, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutableBytes(of: &address) { bytes in
            guard let address = bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self) else { return false }
            return Glibc.bind(descriptor, address, length) == 0 && getsockname(descriptor, address, &length) == 0
        }
        return isBound ? UInt16(bigEndian: address.sin_port) : nil
    }
}

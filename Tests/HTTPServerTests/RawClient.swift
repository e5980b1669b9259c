import Glibc

/// A TCP client that writes bytes as they are given and reads what comes back. Reads give up after ten seconds.
final class RawClient {
    private let descriptor: Int32
    private var buffered: [UInt8] = []
    private var isClosed = false

    init(port: UInt16) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        precondition(descriptor >= 0, "a socket")
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, size) }
        }
        self.descriptor = descriptor
        wasAccepted = result == 0
    }

    deinit {
        close(descriptor)
    }

    /// Whether the connection was made; false: refused.
    let wasAccepted: Bool

    /// Whether every byte went out; false: the server has closed.
    @discardableResult
    func send(_ text: String) -> Bool {
        send(Array(text.utf8))
    }

    @discardableResult
    func send(_ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes { piece in
                Glibc.send(descriptor, piece.baseAddress, piece.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    /// Everything up to the server's close.
    func readToClose() -> [UInt8] {
        while fill() {}
        defer { buffered = [] }
        return buffered
    }

    /// Whether the server closes without another byte, within the read limit.
    func seesClose() -> Bool {
        readToClose().isEmpty && isClosed
    }

    /// One answer with a `Content-Length`; nil: the server closed first. `head`: without a body, whatever the length says.
    func readResponse(head: Bool = false) -> RawResponse? {
        let end: [UInt8] = Array("\r\n\r\n".utf8)
        while true {
            if let range = buffered.firstRange(of: end) {
                var response = RawResponse(head: String(decoding: buffered[..<range.lowerBound], as: UTF8.self))
                buffered.removeSubrange(..<range.upperBound)
                let length = head || response.status == 204 ? 0 : response.header("Content-Length").flatMap { Int($0) } ?? 0
                while buffered.count < length { guard fill() else { return nil } }
                response.body = String(decoding: buffered[..<length], as: UTF8.self)
                buffered.removeSubrange(..<length)
                return response
            }
            guard fill() else { return nil }
        }
    }

    private func fill() -> Bool {
        var piece = [UInt8](repeating: 0, count: 16384)
        let count = recv(descriptor, &piece, piece.count, 0)
        guard count > 0 else {
            isClosed = count == 0 || errno == ECONNRESET
            return false
        }
        buffered.append(contentsOf: piece[..<count])
        return true
    }
}

struct RawResponse {
    let status: Int
    let headers: [(name: String, value: String)]
    var body = ""

    init(head: String) {
        let lines = head.split(separator: "\r\n", omittingEmptySubsequences: false)
        status = lines.first.flatMap { line in line.split(separator: " ").dropFirst().first.flatMap { Int($0) } } ?? 0
        headers = lines.dropFirst().map { line in
            let colon = line.firstIndex(of: ":") ?? line.endIndex
            let value = line[colon...].dropFirst().drop { $0 == " " }
            return (String(line[..<colon]), String(value))
        }
    }

    func header(_ name: String) -> String? {
        headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }
}

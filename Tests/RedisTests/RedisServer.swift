import Glibc
import Redis
import Testing

/// A redis-server of its own: in a new folder, on a free port of 127.0.0.1, gone with this object.
final class RedisServer {
    static let executable: String? = ["/usr/bin/redis-server", "/usr/local/bin/redis-server", "/usr/bin/valkey-server"]
        .first { access($0, X_OK) == 0 }
    static var isInstalled: Bool { executable != nil }

    let port: UInt16
    private let folder: String
    private var process: pid_t = 0
    private let options: [String]

    init(options: [String] = []) throws {
        var template = Array("/tmp/tripline-redis-XXXXXX".utf8CString)
        _ = try #require(mkdtemp(&template))
        folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        port = try #require(ListeningSocket()).port
        self.options = options
        try start()
    }

    deinit {
        kill()
        unlink("\(folder)/log")
        rmdir(folder)
    }

    var address: RedisAddress { RedisAddress(host: "127.0.0.1", port: port) }

    /// Starts the process and waits until it accepts connections.
    func start() throws {
        let executable = try #require(Self.executable)
        let arguments =
            [
                executable, "--port", "\(port)", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder, "--logfile",
                "\(folder)/log",
            ] + options
        var pointers = arguments.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        try #require(posix_spawn(&process, executable, nil, nil, &pointers, environ) == 0)
        for _ in 0..<500 {
            if ListeningSocket.accepts(port) { return }
            // Not a pause for something to happen in time: only keeps the bounded loop from spinning.
            poll(nil, 0, 10)
        }
        Issue.record("redis-server does not accept connections")
    }

    /// Ends the process at once, as a crash does.
    func kill() {
        guard process != 0 else { return }
        Glibc.kill(process, SIGKILL)
        var status: Int32 = 0
        waitpid(process, &status, 0)
        process = 0
    }

    /// Stops the process without closing its connections; a killed process need not be resumed.
    func freeze() { Glibc.kill(process, SIGSTOP) }

    func connect(scripts: [String] = []) throws(RedisError) -> RedisConnection {
        try RedisConnection(address, timeouts: RedisTimeouts(connect: 5_000, command: 5_000), scripts: scripts)
    }
}

/// A TCP socket that listens on a free port of 127.0.0.1 and never answers.
final class ListeningSocket: Sendable {
    let port: UInt16
    private let descriptor: Int32

    init?() {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        self.descriptor = descriptor
        var address = Self.loopback(port: 0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutableBytes(of: &address) { bytes in
            let pointer = bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self)
            return bind(descriptor, pointer, length) == 0 && listen(descriptor, 8) == 0 && getsockname(descriptor, pointer, &length) == 0
        }
        port = UInt16(bigEndian: address.sin_port)
        guard status else { return nil }
    }

    deinit { close(descriptor) }

    /// Accepts one connection, reads what it sends first, answers and closes.
    func answer(_ reply: String) {
        let connection = accept(descriptor, nil, nil)
        var scratch = [UInt8](repeating: 0, count: 4096)
        _ = read(connection, &scratch, scratch.count)
        let bytes = Array(reply.utf8)
        _ = write(connection, bytes, bytes.count)
        close(connection)
    }

    static func accepts(_ port: UInt16) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = loopback(port: port)
        return withUnsafeBytes(of: &address) { bytes in
            Glibc.connect(descriptor, bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count)) == 0
        }
    }

    private static func loopback(port: UInt16) -> sockaddr_in {
        sockaddr_in(
            sin_family: sa_family_t(AF_INET), sin_port: port.bigEndian, sin_addr: in_addr(s_addr: UInt32(0x7f00_0001).bigEndian),
            sin_zero: (0, 0, 0, 0, 0, 0, 0, 0))
    }
}

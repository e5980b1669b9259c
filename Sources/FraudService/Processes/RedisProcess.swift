import Glibc

/// A redis-server beside this process that keeps nothing on disk, ended with it.
final class RedisProcess {
    let port: UInt16
    private let child: ChildProcess

    var process: pid_t { child.process }

    /// nil where redis-server is not installed or no port is free.
    ///
    /// - Parameters:
    ///   - port: nil: one that is free.
    ///   - options: further words of the command line.
    init?(folder: String, port given: UInt16? = nil, options: [String] = []) {
        guard let port = given ?? LocalPort.free() else { return nil }
        let words = [
            "redis-server", "--port", "\(port)", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder, "--logfile", "redis.log",
        ]
        do throws(FileSystem.Problem) { child = try ChildProcess(words + options) } catch { return nil }
        self.port = port
    }
}

import Glibc

/// A redis-server beside this process that keeps nothing on disk, ended with it.
final class RedisProcess {
    let port: UInt16
    let process: pid_t

    /// nil where redis-server is not installed or no port is free.
    /// - Parameters:
    ///   - port: nil: one that is free.
    ///   - options: further words of the command line.
    init?(folder: String, port given: UInt16? = nil, options: [String] = []) {
        guard let port = given ?? LocalPort.free() else { return nil }
        let words =
            [
                "redis-server", "--port", "\(port)", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder, "--logfile", "redis.log",
            ] + options
        var arguments = words.map { strdup($0) }
        arguments.append(nil)
        defer { for argument in arguments { free(argument) } }
        // The child must not inherit the signals this process holds back.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK) | Int16(POSIX_SPAWN_SETPGROUP))
        var process: pid_t = 0
        guard posix_spawnp(&process, "redis-server", nil, &attributes, arguments, environ) == 0 else { return nil }
        self.port = port
        self.process = process
    }

    deinit {
        kill(process, SIGTERM)
        var status: Int32 = 0
        waitpid(process, &status, 0)
    }
}

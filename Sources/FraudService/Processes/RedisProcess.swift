/// A redis-server beside this process that keeps nothing on disk, ended with it.
final class RedisProcess {
    let port: UInt16
    private let process: ChildProcess

    /// nil where redis-server is not installed or no port is free.
    init?(folder: String) {
        guard let port = LocalPort.free() else { return nil }
        do throws(FileSystem.Problem) {
            process = try ChildProcess([
                "redis-server", "--port", "\(port)", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder, "--logfile", "redis.log",
            ])
        } catch {
            return nil
        }
        self.port = port
    }
}

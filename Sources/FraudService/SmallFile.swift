import Glibc

/// Reads files that are small, or whose size the system does not tell: configuration, secrets, /proc.
enum SmallFile {
    /// Why a file could not be read, in the words of the system.
    struct Problem: Error, Sendable, Equatable {
        var reason: String
        var isMissing = false
    }

    /// - Parameter limit: a larger file is refused, bytes.
    static func read(_ path: String, limit: Int = 1 << 20) throws(Problem) -> [UInt8] {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw Problem(reason: String(cString: strerror(errno)), isMissing: errno == ENOENT) }
        defer { close(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = Glibc.read(file, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Problem(reason: String(cString: strerror(errno))) }
            if count == 0 { return bytes }
            bytes += chunk.prefix(count)
            guard bytes.count <= limit else { throw Problem(reason: "it is larger than \(limit) bytes") }
        }
    }
}

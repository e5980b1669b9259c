import Glibc

/// Files, durably: what is written is on disk, whole, before its name appears.
enum FileSystem {
    /// What failed, on which path, in the words of the system.
    struct Problem: Error, Sendable, CustomStringConvertible {
        var operation: String
        var path: String
        var code: Int32

        var description: String { "\(operation) \(path): \(String(cString: strerror(code)))" }
        var isMissing: Bool { code == ENOENT }
    }

    /// - Parameter limit: bytes; what stands behind them is not read.
    static func read(_ path: String, limit: Int = .max) throws(Problem) -> [UInt8] {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw Problem(operation: "cannot open", path: path, code: errno) }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else { throw Problem(operation: "cannot read", path: path, code: errno) }
        var bytes = [UInt8](repeating: 0, count: min(limit, Int(status.st_size)))
        var at = 0
        while at < bytes.count {
            let rest = bytes.count - at
            let count = bytes.withUnsafeMutableBytes { Glibc.read(file, $0.baseAddress! + at, rest) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Problem(operation: "cannot read", path: path, code: errno) }
            if count == 0 { break }
            at += count
        }
        bytes.removeLast(bytes.count - at)
        return bytes
    }

    /// Writes beside the path, syncs, then renames and syncs the folder.
    static func write(_ bytes: UnsafeRawBufferPointer, to path: String) throws(Problem) {
        // Instances share folders, and in containers all are process 1.
        let temporary = "\(path).\(UInt64.random(in: .min ... .max)).tmp"
        let file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o640)
        guard file >= 0 else { throw Problem(operation: "cannot create", path: temporary, code: errno) }
        var failure: Int32 = 0
        var at = 0
        while at < bytes.count, failure == 0 {
            let count = Glibc.write(file, bytes.baseAddress! + at, bytes.count - at)
            if count < 0 { failure = errno == EINTR ? 0 : errno } else { at += count }
        }
        if failure == 0, fsync(file) != 0 { failure = errno }
        if close(file) != 0, failure == 0 { failure = errno }
        if failure == 0, rename(temporary, path) != 0 { failure = errno }
        guard failure == 0 else {
            unlink(temporary)
            throw Problem(operation: "cannot write", path: path, code: failure)
        }
        try syncFolder(of: path)
    }

    /// Adds a line to the file, which is made where it is missing; with others that do so at the same time, each line stays whole.
    static func append(line: [UInt8], to path: String) throws(Problem) {
        let file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o640)
        guard file >= 0 else { throw Problem(operation: "cannot open", path: path, code: errno) }
        let bytes = line + [UInt8(ascii: "\n")]
        let count = bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
        var failure = count == bytes.count ? 0 : count < 0 ? errno : ENOSPC
        if failure == 0, fsync(file) != 0 { failure = errno }
        if close(file) != 0, failure == 0 { failure = errno }
        guard failure == 0 else { throw Problem(operation: "cannot write", path: path, code: failure) }
        try syncFolder(of: path)
    }

    /// Bytes, and when it was last written, Unix milliseconds.
    static func status(_ path: String) throws(Problem) -> (byteCount: Int, writtenAt: Int64) {
        var status = stat()
        guard stat(path, &status) == 0 else { throw Problem(operation: "cannot look at", path: path, code: errno) }
        return (Int(status.st_size), Int64(status.st_mtim.tv_sec) * 1_000 + Int64(status.st_mtim.tv_nsec) / 1_000_000)
    }

    private static func syncFolder(of path: String) throws(Problem) {
        let folder = parent(of: path)
        let file = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard file >= 0 else { throw Problem(operation: "cannot open", path: folder, code: errno) }
        defer { close(file) }
        guard fsync(file) == 0 else { throw Problem(operation: "cannot sync", path: folder, code: errno) }
    }

    static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// Makes the folder and those above it.
    static func makeFolder(_ path: String) throws(Problem) {
        if mkdir(path, 0o750) == 0 || errno == EEXIST { return }
        guard errno == ENOENT, parent(of: path) != path else { throw Problem(operation: "cannot make the folder", path: path, code: errno) }
        try makeFolder(parent(of: path))
        guard mkdir(path, 0o750) == 0 || errno == EEXIST else { throw Problem(operation: "cannot make the folder", path: path, code: errno) }
    }

    /// The names in a folder, sorted by bytes; none if it does not exist.
    static func names(in path: String) throws(Problem) -> [String] {
        guard let folder = opendir(path) else {
            if errno == ENOENT { return [] }
            throw Problem(operation: "cannot list", path: path, code: errno)
        }
        defer { closedir(folder) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = readdir(folder) else {
                guard errno == 0 else { throw Problem(operation: "cannot list", path: path, code: errno) }
                break
            }
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self) }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    static func remove(_ path: String) throws(Problem) {
        guard unlink(path) == 0 || errno == ENOENT else { throw Problem(operation: "cannot remove", path: path, code: errno) }
    }

    /// Removes what writers that died left half-written: temporary files that nobody has touched for an hour.
    static func removeLeftovers(in folder: String) throws(Problem) {
        for name in try names(in: folder) where name.hasSuffix(".tmp") {
            let path = "\(folder)/\(name)"
            var status = stat()
            if lstat(path, &status) == 0, time(nil) - status.st_mtim.tv_sec > 3_600 { try remove(path) }
        }
    }

    /// A new folder for this process alone, under `$TMPDIR` or `/tmp`.
    static func makeTemporaryFolder(_ prefix: String) throws(Problem) -> String {
        let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(parent)/\(prefix)-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Problem(operation: "cannot make a folder in", path: parent, code: errno) }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Removes a folder with everything in it.
    static func removeFolder(_ path: String) throws(Problem) {
        for name in try names(in: path) {
            let child = "\(path)/\(name)"
            var status = stat()
            if lstat(child, &status) == 0, status.st_mode & S_IFMT == S_IFDIR { try removeFolder(child) } else { try remove(child) }
        }
        guard rmdir(path) == 0 || errno == ENOENT else { throw Problem(operation: "cannot remove", path: path, code: errno) }
    }

    /// The text with everything but letters, digits, `.`, `_` and `-` as `%XX`: safe as a file name.
    static func escaped(_ text: String) -> String {
        var out = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "_"), UInt8(ascii: "-"):
                out.unicodeScalars.append(Unicode.Scalar(byte))
            case UInt8(ascii: ".") where !out.isEmpty: out.append(".")
            case _:
                let digits = String(byte, radix: 16, uppercase: true)
                out += "%" + (digits.utf8.count < 2 ? "0" + digits : digits)
            }
        }
        return out
    }
}

import Glibc

/// A PostgreSQL of its own: in a new folder, on a free port of 127.0.0.1, gone with this object and with this process, however it ends.
///
/// PostgreSQL does not run as root: then it runs as the user `postgres`.
package final class PostgresServer: Sendable {
    /// The folder with `initdb` and `postgres`, the newest of those installed; nil where there is none, or root has no such user to hand over to.
    package static let programs: String? = {
        guard getuid() != 0 || getpwnam("postgres") != nil else { return nil }
        let versions = (9...40).reversed().map { "/usr/lib/postgresql/\($0)/bin" }
        return (versions + ["/usr/local/bin", "/usr/bin"]).first { access("\($0)/initdb", X_OK) == 0 && access("\($0)/postgres", X_OK) == 0 }
    }()
    package static var isInstalled: Bool { programs != nil }
    package static let missing = "PostgreSQL is not installed (apt-get install postgresql)"

    /// One server for all tests that give theirs a database of its own and leave the server alone.
    package static let shared: Result<PostgresServer, Failure> = Result { () throws(Failure) in try PostgresServer() }

    package enum Failure: Error {
        case folder(Int32)
        case program(String)
        case silent(String)
    }

    package let port: UInt16
    private let folder: String
    /// The shell that watches this process; it ends the server and removes the folder when the line to it closes.
    private let watcher: pid_t
    private let line: Int32

    package init() throws(Failure) {
        guard let programs = Self.programs else { throw .program(Self.missing) }
        var template = Array("/tmp/tripline-postgres-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw .folder(errno) }
        folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        port = Self.freePort()
        var ends: [Int32] = [0, 0]
        // A pair of sockets rather than a pipe: no other process started meanwhile may inherit the end that is kept here.
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else { throw .folder(errno) }
        line = ends[1]
        watcher = try Self.spawn(["/bin/sh", "-c", Self.script, "sh", folder, programs, "\(port)"], standardInput: ends[0], log: "\(folder)/log")
        close(ends[0])
        try waitUntilItAccepts()
    }

    deinit {
        close(line)
        var status: Int32 = 0
        waitpid(watcher, &status, 0)
    }

    /// Makes the cluster, then starts the server whenever the line says so, until it closes.
    private static let script = """
        trap '' INT TERM
        folder=$1 programs=$2 port=$3
        as_owner=
        if [ "$(id -u)" = 0 ]; then
            chown -R postgres "$folder"
            as_owner="setpriv --reuid=postgres --regid=postgres --init-groups"
        fi
        cd "$folder"
        echo secret >password
        $as_owner "$programs/initdb" --pgdata=data --username=admin --auth=scram-sha-256 --pwfile=password --encoding=UTF8 --locale=C --no-sync
        end() { kill -QUIT "$(head -n 1 data/postmaster.pid)"; wait; rm -f data/postmaster.pid; }
        start() {
            $as_owner "$programs/postgres" -D data -p "$port" -c listen_addresses=127.0.0.1 -c unix_socket_directories="$folder" \\
                -c fsync=off -c max_connections=50 </dev/null &
        }
        start
        while read -r word; do "$word"; done
        end
        cd /
        rm -rf "$folder"
        """

    /// As the superuser, unless another user is named; everybody's password is `secret`.
    package func url(user: String = "admin", password: String = "secret", database: String) -> String {
        "postgresql://\(user):\(password)@127.0.0.1:\(port)/\(database)"
    }

    /// Starts the server again after `kill`.
    package func start() throws(Failure) {
        say("start")
        try waitUntilItAccepts()
    }

    /// Ends the server at once, as a crash does, and waits until it is gone.
    package func kill() {
        say("end")
        while access(pidFile, F_OK) == 0 { poll(nil, 0, 10) }
    }

    private func say(_ word: String) {
        let bytes = Array("\(word)\n".utf8)
        _ = write(line, bytes, bytes.count)
    }

    private func waitUntilItAccepts() throws(Failure) {
        for _ in 0..<3_000 {
            if isReady { return }
            // Not a pause for something to happen in time: only keeps the bounded loop from spinning.
            poll(nil, 0, 10)
        }
        throw .silent("PostgreSQL does not accept connections; see \(folder)/log")
    }

    private var pidFile: String { "\(folder)/data/postmaster.pid" }

    /// The eighth line of the server's file says whether it takes connections.
    private var isReady: Bool {
        guard let file = fopen(pidFile, "r") else { return false }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1_024)
        let count = fread(&bytes, 1, bytes.count, file)
        let lines = bytes[..<count].split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        return lines.count >= 8 && lines[7].starts(with: "ready".utf8)
    }

    // MARK: Processes and sockets

    private static func spawn(_ arguments: [String], standardInput: Int32, log: String) throws(Failure) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, standardInput, STDIN_FILENO)
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO)
        var pointers = arguments.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        var process: pid_t = 0
        guard posix_spawn(&process, arguments[0], &actions, nil, &pointers, environ) == 0 else { throw .program(arguments[0]) }
        return process
    }

    private static func freePort() -> UInt16 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = loopback(port: 0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutableBytes(of: &address) { bytes in
            guard let pointer = bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self) else { return }
            _ = bind(descriptor, pointer, length)
            _ = getsockname(descriptor, pointer, &length)
        }
        return UInt16(bigEndian: address.sin_port)
    }

    private static func loopback(port: UInt16) -> sockaddr_in {
        sockaddr_in(
            sin_family: sa_family_t(AF_INET), sin_port: port.bigEndian, sin_addr: in_addr(s_addr: UInt32(0x7f00_0001).bigEndian),
            sin_zero: (0, 0, 0, 0, 0, 0, 0, 0))
    }
}

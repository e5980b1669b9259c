import Glibc

/// A program started beside this one, in a process group of its own, ended with its owner.
final class ChildProcess {
    let process: pid_t
    private var hasEnded = false

    /// - Parameters:
    ///   - words: the program, looked up on the PATH unless it holds a slash, and its arguments.
    ///   - output: a file that takes stdout and stderr; nil: this process's own.
    /// - Throws: the system's reason.
    init(_ words: [String], output: String? = nil) throws(FileSystem.Problem) {
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
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        if let output {
            posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output, O_WRONLY | O_CREAT | O_APPEND, 0o640)
            posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO)
        }
        var process: pid_t = 0
        let code = posix_spawnp(&process, words[0], &actions, &attributes, arguments, environ)
        guard code == 0 else { throw FileSystem.Problem(operation: "cannot start", path: words[0], code: code) }
        self.process = process
    }

    deinit { end() }

    /// Its exit code once it has ended (negative: the signal that ended it); nil while it runs.
    func poll() -> Int32? {
        guard !hasEnded else { return 0 }
        var status: Int32 = 0
        guard waitpid(process, &status, WNOHANG) == process else { return nil }
        hasEnded = true
        return status & 0x7f == 0 ? status >> 8 & 0xff : -(status & 0x7f)
    }

    /// Asks it to end, waits, and kills it after half a minute.
    func end() {
        guard !hasEnded else { return }
        Glibc.kill(process, SIGTERM)
        let deadline = Clock.monotonicMilliseconds() + 30_000
        while poll() == nil {
            if Clock.monotonicMilliseconds() > deadline { Glibc.kill(process, SIGKILL) }
            Clock.pause(milliseconds: 10)
        }
    }

    /// Ends it without a chance to tidy up.
    func kill() {
        Glibc.kill(process, SIGKILL)
        while poll() == nil { Clock.pause(milliseconds: 1) }
    }

    /// User and system time so far, seconds; nil once it has ended.
    var processorSeconds: Double? {
        guard let text = contents("stat") else { return nil }
        var statistics = ProcessStatistics()
        statistics.take(stat: text)
        return statistics.cpuSeconds
    }

    /// Resident memory, bytes: at its highest (`VmHWM`), or now (`VmRSS`); nil once it has ended.
    func residentBytes(peak: Bool) -> Int? {
        let name = peak ? "VmHWM:" : "VmRSS:"
        guard let line = contents("status")?.split(separator: "\n").first(where: { $0.hasPrefix(name) }) else { return nil }
        return line.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap { Int($0) }.map { $0 << 10 }
    }

    private func contents(_ file: String) -> String? {
        do throws(SmallFile.Problem) { return String(decoding: try SmallFile.read("/proc/\(process)/\(file)"), as: UTF8.self) } catch { return nil }
    }
}

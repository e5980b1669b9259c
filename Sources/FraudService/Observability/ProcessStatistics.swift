import Glibc

/// What the kernel says of this process, from /proc. A value that cannot be read is nil.
struct ProcessStatistics {
    var cpuSeconds: Double?
    var residentBytes: Int64?
    var virtualBytes: Int64?
    var openFiles: Int64?
    var maxFiles: Int64?
    var threads: Int64?
    /// Unix seconds.
    var startSeconds: Double?

    /// Reads /proc now; some hundred microseconds.
    static func read() -> ProcessStatistics {
        var result = ProcessStatistics()
        if let text = contents(of: "/proc/self/stat") { result.take(stat: text) }
        result.openFiles = countOfOpenFiles()
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 { result.maxFiles = Int64(clamping: limit.rlim_cur) }
        return result
    }

    /// Fields are counted after the command, whose name may hold spaces and brackets.
    mutating func take(stat text: String) {
        guard let close = text.lastIndex(of: ")") else { return }
        let fields = text[text.index(after: close)...].split(separator: " ")
        // Field 3 of proc(5) is fields[0].
        guard fields.count > 21 else { return }
        let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
        if let user = Double(fields[11]), let system = Double(fields[12]) { cpuSeconds = (user + system) / ticks }
        threads = Int64(fields[17])
        if let start = Double(fields[19]), let boot = Self.bootTime { startSeconds = boot + start / ticks }
        virtualBytes = Int64(fields[20])
        residentBytes = Int64(fields[21]).map { $0 * Int64(sysconf(Int32(_SC_PAGESIZE))) }
    }

    /// Unix seconds; it does not change.
    private static let bootTime: Double? = {
        let line = contents(of: "/proc/stat")?.split(separator: "\n").first { $0.hasPrefix("btime ") }
        return line.flatMap { Double($0.dropFirst("btime ".count)) }
    }()

    fileprivate static func contents(of path: String) -> String? {
        do throws(SmallFile.Problem) { return String(decoding: try SmallFile.read(path), as: UTF8.self) } catch { return nil }
    }

    private static func countOfOpenFiles() -> Int64? {
        guard let folder = opendir("/proc/self/fd") else { return nil }
        defer { closedir(folder) }
        var count: Int64 = 0
        while readdir(folder) != nil { count += 1 }
        // ".", ".." and the folder itself.
        return count - 3
    }
}

/// What the kernel says of the machine.
enum MachineStatistics {
    /// Processor time that nobody used since the machine started, over all its cores, seconds; nil where it cannot be read.
    static var idleSeconds: Double? {
        // "cpu", then user, nice, system, idle and what else there is; proc_stat(5).
        let fields = ProcessStatistics.contents(of: "/proc/stat")?.split(separator: "\n").first?.split(separator: " ") ?? []
        guard fields.count > 4, let idle = Double(fields[4]) else { return nil }
        return idle / Double(sysconf(Int32(_SC_CLK_TCK)))
    }
}

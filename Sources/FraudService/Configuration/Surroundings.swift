import Glibc

/// What settings learn from the machine.
package struct Surroundings: Sendable {
    package var hostName: String
    /// CPU cores this process may run on, at least 1.
    package var processorCount: Int
    /// Standard error is a terminal.
    package var isTerminal: Bool
    /// Where paths that do not begin with `/` begin; empty where it is not known.
    package var workingFolder: String
    var readFile: @Sendable (String) -> Result<[UInt8], SmallFile.Problem>

    init(
        hostName: String, processorCount: Int, isTerminal: Bool, workingFolder: String,
        readFile: @escaping @Sendable (String) -> Result<[UInt8], SmallFile.Problem>
    ) {
        self.hostName = hostName
        self.processorCount = processorCount
        self.isTerminal = isTerminal
        self.workingFolder = workingFolder
        self.readFile = readFile
    }

    /// This process's.
    package static var current: Surroundings {
        Surroundings(
            hostName: currentHostName, processorCount: currentProcessorCount, isTerminal: isatty(STDERR_FILENO) == 1, workingFolder: currentFolder
        ) { path in
            Result { () throws(SmallFile.Problem) in try SmallFile.read(path) }
        }
    }

    /// Characters that identifiers may not have stand as `-`; `tripline` where the host has no name.
    private static var currentHostName: String {
        var bytes = [CChar](repeating: 0, count: 256)
        let failed = gethostname(&bytes, bytes.count - 1) != 0
        let name = bytes.prefix { $0 != 0 }.prefix(100).map { sign -> UInt8 in
            let byte = UInt8(bitPattern: sign)
            let isAllowed =
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_")
            return isAllowed ? byte : UInt8(ascii: "-")
        }
        return failed || name.isEmpty ? "tripline" : String(decoding: name, as: UTF8.self)
    }

    /// The path from the root on.
    func absolute(_ path: String) -> String { path.hasPrefix("/") || workingFolder.isEmpty ? path : "\(workingFolder)/\(path)" }

    private static var currentFolder: String {
        var bytes = [CChar](repeating: 0, count: Int(PATH_MAX))
        guard getcwd(&bytes, bytes.count) != nil else { return "" }
        return String(decoding: bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Those of its affinity mask, which containers and taskset narrow; at most as many as `workers` takes.
    private static var currentProcessorCount: Int {
        do throws(SmallFile.Problem) {
            let status = String(decoding: try SmallFile.read("/proc/self/status"), as: UTF8.self)
            let mask = status.split(separator: "\n").first { $0.hasPrefix("Cpus_allowed:") }?.dropFirst("Cpus_allowed:".count) ?? ""
            return min(256, max(1, mask.reduce(0) { $0 + ($1.hexDigitValue ?? 0).nonzeroBitCount }))
        } catch {
            return 1
        }
    }
}

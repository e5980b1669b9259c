import Glibc
internal import HTTPServer
import RuleFiles

/// The machine under the service: the checkpoint folder, its space, open files.
struct DoctorMachine {
    let settings: Settings

    func look(_ report: inout DoctorReport) {
        if case .directory(let folder) = settings.checkpoint.store { lookAt(folder, &report) }
        lookAtFiles(&report)
    }

    private func lookAt(_ folder: String, _ report: inout DoctorReport) {
        if let problem = Self.problem(writing: folder) {
            let cure = "make it writable for this user, or name another: checkpoint.store=directory:/path"
            report.add(.fail("checkpoint folder", .refused, problem, cure))
        } else {
            lookAtSpace(folder, &report)
        }
    }

    /// Why files cannot be made below the folder, or, where it is not there yet, in the nearest one above it; nil where they can.
    static func problem(writing folder: String) -> String? {
        var place = folder
        var status = stat()
        while stat(place, &status) != 0 {
            guard errno == ENOENT, FileSystem.parent(of: place) != place else { return "'\(folder)': \(String(cString: strerror(errno)))" }
            place = FileSystem.parent(of: place)
        }
        guard status.st_mode & S_IFMT == S_IFDIR else { return "'\(place)' is not a folder" }
        guard place == folder else { return access(place, W_OK | X_OK) == 0 ? nil : "'\(folder)' is not there and cannot be made in '\(place)'" }
        let probe = "\(folder)/.doctor-probe-\(getpid())"
        do throws(FileSystem.Problem) {
            try FileSystem.write(UnsafeRawBufferPointer(start: nil, count: 0), to: probe)
            try FileSystem.remove(probe)
            return nil
        } catch {
            return "\(error)"
        }
    }

    private func lookAtSpace(_ folder: String, _ report: inout DoctorReport) {
        var place = folder
        var space = statvfs()
        while statvfs(place, &space) != 0, FileSystem.parent(of: place) != place { place = FileSystem.parent(of: place) }
        let free = Int64(clamping: space.f_bavail) * Int64(clamping: space.f_frsize)
        let detail = "'\(folder)' can be written, \(free >> 20) MiB free"
        report.add(
            free >= 1 << 30
                ? .ok("checkpoint folder", detail)
                : .warn("checkpoint folder", detail, "make room: three checkpoints of each partition are kept, and one is written beside them"))
    }

    private func lookAtFiles(_ report: inout DoctorReport) {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        // Two servers' connections, two clients per worker with a few brokers each, and the rest.
        let needed = UInt64(2 * HTTPLimits().connections + settings.workers * 32 + 256)
        let detail = "\(limit.rlim_cur) may be open, \(needed) may be needed"
        report.add(
            limit.rlim_cur >= needed
                ? .ok("open files", detail)
                : .warn("open files", detail, "raise the limit: ulimit -n \(needed), LimitNOFILE=\(needed) in systemd"))
    }
}

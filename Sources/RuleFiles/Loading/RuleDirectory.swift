import Glibc

/// Reads the rules folder from disk: `*.yaml` and `*.yml` in it, `*.txt` in its `lists/`. Hidden files are passed over, symbolic links
/// are followed (a mounted ConfigMap is made of them).
enum RuleDirectory {
    /// The files and warnings, or why the folder cannot be used (E050 to E053). Blocks on the disk.
    static func read(_ directory: String) -> Result<(RuleBundle, RuleDiagnostics), RuleDiagnostics> {
        var reading = Reading(root: directory)
        reading.readAll()
        if reading.diagnostics.hasErrors { return .failure(reading.diagnostics) }
        return .success((RuleBundle(files: reading.files), reading.diagnostics))
    }

    private struct Reading {
        let root: String
        var files: [RuleBundle.File] = []
        var diagnostics = RuleDiagnostics()

        mutating func readAll() {
            guard let names = names(in: root) else { return }
            for name in names where !name.hasPrefix(".") {
                if isDirectory(name) {
                    readSubfolder(name)
                } else if name.hasSuffix(".yaml") || name.hasSuffix(".yml") {
                    read(name)
                }
            }
            if !files.contains(where: { RuleFiles.isRuleFile($0.path) }), !diagnostics.hasErrors {
                diagnostics.add(
                    RuleDiagnostic(
                        code: "E051", file: root, message: "the rules folder has no rule file (*.yaml)",
                        hints: ["to run without rules, give it a file that says: version: 1"]))
            }
        }

        private mutating func readSubfolder(_ folder: String) {
            guard let names = names(in: "\(root)/\(folder)") else { return }
            for name in names where !name.hasPrefix(".") {
                if folder == "lists", name.hasSuffix(".txt") {
                    read("\(folder)/\(name)")
                } else if name.hasSuffix(".yaml") || name.hasSuffix(".yml") {
                    diagnostics.add(
                        RuleDiagnostic(
                            severity: .warning, code: "W240", file: "\(root)/\(folder)/\(name)", message: "this file is not read",
                            hints: ["rule files lie in the rules folder itself"]))
                }
            }
        }

        /// Sorted as bytes; nil with a diagnostic.
        private mutating func names(in folder: String) -> [String]? {
            guard let stream = opendir(folder) else {
                let problem = errno
                diagnostics.add(
                    RuleDiagnostic(
                        code: "E050", file: folder, message: "the folder can't be read: \(Self.describe(problem))",
                        hints: problem == ENOTDIR ? ["give the folder: a rule set is checked as a whole"] : []))
                return nil
            }
            defer { closedir(stream) }
            var names: [String] = []
            while let entry = Glibc.readdir(stream) {
                let bytes = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
                guard let name = String(validating: bytes, as: UTF8.self) else {
                    diagnostics.add(
                        RuleDiagnostic(code: "E052", file: folder, message: "a file's name is not UTF-8: \(String(decoding: bytes, as: UTF8.self))"))
                    continue
                }
                names.append(name)
            }
            return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        }

        private func isDirectory(_ name: String) -> Bool {
            var status = stat()
            return stat("\(root)/\(name)", &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
        }

        private mutating func read(_ path: String) {
            let fullPath = "\(root)/\(path)"
            let descriptor = open(fullPath, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
            guard descriptor >= 0 else { return unreadable(fullPath, errno) }
            defer { close(descriptor) }
            var bytes: [UInt8] = []
            while true {
                let got = withUnsafeTemporaryAllocation(byteCount: 65_536, alignment: 1) { buffer in
                    let got = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
                    if got > 0 { bytes += buffer[..<got] }
                    return got
                }
                if got < 0, errno == EINTR { continue }
                if got < 0 { return unreadable(fullPath, errno) }
                if got == 0 { break }
                if bytes.count > RuleFiles.maxFileBytes {
                    diagnostics.add(RuleDiagnostic(code: "E009", file: fullPath, message: "the file is over \(RuleFiles.maxFileBytes) bytes"))
                    return
                }
            }
            files.append(RuleBundle.File(path: path, bytes: bytes))
        }

        private mutating func unreadable(_ path: String, _ code: CInt) {
            diagnostics.add(RuleDiagnostic(code: "E052", file: path, message: "the file can't be read: \(Self.describe(code))"))
        }

        private static func describe(_ code: CInt) -> String {
            withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
                guard let start = buffer.baseAddress, strerror_r(code, start, buffer.count) == 0 else { return "error \(code)" }
                return String(cString: start)
            }
        }
    }
}

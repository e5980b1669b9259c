import Glibc

/// The checkout these tests stand in, read as text.
struct Repository {
    struct File {
        /// Relative to the root.
        let path: String
        let lines: [Substring]
    }

    let root: String

    init(here: String = #filePath) {
        root = here.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
    }

    /// Every text file below the folder, in order of its path; build products, data and hidden folders of tools left out.
    func files(under folder: String = "", suffix: String = "") throws(Failure) -> [File] {
        var found: [File] = []
        var folders = [folder]
        while let next = folders.popLast() {
            for entry in try entries(of: next) {
                let path = next.isEmpty ? entry.name : next + "/" + entry.name
                if entry.isFolder {
                    if !Self.ignored.contains(where: { entry.name.hasPrefix($0) }) { folders.append(path) }
                } else if path.hasSuffix(suffix), let text = try text(of: path) {
                    found.append(File(path: path, lines: text.split(separator: "\n", omittingEmptySubsequences: false)))
                }
            }
        }
        return found.sorted { $0.path < $1.path }
    }

    enum Failure: Error {
        case unreadable(String)
    }

    private static let ignored = [".build", ".git", ".venv", ".kafka", "__pycache__"]

    private func entries(of folder: String) throws(Failure) -> [(name: String, isFolder: Bool)] {
        guard let stream = opendir(root + "/" + folder) else { throw .unreadable(folder) }
        defer { closedir(stream) }
        var found: [(name: String, isFolder: Bool)] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            if name != "." && name != ".." { found.append((name, entry.pointee.d_type == UInt8(DT_DIR))) }
        }
        return found
    }

    /// Nil for a file that is not UTF-8 text.
    private func text(of path: String) throws(Failure) -> String? {
        guard let stream = fopen(root + "/" + path, "rb") else { throw .unreadable(path) }
        defer { fclose(stream) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = fread(&chunk, 1, chunk.count, stream)
            if count == 0 { break }
            bytes.append(contentsOf: chunk[..<count])
        }
        return bytes.contains(0) ? nil : String(validating: bytes, as: UTF8.self)
    }
}

import CCrypto
import FraudEngine

/// The files of a rule set as bytes: what is hashed to name the set and what is stored so that it can be loaded again.
///
/// Canonical content: the files sorted by path as bytes, and for each: path length, path, content length, content. Lengths count bytes and are
/// written as 8 bytes, most significant first. The set's name is the SHA-256 of exactly these bytes.
package struct RuleBundle: Sendable, Equatable {
    package struct File: Sendable, Equatable {
        /// Relative to the rules folder, with `/`: `lists/high_risk_countries.txt`.
        package var path: String
        package var bytes: [UInt8]

        package init(path: String, bytes: [UInt8]) {
            self.path = path
            self.bytes = bytes
        }
    }

    package enum DecodingError: Error, Equatable {
        /// The bytes end inside a file, or a length is beyond them.
        case truncated
        case invalidPath
        /// Paths are not strictly rising: the bytes are no canonical content.
        case unordered
    }

    /// Sorted by path as bytes, paths unique.
    package let files: [File]

    /// Traps if a path occurs twice: a folder cannot hold one name twice.
    package init(files: [File]) {
        self.files = files.sorted { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
        for (left, right) in zip(self.files, self.files.dropFirst()) { precondition(Array(left.path.utf8) != Array(right.path.utf8), "path given twice") }
    }

    /// Reads what `encoded` wrote and accepts nothing else.
    package init(decoding bytes: [UInt8]) throws(DecodingError) {
        var rest = bytes[...]
        var files: [File] = []
        while !rest.isEmpty {
            let pathBytes = try Self.takeField(&rest)
            let content = try Self.takeField(&rest)
            guard let path = String(validating: pathBytes, as: UTF8.self), !path.isEmpty else { throw .invalidPath }
            if let last = files.last, !last.path.utf8.lexicographicallyPrecedes(path.utf8) { throw .unordered }
            files.append(File(path: path, bytes: Array(content)))
        }
        self.files = files
    }

    /// The canonical content.
    package var encoded: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(files.reduce(0) { $0 + $1.path.utf8.count + $1.bytes.count + 16 })
        for file in files {
            Self.append(Array(file.path.utf8), to: &bytes)
            Self.append(file.bytes, to: &bytes)
        }
        return bytes
    }

    package var hash: RuleSetHash { Self.hash(ofEncoded: encoded) }

    /// The name of the set that these canonical bytes hold, for checking a stored set against its name.
    package static func hash(ofEncoded bytes: [UInt8]) -> RuleSetHash {
        var digest = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
        _ = SHA256(bytes, bytes.count, &digest)
        let digits = Array("0123456789abcdef".utf8)
        return RuleSetHash(hexadecimal: String(decoding: digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self))
    }

    private static func append(_ field: [UInt8], to bytes: inout [UInt8]) {
        for shift in stride(from: UInt64(56), through: 0, by: -8) { bytes.append(UInt8(truncatingIfNeeded: UInt64(field.count) >> shift)) }
        bytes += field
    }

    private static func takeField(_ rest: inout ArraySlice<UInt8>) throws(DecodingError) -> ArraySlice<UInt8> {
        guard rest.count >= 8 else { throw .truncated }
        let length = rest.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        rest = rest.dropFirst(8)
        guard length <= UInt64(rest.count) else { throw .truncated }
        let field = rest.prefix(Int(length))
        rest = rest.dropFirst(Int(length))
        return field
    }
}

import Migrations
import Testing

/// The folder migrations/, the list in Package.swift and the one in Migrations.swift say the same.
@Suite struct MigrationTests {
    let repository = Repository()

    /// The folder's SQL files by name.
    private func files() throws -> [String: [UInt8]] {
        var files: [String: [UInt8]] = [:]
        for file in try repository.files(under: "migrations", suffix: ".sql") {
            files[String(file.path.dropFirst("migrations/".count))] = Array(file.lines.joined(separator: "\n").utf8)
        }
        return files
    }

    @Test func `every file is embedded as it is, and nothing else`() throws {
        var embedded: [String: [UInt8]] = [:]
        for migration in Migration.all {
            embedded[migration.file] = migration.up
            embedded["\(migration.file.dropLast(".up.sql".count)).down.sql"] = migration.down
        }
        #expect(embedded == (try files()))
    }

    @Test func `versions count from 1 without a gap, and a name is a verb and a noun`() {
        #expect(Migration.all.map(\.version) == Array(1...Migration.all.count))
        for migration in Migration.all {
            #expect(migration.name.split(separator: "_").count >= 2, "\(migration.name)")
            #expect(migration.name.utf8.allSatisfy { $0 == UInt8(ascii: "_") || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) }, "\(migration.name)")
        }
    }

    @Test func `no file begins or ends a transaction, which is the program's to do`() throws {
        for (name, bytes) in try files() {
            let statements = String(decoding: bytes, as: UTF8.self).split(separator: "\n").filter { !$0.hasPrefix("--") }
                .flatMap { $0.split(separator: ";") }.map { $0.drop { $0 == " " }.uppercased() }
            for word in ["BEGIN", "START ", "COMMIT", "ROLLBACK", "END", "SAVEPOINT"] {
                #expect(!statements.contains { $0 == word || $0.hasPrefix("\(word) ") }, "\(name)")
            }
        }
    }
}

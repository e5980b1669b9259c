/// One step of the schema: a pair of files `NNNNNN_verb_noun.{up,down}.sql`, embedded in the program.
package struct Migration: Sendable, Equatable {
    /// From 1, without gaps.
    package var version: Int
    /// `create_schema`
    package var name: String
    /// The file's bytes, UTF-8.
    package var up: [UInt8]
    package var down: [UInt8]

    package init(version: Int, name: String, up: [UInt8], down: [UInt8]) {
        self.version = version
        self.name = name
        self.up = up
        self.down = down
    }

    /// `000001_create_schema.up.sql`
    package var file: String { "\(String(repeating: "0", count: max(0, 6 - "\(version)".utf8.count)))\(version)_\(name).up.sql" }
}

extension Migration {
    /// All of them, in order. SwiftPM makes `PackageResources` of the files that Package.swift names.
    package static let all: [Migration] = [
        Migration(
            version: 1, name: "create_schema", up: PackageResources._00001_create_schema_up_sql, down: PackageResources._00001_create_schema_down_sql),
        Migration(
            version: 2, name: "add_checkpoint_instance", up: PackageResources._00002_add_checkpoint_instance_up_sql,
            down: PackageResources._00002_add_checkpoint_instance_down_sql),
    ]
}

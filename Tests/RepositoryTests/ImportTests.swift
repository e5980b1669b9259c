import Testing

/// Which modules a target may import: the walls between the pure core, the clients and the shell.
private let allowedImports: [String: Set<String>] = [
    "CEL": ["Glibc"],
    "FraudEngine": ["Glibc", "CEL", "CCrypto", "CZstd", "CLinux"],
    // The oracle's side of the wall: what it shares with the engine is the checked rule tree.
    "ReferenceFold": ["CEL"],
    "RuleFiles": ["Glibc", "CEL", "FraudEngine", "ReferenceFold", "CYAML", "CCrypto"],
    "Threads": ["Glibc", "CLinux"],
    "Kafka": ["Glibc", "Synchronization", "CRdKafka", "Threads"],
    "Redis": ["Glibc", "CHiredis"],
    "Postgres": ["Glibc", "CLibpq"],
    "HTTPServer": ["Glibc", "Synchronization", "CMicroHTTPD"],
    "FraudService": [
        "Glibc", "Synchronization", "FoundationEssentials", "FraudEngine", "RuleFiles", "ReferenceFold", "Kafka", "Redis", "Postgres", "HTTPServer",
        "Migrations", "Threads", "CLinux",
    ],
    "FraudSimulation": ["FraudEngine", "RuleFiles", "ReferenceFold"],
    "simulate": ["Glibc", "FraudSimulation"],
    "tripline": [
        "Glibc", "Synchronization", "FoundationEssentials", "FraudService", "RuleFiles", "FraudEngine",
    ],
]

@Suite struct ImportTests {
    let repository = Repository()

    @Test func `a target imports only what its wall lets through`() throws {
        for file in try repository.files(under: "Sources", suffix: ".swift") {
            let target = String(file.path.split(separator: "/")[1])
            let allowed = try #require(allowedImports[target], "\(target) has no list of allowed imports")
            for (index, line) in file.lines.enumerated() {
                guard let module = importedModule(line) else { continue }
                #expect(allowed.contains(module), "\(file.path):\(index + 1): \(target) may not import \(module)")
            }
        }
    }

    /// A library with resources has one owner; hashing and calls of the system, which own nothing, have several users.
    @Test func `a C module is imported by its owner only`() throws {
        let owners: [String: Set<String>] = [
            "CRdKafka": ["Kafka"], "CHiredis": ["Redis"], "CLibpq": ["Postgres"], "CMicroHTTPD": ["HTTPServer"], "CYAML": ["RuleFiles"],
            "CZstd": ["FraudEngine"], "CCrypto": ["FraudEngine", "RuleFiles"], "CLinux": ["FraudEngine", "FraudService", "Threads"],
        ]
        var importers: [String: Set<String>] = [:]
        for file in try repository.files(under: "Sources", suffix: ".swift") {
            for module in file.lines.compactMap(importedModule) where module.hasPrefix("C") && module != "CEL" {
                importers[module, default: []].insert(String(file.path.split(separator: "/")[1]))
            }
        }
        #expect(importers == owners)
        for (library, targets) in owners {
            #expect(Set(allowedImports.filter { $0.value.contains(library) }.keys) == targets, "\(library)")
        }
    }

    @Test(
        arguments: [
            ("import Glibc", "Glibc"), ("package import CEL", "CEL"), ("@testable import Kafka", "Kafka"), ("import struct Foundation.Date", "Foundation"),
            ("// import Foundation", nil), ("let important = 1", nil),
        ] as [(String, String?)])
    func `an import is recognised in every form`(line: String, module: String?) {
        #expect(importedModule(Substring(line)) == module)
    }
}

private func importedModule(_ line: Substring) -> String? {
    var words = line.split(separator: " ")[...]
    while let word = words.first, word.hasPrefix("@") || ["package", "public", "internal", "private", "fileprivate"].contains(word) {
        words = words.dropFirst()
    }
    guard words.first == "import", var name = words.dropFirst().first else { return nil }
    if ["struct", "class", "enum", "func", "protocol", "var", "let", "typealias"].contains(name) {
        guard let entity = words.dropFirst(2).first else { return nil }
        name = entity
    }
    return name.split(separator: ".").first.map(String.init)
}

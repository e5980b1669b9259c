// swift-tools-version: 6.2
import PackageDescription

/// Every Swift target: language mode 6, warnings are errors, `any` is written out.
let strict: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

func swiftTarget(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func suite(_ name: String, _ dependencies: [Target.Dependency], resources: [Resource]? = nil, exclude: [String] = []) -> Target {
    .testTarget(name: name, dependencies: dependencies, exclude: exclude, resources: resources, swiftSettings: strict)
}

/// The fuzz targets, which only `scripts/fuzz` builds.
let fuzzing: [Target] =
    Context.environment["TRIPLINE_FUZZING"] == nil
    ? []
    : [
        .executableTarget(
            name: "fuzz", dependencies: ["FraudService", "FraudEngine", "RuleFiles", "HTTPServer", "CMicroHTTPD"], path: "Tests/Fuzz",
            exclude: ["corpus", "dictionaries"], swiftSettings: strict + [.unsafeFlags(["-parse-as-library"])])
    ]

/// Embedded in the program, so that it brings the schema it needs.
let migrations = ["000001_create_schema", "000002_add_checkpoint_instance"]

let package = Package(
    name: "tripline",
    products: [.executable(name: "tripline", targets: ["tripline"]), .executable(name: "simulate", targets: ["simulate"])],
    targets: [
        // C libraries of Debian: header, module map, inline shims.
        .systemLibrary(name: "CRdKafka", providers: [.apt(["librdkafka-dev"])]),
        .systemLibrary(name: "CHiredis", providers: [.apt(["libhiredis-dev"])]),
        .systemLibrary(name: "CLibpq", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(name: "CZstd", providers: [.apt(["libzstd-dev"])]),
        .systemLibrary(name: "CMicroHTTPD", providers: [.apt(["libmicrohttpd-dev"])]),
        .systemLibrary(name: "CYAML", providers: [.apt(["libyaml-dev"])]),
        .systemLibrary(name: "CCrypto", providers: [.apt(["libssl-dev"])]),
        .target(name: "CLinux"),

        swiftTarget("Threads", ["CLinux"]),

        // Clients: know nothing of fraud; each the only importer of its C module.
        swiftTarget("Kafka", ["CRdKafka", "Threads"]),
        swiftTarget("Redis", ["CHiredis"]),
        swiftTarget("Postgres", ["CLibpq"]),
        swiftTarget("HTTPServer", ["CMicroHTTPD"]),

        // The pure core.
        swiftTarget("CEL", []),
        swiftTarget("FraudEngine", ["CEL", "CCrypto", "CZstd", "CLinux"]),
        swiftTarget("RuleFiles", ["CEL", "FraudEngine", "ReferenceFold", "CYAML", "CCrypto"]),

        // A second implementation of the contract that shares the checked rules with the engine and nothing else.
        swiftTarget("ReferenceFold", ["CEL"]),

        .target(
            name: "Migrations", path: "migrations", exclude: ["README.md"],
            resources: migrations.flatMap { [.embedInCode("\($0).up.sql"), .embedInCode("\($0).down.sql")] }, swiftSettings: strict),

        // The shell and the executable.
        swiftTarget(
            "FraudService", ["FraudEngine", "RuleFiles", "ReferenceFold", "Kafka", "Redis", "Postgres", "HTTPServer", "Migrations", "Threads", "CLinux"]),
        .executableTarget(name: "tripline", dependencies: ["FraudService", "RuleFiles", "FraudEngine"], swiftSettings: strict),

        // The worker's decisions against models of everything around them, in virtual time.
        swiftTarget("FraudSimulation", ["FraudEngine", "RuleFiles", "ReferenceFold"]),
        .executableTarget(name: "simulate", dependencies: ["FraudSimulation"], swiftSettings: strict),

        // A PostgreSQL of the tests' own.
        .target(name: "PostgresServer", path: "Tests/PostgresServer", swiftSettings: strict),

        suite("CELTests", ["CEL"]),
        .target(name: "CAllocationCounter", path: "Tests/CAllocationCounter"),
        suite("FraudSimulationTests", ["FraudSimulation"]),
        suite("FraudEngineTests", ["FraudEngine", "RuleFiles", "CEL", "CAllocationCounter"]),
        suite("ReferenceFoldTests", ["ReferenceFold", "FraudEngine", "RuleFiles", "CEL"]),
        suite("RuleFilesTests", ["RuleFiles", "FraudEngine", "CEL"], exclude: ["Fixtures"]),
        suite("KafkaTests", ["Kafka", "CRdKafka"]),
        suite("RedisTests", ["Redis"]),
        suite("PostgresTests", ["Postgres", "PostgresServer"]),
        suite("HTTPServerTests", ["HTTPServer"]),
        suite(
            "FraudServiceTests",
            [
                "FraudService", "FraudEngine", "RuleFiles", "ReferenceFold", "CEL", "Kafka", "HTTPServer", "Redis", "Postgres", "PostgresServer", "Migrations",
                "Threads",
            ]),
        suite("RepositoryTests", ["Migrations"]),
    ] + fuzzing,
    swiftLanguageModes: [.v6]
)

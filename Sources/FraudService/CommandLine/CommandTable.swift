/// An option of a command, or of all.
struct OptionDescription: Sendable, Equatable {
    /// With its dashes, for example `--rate`.
    let name: String
    /// One dash and a letter; nil if it has none.
    var short: String?
    /// What stands for the value in the help; nil: the option takes none.
    var value: String?
    let help: String

    init(_ name: String, short: String? = nil, value: String? = nil, _ help: String) {
        self.name = name
        self.short = short
        self.value = value
        self.help = help
    }
}

/// A command as it is parsed and explained.
struct CommandDescription: Sendable {
    /// Stable names of the commands.
    enum Name: String, Sendable, CaseIterable {
        case serve
        case demo
        case rulesCheck = "rules check"
        case rulesTest = "rules test"
        case eval
        case bench
        case doctor
        case configPrint = "config print"
        case offsetsShow = "offsets show"
        case offsetsReset = "offsets reset"
        case offsetsSkip = "offsets skip"
        case offsetsAcceptGap = "offsets accept-gap"
        case stateList = "state list"
        case stateVerify = "state verify"
        case stateMigrate = "state migrate"
        case verify
        case migrateUp = "migrate up"
        case migrateStatus = "migrate status"
    }

    let name: Name
    /// Names of the arguments in order.
    var arguments: [String] = []
    /// The last argument may be given again and again.
    var repeatsLast = false
    var options: [OptionDescription] = []
    /// Ends a sentence that the command's name begins.
    let summary: String
    /// What else one should know, for its own help: lines.
    var details: [String] = []
    let example: String

    var words: [String] { name.rawValue.split(separator: " ").map(String.init) }
}

/// Every command and option; parsing, help and suggestions follow it.
enum CommandTable {
    static let commands: [CommandDescription] = service + operations + [verify] + database

    private static let service: [CommandDescription] = [
        CommandDescription(
            name: .serve,
            options: [
                OptionDescription("--check", "validate settings and rules, look for Kafka, Redis and the checkpoint store, then leave"),
                OptionDescription("--drain", "run to the end of the input, checkpoint, then leave"),
            ], summary: "run the service", example: "tripline serve --config tripline.yaml"),
        CommandDescription(
            name: .demo,
            options: [
                OptionDescription("--payments", value: "FILE", "payments from a file, one JSON a line, for example payments.ndjson (default: made up)"),
                OptionDescription("--rate", value: "N", "payments per second (default: \(Demo.defaultRate))"),
                OptionDescription("--for", value: "DURATION", "end after this time, for example 30s (default: on Ctrl-C)"),
                OptionDescription("--listen", value: "ADDR", "where the API listens, for example 127.0.0.1:8081 (default: http.listen)"),
            ], summary: "run the whole service on an embedded broker, without any set-up", example: "tripline demo --rate 2000 --for 30s"),
        CommandDescription(
            name: .rulesCheck, arguments: ["DIR"], repeatsLast: true, summary: "check a folder of rule files and say where what is wrong",
            example: "tripline rules check rules"),
        CommandDescription(
            name: .rulesTest, arguments: ["DIR"], repeatsLast: true,
            options: [OptionDescription("--filter", value: "TEXT", "only tests with this text in rule or name, for example velocity (default: all)")],
            summary: "run the tests in rule files", example: "tripline rules test rules --filter velocity"),
        CommandDescription(
            name: .eval, arguments: ["DIR", "FILE"],
            summary: "run rules over a file of payments (- is stdin), without Kafka; alerts go to stdout",
            example: "tripline eval rules payments.ndjson"),
        CommandDescription(
            name: .bench,
            options: [
                OptionDescription("--payments", value: "N", "length of the backlog (default: 2000000)"),
                OptionDescription("--accounts", value: "N", "accounts that pay (default: 100000; --recovery: 2000000; --state: 1000000 and 5000000)"),
                OptionDescription("--runs", value: "N", "how often; the worst counts (default: 3)"),
                OptionDescription("--rate", value: "N", "payments per second of the live part (default: 20000; --recovery: 2000)"),
                OptionDescription("--for", value: "DURATION", "length of the live part; 0s leaves it out (default: 20s)"),
                OptionDescription("--rules", value: "DIR", "measure with these rules (default: twenty of its own)"),
                OptionDescription("--state", "measure memory, checkpoints and recovery by number of accounts, without Kafka"),
                OptionDescription("--recovery", "measure crashes, takeovers and rebalances of up to three instances, while payments flow"),
                OptionDescription("--bare", value: "TOPIC", "only consume and commit the payments of this topic, for example payments"),
                OptionDescription("--to", value: "TOPIC", "with --bare: live, with one payment in 200 copied to this topic, for example copies"),
            ], summary: "measure payments per second, CPU, memory and latencies, beside a bare loop",
            example: "tripline bench --set kafka.bootstrap_servers=127.0.0.1:9092 --runs 1"),
        CommandDescription(
            name: .doctor,
            options: [OptionDescription("--acls", "print the kafka-acls.sh commands for the rights that the service needs, and ask nobody")],
            summary: "look at everything the service depends on, and say what to mend", example: "tripline doctor --config tripline.yaml"),
        CommandDescription(
            name: .configPrint, options: [OptionDescription("--show-origin", "say of each setting where it comes from")],
            summary: "print every setting as it holds, secrets as ***", example: "tripline config print --show-origin"),
    ]

    private static let verify = CommandDescription(
        name: .verify,
        options: [
            OptionDescription("--from", value: "T", "payments from then on by Kafka's timestamp, for example 2026-11-23T10:00:00Z"),
            OptionDescription("--to", value: "T", "payments before then (default: all that were processed)"),
            OptionDescription("--passed", value: "P:A-B", "without the records that `offsets skip` passed, for example 3:120-124; may be given again"),
        ],
        summary: "fold the payments a second time, plainly, and compare all outputs and totals",
        details: [
            "Reads the input and the output topics of the group, and its rule sets; writes and commits nothing, also",
            "while the service runs. Ends with 1 and the first differences where something is missing, surplus,",
            "different or out of order, and with 3 where there is nothing to compare. Plain and slow, but it ends: a",
            "million payments with 100,000 alerts take some 15 s and 350 MB; it tells on stderr every few seconds how",
            "far it is.",
        ],
        example: "tripline verify --from 2026-11-23T10:00:00Z --to 2026-11-23T11:00:00Z")

    private static let database: [CommandDescription] = [
        CommandDescription(
            name: .migrateUp, options: [OptionDescription("--dry-run", "show what would be applied, and change nothing")],
            summary: "bring the schema of postgres.url to this version", example: "tripline migrate up --set postgres.url_file=/run/secrets/postgres-url"),
        CommandDescription(
            name: .migrateStatus, summary: "show which migrations are applied to postgres.url and which are pending", example: "tripline migrate status -o json"
        ),
    ]

    static let globalOptions: [OptionDescription] = [
        OptionDescription("--config", value: "FILE", "settings file (default: tripline.yaml, if there is one)"),
        OptionDescription("--set", value: "KEY=VALUE", "one setting, for example time.grace=30s; may be given again"),
        OptionDescription("--log-level", value: "LEVEL", "error, warning, info or debug (default: info)"),
        OptionDescription("--log-format", value: "FORMAT", "json or text (default: json; text on a terminal)"),
        OptionDescription("--output", short: "-o", value: "FORMAT", "what goes to stdout: text or json (default: text)"),
        OptionDescription("--help", short: "-h", "this text"),
        OptionDescription("--version", "the program's version"),
    ]

    static func command(_ name: CommandDescription.Name) -> CommandDescription? { commands.first { $0.name == name } }

    /// The option that the text names among those of a command and of all.
    static func option(_ text: String, of command: CommandDescription?) -> OptionDescription? {
        ((command?.options ?? []) + globalOptions).first { $0.name == text || $0.short == text }
    }
}

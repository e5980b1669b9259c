import RuleFiles

/// An operator's command about offsets and states.
package enum Operation: Sendable, Equatable {
    /// Partitions: empty means all.
    case offsetsShow(partitions: [Int32])
    case offsetsReset(Target, Change)
    case offsetsSkip(to: Int64, Change)
    case offsetsAcceptGap(Change)
    case stateList(partitions: [Int32])
    case stateVerify(partitions: [Int32])
    case stateMigrate(Change)

    /// What every command that changes something takes.
    package struct Change: Sendable, Equatable {
        /// Empty: all.
        package var partitions: [Int32] = []
        package var isDry = false
        /// Without a question.
        package var isConfirmed = false
        /// For the audit.
        package var reason = ""
    }

    /// Where a partition begins anew.
    package enum Target: Sendable, Equatable {
        case earliest
        case latest
        /// Where the group stands.
        case current
        case offset(Int64)
        /// The first record with this Kafka timestamp or a later one, Unix milliseconds.
        case time(Int64)
    }
}

extension OptionDescription {
    static let partition = OptionDescription("--partition", value: "P", "this partition only, for example 3; may be given again (default: all)")
    static let onePartition = OptionDescription("--partition", value: "P", "the partition, for example 3; exactly one")

    /// Of the commands that change something.
    static let change = [
        OptionDescription("--dry-run", "show what would change, and change nothing"),
        OptionDescription("--yes", "do not ask"),
        OptionDescription("--reason", value: "TEXT", "why, for the audit, for example INC-42 (default: none)"),
    ]
}

extension CommandTable {
    private static let stopped = "Stop every instance of the group first; a stopped one is a member until session.timeout.ms is over."

    /// The operators' commands about offsets and states.
    static let operations: [CommandDescription] = [
        CommandDescription(
            name: .offsetsShow, options: [.partition], summary: "show what is committed, the log, the checkpoints and the group's members",
            example: "tripline offsets show --config tripline.yaml"),
        CommandDescription(
            name: .offsetsReset,
            options: [
                .partition, OptionDescription("--to-earliest", "begin with the first record of the log"),
                OptionDescription("--to-latest", "begin with the next record that comes"),
                OptionDescription("--to-current", "begin where the group stands"),
                OptionDescription("--to-offset", value: "N", "begin at this offset, for example 1234"),
                OptionDescription("--to-datetime", value: "T", "begin with the first record from then on, for example 2026-11-23T10:00:00Z"),
            ] + OptionDescription.change, summary: "begin partitions anew at an offset, with an empty state",
            details: [
                stopped, "Needs one of the --to options. What was not read before that offset is judged by nothing: the plan, which",
                "--dry-run shows, says how much that is.",
            ], example: "tripline offsets reset --partition 3 --to-earliest --reason INC-42"),
        CommandDescription(
            name: .offsetsSkip,
            options: [.onePartition, OptionDescription("--to-offset", value: "N", "go on with the record at this offset, for example 1235")]
                + OptionDescription.change, summary: "pass records that cannot be processed, and keep the state",
            details: [stopped], example: "tripline offsets skip --partition 3 --to-offset 1235 --dry-run"),
        CommandDescription(
            name: .offsetsAcceptGap, options: [.partition] + OptionDescription.change,
            summary: "go on although records are gone, with as much of the state as can be recovered", details: [stopped],
            example: "tripline offsets accept-gap --partition 3"),
        CommandDescription(
            name: .stateList, options: [.partition], summary: "list the checkpoints", example: "tripline state list -o json"),
        CommandDescription(
            name: .stateVerify, options: [.partition],
            summary: "read every checkpoint whole, and try to recover each partition as a start would",
            example: "tripline state verify --partition 3"),
        CommandDescription(
            name: .stateMigrate, options: [.partition] + OptionDescription.change,
            summary: "carry states over to changed time.*, input.* settings or another version", details: [stopped],
            example: "tripline state migrate --dry-run"),
    ]
}

extension CommandLineParser {
    func operation(_ command: CommandDescription) throws(UsageError) -> Operation {
        let partitions = try partitions(command)
        switch command.name {
        case .offsetsShow: return .offsetsShow(partitions: partitions)
        case .stateList: return .stateList(partitions: partitions)
        case .stateVerify: return .stateVerify(partitions: partitions)
        case .offsetsReset: return .offsetsReset(try target(command), change(partitions))
        case .offsetsAcceptGap: return .offsetsAcceptGap(change(partitions))
        case .stateMigrate: return .stateMigrate(change(partitions))
        case .offsetsSkip:
            guard partitions.count == 1 else { throw UsageError(message: "offsets skip needs one --partition P", command: command) }
            guard let text = value("--to-offset") else { throw UsageError(message: "offsets skip needs --to-offset N", command: command) }
            return .offsetsSkip(to: try offset(text, command), change(partitions))
        case .serve, .demo, .rulesCheck, .rulesTest, .eval, .doctor, .configPrint, .migrateUp, .migrateStatus, .bench, .verify:
            preconditionFailure("not an operators' command")
        }
    }

    private func change(_ partitions: [Int32]) -> Operation.Change {
        Operation.Change(
            partitions: partitions, isDry: flags.contains("--dry-run"), isConfirmed: flags.contains("--yes"), reason: value("--reason") ?? "")
    }

    /// Ascending, each once.
    private func partitions(_ command: CommandDescription) throws(UsageError) -> [Int32] {
        var found: Set<Int32> = []
        for (option, text) in values where option.name == "--partition" {
            guard let number = Int32(text), number >= 0 else {
                throw UsageError(message: "--partition takes the number of a partition, from 0 on, not '\(text)'", command: command)
            }
            found.insert(number)
        }
        return found.sorted()
    }

    private func offset(_ text: String, _ command: CommandDescription) throws(UsageError) -> Int64 {
        guard let number = Int64(text), number >= 0 else {
            throw UsageError(message: "--to-offset takes an offset, from 0 on, not '\(text)'", command: command)
        }
        return number
    }

    private func target(_ command: CommandDescription) throws(UsageError) -> Operation.Target {
        var targets: [Operation.Target] = []
        for (name, target) in [("--to-earliest", Operation.Target.earliest), ("--to-latest", .latest), ("--to-current", .current)] where flags.contains(name) {
            targets.append(target)
        }
        if let text = value("--to-offset") { targets.append(.offset(try offset(text, command))) }
        if let text = value("--to-datetime") {
            guard let time = TimeText.milliseconds(text) else {
                throw UsageError(message: "--to-datetime takes a time such as 2026-11-23T10:00:00Z, not '\(text)'", command: command)
            }
            targets.append(.time(time))
        }
        guard let target = targets.first, targets.count == 1 else {
            let what = targets.isEmpty ? "offsets reset needs to know where to" : "only one place can be reset to"
            throw UsageError(
                message: what, hint: "one of --to-earliest, --to-latest, --to-current, --to-offset N, --to-datetime T", command: command)
        }
        return target
    }
}

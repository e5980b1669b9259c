import RuleFiles

/// Reads the program's arguments. Options may stand anywhere up to `--`, as `--name value` or `--name=value`; of one given again the last holds.
package struct CommandLineParser {
    private var words: [String] = []
    private(set) var values: [(option: OptionDescription, value: String)] = []
    private(set) var flags: [String] = []

    private init() {}

    /// - Parameters:
    ///   - arguments: without the program's name.
    ///   - version: for `--version`.
    package static func parse(_ arguments: [String], version: String) -> CommandLineOutcome {
        var parser = CommandLineParser()
        do throws(UsageError) {
            let command = try command(in: arguments)
            try parser.read(arguments, command)
            if parser.flags.contains("--version") { return .show("tripline \(version)\n") }
            if parser.flags.contains("--help") { return .show(HelpText.text(of: command)) }
            guard let command else { throw parser.missingCommand() }
            return .run(try parser.invocation(of: command))
        } catch {
            return .refuse(error.text)
        }
    }

    /// What is wrong with the arguments.
    struct UsageError: Error {
        var message: String
        var hint: String?
        var command: CommandDescription?

        var text: String {
            let help = command.map { "tripline \($0.name.rawValue) --help" } ?? "tripline --help"
            return "tripline: \(message)\n" + (hint.map { "  \($0)\n" } ?? "") + "See: \(help)\n"
        }
    }

    /// On two lines where something close is known.
    private static func hint(for name: String, among candidates: [String], label: String) -> String {
        Suggestion.hint(for: name, among: candidates, label: label, separator: "\n  ")
    }

    // MARK: The command

    /// The command that the first arguments name, wherever options stand; nil if there are no arguments but options.
    private static func command(in arguments: [String]) throws(UsageError) -> CommandDescription? {
        let words = wordsOnly(arguments)
        let asked = words.first == "help" ? Array(words.dropFirst()) : words
        guard let first = asked.first else { return nil }
        if let command = CommandTable.commands.first(where: { asked.starts(with: $0.words) }) { return command }
        let family = CommandTable.commands.filter { $0.words.count > 1 && $0.words[0] == first }
        guard !family.isEmpty else {
            var names: [String] = []
            for command in CommandTable.commands where !names.contains(command.words[0]) { names.append(command.words[0]) }
            throw UsageError(message: "unknown command '\(first)'", hint: hint(for: first, among: names, label: "commands"))
        }
        let names = family.map { $0.words[1] }
        guard asked.count > 1 else {
            if arguments.contains("--help") || arguments.contains("-h") || words.first == "help" { return nil }
            throw UsageError(message: "'\(first)' needs a second word", hint: "commands: " + family.map(\.name.rawValue).joined(separator: ", "))
        }
        throw UsageError(message: "unknown command '\(first) \(asked[1])'", hint: hint(for: asked[1], among: names, label: "commands of \(first)"))
    }

    /// The arguments that are neither options nor their values; the options are not known before the command is, but which take values is.
    private static func wordsOnly(_ arguments: [String]) -> [String] {
        let options = CommandTable.globalOptions + CommandTable.commands.flatMap(\.options)
        var words: [String] = []
        var index = 0
        while index < arguments.count {
            let argument = arguments[index]
            if argument == "--" { return words + arguments[(index + 1)...] }
            if !isOption(argument) {
                words.append(argument)
            } else if options.contains(where: { ($0.name == argument || $0.short == argument) && $0.value != nil }) {
                index += 1
            }
            index += 1
        }
        return words
    }

    /// `-` alone is a word.
    private static func isOption(_ argument: String) -> Bool { argument.hasPrefix("-") && argument != "-" }

    private func missingCommand() -> UsageError {
        UsageError(message: "which command?", hint: "commands: " + CommandTable.commands.map(\.name.rawValue).joined(separator: ", "))
    }

    // MARK: Options

    private mutating func read(_ arguments: [String], _ command: CommandDescription?) throws(UsageError) {
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            if argument == "--" {
                words += rest
                break
            }
            guard Self.isOption(argument) else {
                words.append(argument)
                continue
            }
            let equals = argument.hasPrefix("--") ? argument.firstIndex(of: "=") : nil
            let name = String(argument[..<(equals ?? argument.endIndex)])
            guard let option = CommandTable.option(name, of: command) else { throw Self.unknown(name, command) }
            if let placeholder = option.value {
                let value = equals.map { String(argument[argument.index(after: $0)...]) } ?? rest.popFirst()
                guard let value else { throw UsageError(message: "\(name) needs a value: \(name) \(placeholder)", command: command) }
                values.append((option, value))
            } else {
                guard equals == nil else { throw UsageError(message: "\(name) takes no value", command: command) }
                flags.append(option.name)
            }
        }
        if words.first == "help" {
            words.removeFirst()
            flags.append("--help")
        }
        words.removeFirst(min(words.count, command?.words.count ?? 0))
    }

    private static func unknown(_ name: String, _ command: CommandDescription?) -> UsageError {
        let options = (command?.options ?? []) + CommandTable.globalOptions
        var hint = hint(for: name, among: options.map(\.name), label: "options")
        let owners = CommandTable.commands.filter { $0.options.contains { $0.name == name } }
        if !owners.isEmpty { hint = "it is an option of " + owners.map(\.name.rawValue).joined(separator: ", ") }
        let of = command.map { " of \($0.name.rawValue)" } ?? ""
        return UsageError(message: "unknown option '\(name)'\(of)", hint: hint, command: command)
    }

    func value(_ name: String) -> String? { values.last { $0.option.name == name }?.value }

    // MARK: The invocation

    private func invocation(of command: CommandDescription) throws(UsageError) -> Invocation {
        try checkArguments(of: command)
        let parsed: Invocation.Command =
            switch command.name {
            case .serve: .serve(check: flags.contains("--check"), drain: flags.contains("--drain"))
            case .demo: .demo(try demo(command))
            case .rulesCheck: .rulesCheck(paths: words)
            case .rulesTest: .rulesTest(paths: words, filter: value("--filter"))
            case .eval: .eval(directory: words[0], file: words[1])
            case .bench: .bench(try bench(command))
            case .doctor: .doctor(printsACLs: flags.contains("--acls"))
            case .configPrint: .configPrint(showsOrigin: flags.contains("--show-origin"))
            case .migrateUp: .migrateUp(isDry: flags.contains("--dry-run"))
            case .migrateStatus: .migrateStatus
            case .offsetsShow, .offsetsReset, .offsetsSkip, .offsetsAcceptGap, .stateList, .stateVerify, .stateMigrate:
                .operation(try operation(command))
            case .verify:
                .verify(Invocation.Verification(from: try time("--from", command), to: try time("--to", command), passed: try passed(command)))
            }
        if command.name == .serve, flags.contains("--check"), flags.contains("--drain") {
            throw UsageError(message: "--check and --drain exclude each other", command: command)
        }
        var output = Invocation.OutputFormat.text
        if let text = value("--output") {
            guard let format = Invocation.OutputFormat(rawValue: text) else {
                throw UsageError(message: "-o takes text or json, not '\(text)'", command: command)
            }
            output = format
        }
        return Invocation(command: parsed, config: value("--config"), settings: settings, output: output)
    }

    /// In the order given.
    private var settings: [SettingAssignment] {
        values.compactMap { option, value in
            switch option.name {
            case "--set": SettingAssignment(flag: "--set", text: value)
            case "--log-level": SettingAssignment(flag: "--log-level", text: "log.level=\(value)")
            case "--log-format": SettingAssignment(flag: "--log-format", text: "log.format=\(value)")
            case _: nil
            }
        }
    }

    private func checkArguments(of command: CommandDescription) throws(UsageError) {
        let usage = "usage: \(HelpText.usage(of: command))"
        if words.count < command.arguments.count {
            throw UsageError(message: "\(command.name.rawValue) needs \(command.arguments[words.count])", hint: usage, command: command)
        }
        if words.count > command.arguments.count, !command.repeatsLast {
            throw UsageError(message: "'\(words[command.arguments.count])' is one argument too many", hint: usage, command: command)
        }
    }

    private func bench(_ command: CommandDescription) throws(UsageError) -> Invocation.Bench {
        var bench = Invocation.Bench()
        if flags.contains("--state") { bench.part = .state }
        if flags.contains("--recovery") {
            guard bench.part == .service else { throw UsageError(message: "--state and --recovery exclude each other", command: command) }
            bench.part = .recovery
            bench.rate = 2_000
        }
        if let topic = value("--bare") {
            guard bench.part == .service else { throw UsageError(message: "--bare excludes --state and --recovery", command: command) }
            bench.part = .bareLoop(topic: topic, to: value("--to"))
        } else if value("--to") != nil {
            throw UsageError(message: "--to goes with --bare", command: command)
        }
        bench.payments = try count("--payments", command) ?? bench.payments
        bench.accounts = try count("--accounts", command)
        bench.runs = try count("--runs", command) ?? bench.runs
        bench.rate = try count("--rate", command) ?? bench.rate
        bench.rules = value("--rules")
        if let text = value("--for") {
            guard let duration = DurationText.milliseconds(text), duration >= 0 else {
                throw UsageError(message: "--for takes a duration such as 20s, not '\(text)'", command: command)
            }
            bench.seconds = Int(duration / 1_000)
        }
        return bench
    }

    /// A number above 0 and of at most ten digits; nil where the option is not given.
    private func count(_ name: String, _ command: CommandDescription) throws(UsageError) -> Int? {
        guard let text = value(name) else { return nil }
        guard text.utf8.count <= 10, let number = Int(text), number > 0 else {
            throw UsageError(message: "\(name) takes a number above 0, not '\(text)'", command: command)
        }
        return number
    }

    /// Unix milliseconds; nil where the option is not given.
    private func time(_ name: String, _ command: CommandDescription) throws(UsageError) -> Int64? {
        guard let text = value(name) else { return nil }
        guard let time = TimeText.milliseconds(text) else {
            throw UsageError(message: "\(name) takes a time such as 2026-11-23T10:00:00Z, not '\(text)'", command: command)
        }
        return time
    }

    private func passed(_ command: CommandDescription) throws(UsageError) -> [Invocation.PassedRange] {
        var ranges: [Invocation.PassedRange] = []
        for given in values where given.option.name == "--passed" {
            guard let range = Invocation.PassedRange(given.value) else {
                throw UsageError(message: "--passed takes a partition with its first and last offset such as 3:120-124, not '\(given.value)'", command: command)
            }
            ranges.append(range)
        }
        return ranges
    }

    private func demo(_ command: CommandDescription) throws(UsageError) -> Invocation.Demo {
        var demo = Invocation.Demo(payments: value("--payments"))
        if let text = value("--rate") {
            guard let rate = Int(text), rate > 0 else {
                throw UsageError(message: "--rate takes a number of payments per second above 0, not '\(text)'", command: command)
            }
            demo.rate = rate
        }
        if let text = value("--for") {
            guard let duration = DurationText.milliseconds(text), duration > 0 else {
                throw UsageError(message: "--for takes a duration above 0 such as 30s, not '\(text)'", command: command)
            }
            demo.duration = duration
        }
        if let text = value("--listen") {
            do throws(SettingRefusal) {
                demo.listen = try HostPort(text)
            } catch {
                throw UsageError(message: "--listen takes host:port; '\(text)' \(error.what)", command: command)
            }
        }
        return demo
    }
}

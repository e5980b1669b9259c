/// What `--help` prints.
enum HelpText {
    /// Of one command; nil: of the program.
    static func text(of command: CommandDescription?) -> String {
        guard let command else { return program }
        var text = "tripline \(command.name.rawValue): \(command.summary).\n"
        if !command.details.isEmpty { text += "\n" + command.details.map { $0 + "\n" }.joined() }
        text += "\nUsage: \(usage(of: command))\n"
        if !command.options.isEmpty { text += "\nOptions:\n" + table(command.options.map(row)) }
        return text + "\nFor all commands:\n" + table(CommandTable.globalOptions.map(row)) + "\nExample:\n  \(command.example)\n"
    }

    static func usage(of command: CommandDescription) -> String {
        var words = ["tripline", command.name.rawValue]
        if !command.options.isEmpty { words.append("[OPTION]...") }
        words += command.arguments
        if command.repeatsLast, let last = words.popLast() { words.append(last + "...") }
        return words.joined(separator: " ")
    }

    private static var program: String {
        """
        tripline: real-time fraud detection on Kafka.

        Usage: tripline COMMAND [OPTION]... [ARGUMENT]...

        Commands:
        \(table(CommandTable.commands.map { ($0.name.rawValue, $0.summary) }))
        For all commands:
        \(table(CommandTable.globalOptions.map(row)))
        Exit codes: 0 ok, 1 findings, 2 wrong usage, settings or rules, 3 start refused, 4 dependency unreachable, 5 fenced.

        Example:
          tripline demo

        """
    }

    private static func row(_ option: OptionDescription) -> (String, String) {
        let name = (option.short.map { "\($0), " } ?? "") + option.name
        return (option.value.map { "\(name) \($0)" } ?? name, option.help)
    }

    private static func table(_ rows: [(String, String)]) -> String {
        let width = rows.map(\.0.utf8.count).max() ?? 0
        return rows.map { "  \($0.0)\(String(repeating: " ", count: width - $0.0.utf8.count + 2))\($0.1)\n" }.joined()
    }
}

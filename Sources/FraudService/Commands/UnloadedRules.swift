import RuleFiles

/// What people read where a rules folder does not load.
struct UnloadedRules {
    let directory: String
    let diagnostics: RuleDiagnostics
    /// Where the folder was named, and how to name another.
    let remedy: String

    /// The folder of the settings.
    static func ofSettings(_ directory: String, _ diagnostics: RuleDiagnostics) -> UnloadedRules {
        UnloadedRules(
            directory: directory, diagnostics: diagnostics,
            remedy: "name the folder with the rule files: rules.directory in tripline.yaml, or --set rules.directory=/path/to/rules")
    }

    /// The folder given to a command.
    static func ofArgument(_ directory: String, _ diagnostics: RuleDiagnostics) -> UnloadedRules {
        UnloadedRules(directory: directory, diagnostics: diagnostics, remedy: "name the folder with the rule files: tripline eval /path/to/rules FILE")
    }

    /// What to do about it, where the folder itself is what is missing.
    var cure: String? { isMissing ? remedy : nil }

    private var isMissing: Bool { diagnostics.all.contains { $0.code == "E050" && $0.file == directory } }

    /// The diagnostics, then one sentence; without a line end behind it.
    var sentence: String { "the rules in '\(directory)' do not load" + (cure.map { "; \($0)" } ?? "") }
}

import FraudEngine

/// A rule set that loaded, with what belongs to it beyond deciding.
package struct LoadedRuleSet: Sendable {
    package let set: RuleSet
    /// The bytes that `set.hash` names: store them under it before the set's first use.
    package let bundle: RuleBundle
    /// In order of file and place.
    package let tests: [RuleTest]
    /// What the files say about each rule for people, in the order of `set.rules`.
    package let notes: [RuleNotes]
    package let warnings: RuleDiagnostics
}

/// Loads rule sets: everything in the rules folder, as a whole or not at all.
package enum RuleFiles {
    /// The payment schema's file; it is no rule file.
    package static let schemaPath = "schema.yaml"
    /// A longer list file is refused, bytes; YAML files are held to `YAML.maxBytes`.
    package static let maxFileBytes = 16 << 20

    /// Reads, checks and tests the folder. Blocks on the disk; all errors of the load are reported at once.
    ///
    /// - Parameters:
    ///   - baseWindowMilliseconds: The size of the base window, which features are kept over.
    ///   - runsTests: false leaves out the tests in the files, for a command that runs them itself.
    package static func load(directory: String, baseWindowMilliseconds: Int64, runsTests: Bool = true) -> Result<LoadedRuleSet, RuleDiagnostics> {
        switch RuleDirectory.read(directory) {
        case .failure(let diagnostics): .failure(diagnostics)
        case .success((let bundle, let warnings)):
            load(bundle: bundle, folder: directory, baseWindowMilliseconds: baseWindowMilliseconds, runsTests: runsTests, warnings: warnings)
        }
    }

    /// The name that the folder's present content has, whether it is valid or not; nil where it cannot be read. Blocks on the disk.
    package static func hash(directory: String) -> RuleSetHash? {
        switch RuleDirectory.read(directory) {
        case .failure: nil
        case .success((let bundle, _)): bundle.hash
        }
    }

    /// Loads a set from its files, as `load(directory:)` does from disk.
    ///
    /// - Parameters:
    ///   - folder: Stands in front of the paths in messages; empty for a stored set.
    ///   - warnings: What was found so far.
    package static func load(
        bundle: RuleBundle, folder: String = "", baseWindowMilliseconds: Int64, runsTests: Bool = true, warnings: RuleDiagnostics = RuleDiagnostics()
    ) -> Result<LoadedRuleSet, RuleDiagnostics> {
        var loader = RuleSetLoader(bundle: bundle, folder: folder, baseWindow: baseWindowMilliseconds, diagnostics: warnings)
        return loader.load(runsTests: runsTests)
    }

    /// True for a file in the rules folder that holds rules, features, lists, decision or tests.
    package static func isRuleFile(_ path: String) -> Bool {
        (path.hasSuffix(".yaml") || path.hasSuffix(".yml")) && path != schemaPath && !path.utf8.contains(UInt8(ascii: "/"))
    }
}

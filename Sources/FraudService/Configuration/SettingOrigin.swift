import RuleFiles

/// Where a setting's value came from.
package enum SettingOrigin: Sendable, Equatable, CustomStringConvertible {
    case standard
    case file(String, line: Int)
    /// The variable's name.
    case environment(String)
    /// The option, for example `--set`.
    case flag(String)

    package var description: String {
        switch self {
        case .standard: "default"
        case .file(let path, let line): "\(path):\(line)"
        case .environment(let name): "environment \(name)"
        case .flag(let name): name
        }
    }
}

/// `key=value` from the command line.
package struct SettingAssignment: Sendable, Equatable {
    /// The option that gave it, for messages: `--set`, `--log-level`.
    package var flag: String
    package var text: String

    package init(flag: String, text: String) {
        self.flag = flag
        self.text = text
    }
}

/// A text given for a setting.
struct GivenValue {
    var text: String
    var origin: SettingOrigin
    /// Where it stands in the file; nil for other origins.
    var node: YAMLNode?
    /// The value was read from the file that `x_file` names: its path.
    var secretFile: String?

    /// A message about this value; the line is not shown where it holds a secret.
    func diagnostic(_ code: String, _ message: String, isSecret: Bool = false, hints: [String] = []) -> RuleDiagnostic {
        guard let node else { return RuleDiagnostic(code: code, file: origin.description, message: message, hints: hints) }
        var diagnostic = node.diagnostic(code, message, hints: hints)
        if isSecret { diagnostic.sourceLine = nil }
        return diagnostic
    }
}

/// A librdkafka property given in a mapping.
struct GivenProperty {
    var key: String
    var value: GivenValue
}

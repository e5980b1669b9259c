/// A key of `tripline.yaml` as it is documented.
package struct SettingKey: Sendable, Equatable {
    /// Names joined with `.`, for example `time.window`.
    package let path: String
    /// What a value must be, for messages and documentation: `a duration from 1s to 1d`.
    package let takes: String
    /// As it would be written; nil where `absence` says what holds instead.
    package let defaultText: String?
    /// What holds where nothing is given and there is no default text: `the host's name`.
    package let absence: String?
    package let help: String
    package let example: String
    /// Never shown; may be given as the path of a file under `<path>_file`.
    package let isSecret: Bool

    /// `TRIPLINE_TIME_WINDOW`
    package var environmentName: String { Self.environmentName(of: path) }

    package static func environmentName(of path: String) -> String {
        "TRIPLINE_" + String(path.map { $0 == "." ? "_" : $0 }).uppercased()
    }
}

/// Why a text is not the value of a setting, said of the text: `is out of range`.
struct SettingRefusal: Error, Equatable {
    var what: String
}

/// A key with the type of its value.
struct Setting<Value: Sendable>: Sendable {
    let key: SettingKey
    let parse: @Sendable (String) throws(SettingRefusal) -> Value

    init(
        _ path: String, takes: String, default defaultText: String? = nil, absence: String? = nil, example: String, isSecret: Bool = false,
        help: String, parse: @escaping @Sendable (String) throws(SettingRefusal) -> Value
    ) {
        key = SettingKey(
            path: path, takes: takes, defaultText: defaultText, absence: absence, help: help, example: example, isSecret: isSecret)
        self.parse = parse
    }

    /// The value of the default text, which the table guarantees.
    var standard: Value {
        guard let text = key.defaultText else { preconditionFailure("\(key.path) has no default") }
        do throws(SettingRefusal) { return try parse(text) } catch { preconditionFailure("the default of \(key.path) \(error.what)") }
    }
}

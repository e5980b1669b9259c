/// `tripline config print`: every setting as it holds, secrets as `***`.
enum ConfigCommand {
    static func print(_ settings: Settings, showsOrigin: Bool, _ output: Invocation.OutputFormat) -> ExitCode {
        switch output {
        case .json: Terminal.data(json(settings.shown, showsOrigin: showsOrigin))
        case .text: Terminal.data(showsOrigin ? table(settings.shown) : yaml(settings.shown))
        }
        return .ok
    }

    // MARK: YAML

    /// A configuration file that gives the same settings, but for secrets; what is not set stands as a comment.
    static func yaml(_ shown: [ShownSetting]) -> String {
        var text = ""
        var open: [String] = []
        for setting in shown {
            let names = names(of: setting.path)
            let groups = names.dropLast()
            var depth = zip(open, groups).prefix { $0 == $1 }.count
            open.removeLast(open.count - depth)
            while depth < groups.count {
                text += indentation(depth) + groups[depth] + ":\n"
                open.append(groups[depth])
                depth += 1
            }
            let name = names[names.count - 1]
            if setting.value.isEmpty {
                text += indentation(depth) + "# \(name): not set; \(SettingTable.key(setting.path)?.absence ?? "none")\n"
            } else {
                text += indentation(depth) + "\(name): \(scalar(setting.value))\n"
            }
        }
        return text
    }

    /// A librdkafka property is one name, dots and all.
    private static func names(of path: String) -> [String] {
        guard let mapping = SettingTable.properties.first(where: { path.hasPrefix($0.path + ".") })?.path else {
            return path.split(separator: ".").map(String.init)
        }
        return mapping.split(separator: ".").map(String.init) + [String(path.dropFirst(mapping.utf8.count + 1))]
    }

    private static func indentation(_ depth: Int) -> String { String(repeating: "  ", count: depth) }

    /// Plain where no reader of YAML could take it for something else.
    private static func scalar(_ value: String) -> String {
        let words = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"]
        let isPlain =
            value.utf8.allSatisfy(isPlainByte) && value.utf8.first.map { $0 != UInt8(ascii: "-") && $0 != UInt8(ascii: ":") } ?? false
            && value.utf8.last != UInt8(ascii: ":") && !words.contains(value.lowercased())
        return isPlain ? value : jsonQuoted(value)
    }

    private static func isPlainByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
            UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "/"), UInt8(ascii: ":"):
            true
        case _: false
        }
    }

    // MARK: With origins

    /// Key, value and origin in columns.
    static func table(_ shown: [ShownSetting]) -> String {
        let rows = shown.map { (key: $0.path, value: $0.value.isEmpty ? "-" : $0.value, origin: $0.origin.description) }
        let keyWidth = rows.map(\.key.count).max() ?? 0
        let valueWidth = min(60, rows.map(\.value.count).max() ?? 0)
        return rows.map { "\(padded($0.key, keyWidth))  \(padded($0.value, valueWidth))  \($0.origin)\n" }.joined()
    }

    private static func padded(_ text: String, _ width: Int) -> String { text + String(repeating: " ", count: max(0, width - text.count)) }

    /// An object with a member for each key in the order of the documentation: its value, or value and origin.
    static func json(_ shown: [ShownSetting], showsOrigin: Bool) -> String {
        let members = shown.map { setting in
            let value = setting.value.isEmpty ? "null" : jsonQuoted(setting.value)
            return "\(jsonQuoted(setting.path)):"
                + (showsOrigin ? "{\"value\":\(value),\"origin\":\(jsonQuoted(setting.origin.description))}" : value)
        }
        return "{\(members.joined(separator: ","))}\n"
    }
}

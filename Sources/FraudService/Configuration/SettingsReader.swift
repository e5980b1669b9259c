import Kafka
import RuleFiles

/// Collects what the file, the environment and the command line give, in this order, the later over the earlier; reports what nobody understands.
struct SettingsReader {
    private(set) var given: [String: GivenValue] = [:]
    /// By path of the mapping; in the order given, a key once.
    private(set) var properties: [String: [GivenProperty]] = [:]
    var diagnostics = RuleDiagnostics()
    private let readFile: @Sendable (String) -> Result<[UInt8], SmallFile.Problem>
    /// Paths given by the source that is being read: a second value is an error.
    private var ofThisSource: [String: String] = [:]

    init(readFile: @escaping @Sendable (String) -> Result<[UInt8], SmallFile.Problem>) { self.readFile = readFile }

    // MARK: Sources

    mutating func read(file: String, bytes: [UInt8]) {
        ofThisSource = [:]
        switch YAML.parse(bytes: bytes, file: file) {
        case .failure(let problems): diagnostics.add(problems)
        case .success(let root):
            guard root.mapping != nil || root.isNull else {
                diagnostics.add(root.diagnostic("C002", "a configuration is a mapping, this is \(root.kindName)"))
                return
            }
            walk(root, prefix: "")
        }
    }

    mutating func read(environment: [String: String]) {
        ofThisSource = [:]
        let known = (SettingTable.paths + SettingTable.filePaths + SettingTable.later).map { (path: $0, name: SettingKey.environmentName(of: $0)) }
        let names = environment.keys.filter { $0.hasPrefix("TRIPLINE_") && !Self.isServiceLink($0) }
        for name in names.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) {
            let value = GivenValue(text: environment[name] ?? "", origin: .environment(name))
            guard let path = known.first(where: { $0.name == name })?.path else {
                let variables = known.map(\.name).filter { name in !SettingTable.later.contains { SettingKey.environmentName(of: $0) == name } }
                let hints = Suggestion.closest(to: name, among: variables).map { ["did you mean \($0)?"] } ?? ["docs/configuration.md lists all keys"]
                diagnostics.add(value.diagnostic("C001", "no setting has this name", hints: hints))
                continue
            }
            if SettingTable.isProperties(path) { takeProperties(path, yaml: value, source: name) } else { take(path, value) }
        }
    }

    /// Kubernetes puts `<SERVICE>_SERVICE_HOST`, `<SERVICE>_PORT_8080_TCP_ADDR` and the like into every container; a service may be called tripline.
    private static func isServiceLink(_ name: String) -> Bool {
        let rest = name.dropFirst("TRIPLINE".count)
        if rest.hasSuffix("_SERVICE_HOST") || rest.hasSuffix("_SERVICE_PORT") || rest.contains("_SERVICE_PORT_") || rest.hasSuffix("_PORT") { return true }
        guard let port = rest.range(of: "_PORT_") else { return false }
        return rest[port.upperBound...].first.map { $0.isASCII && $0.isNumber } ?? false
    }

    mutating func read(flags: [SettingAssignment]) {
        ofThisSource = [:]
        for flag in flags {
            guard let equals = flag.text.firstIndex(of: "=") else {
                let value = GivenValue(text: flag.text, origin: .flag(flag.flag))
                diagnostics.add(value.diagnostic("C002", "'\(flag.text)' is not key=value", hints: ["for example --set time.grace=30s"]))
                continue
            }
            let path = String(flag.text[..<equals])
            let value = GivenValue(text: String(flag.text[flag.text.index(after: equals)...]), origin: .flag(flag.flag))
            // Of options given again the last holds, as command lines do.
            ofThisSource[path] = nil
            if let mapping = SettingTable.properties.first(where: { path.hasPrefix($0.path + ".") }) {
                take(property: String(path.dropFirst(mapping.path.count + 1)), value, of: mapping.path)
            } else if SettingTable.isProperties(path) {
                takeProperties(path, yaml: value, source: flag.flag)
            } else if (SettingTable.paths + SettingTable.filePaths + SettingTable.later).contains(path) {
                take(path, value)
            } else {
                let hint = Self.suggestion(for: path) ?? "docs/configuration.md lists all keys"
                diagnostics.add(value.diagnostic("C001", "unknown key '\(path)'", hints: [hint]))
            }
        }
    }

    // MARK: The file

    private mutating func walk(_ node: YAMLNode, prefix: String) {
        for entry in node.mapping ?? [] {
            let path = prefix.isEmpty ? entry.key : "\(prefix).\(entry.key)"
            let isNested = !entry.key.contains(".")
            if isNested, SettingTable.isProperties(path) {
                takeProperties(path, entry.value)
            } else if isNested, (SettingTable.paths + SettingTable.filePaths + SettingTable.later).contains(path) {
                takeNode(path, entry)
            } else if isNested, SettingTable.isGroup(path) {
                if entry.value.mapping != nil {
                    walk(entry.value, prefix: path)
                } else if !entry.value.isNull {
                    diagnostics.add(entry.value.diagnostic("C002", "\(path): keys stand below it, this is \(entry.value.kindName)"))
                }
            } else {
                diagnostics.add(entry.keyNode.diagnostic("C001", "unknown key '\(path)'", hints: [Self.hint(for: entry.key, prefix: prefix, path: path)]))
            }
        }
    }

    private static func hint(for name: String, prefix: String, path: String) -> String {
        if SettingTable.paths.contains(path) {
            return "write each name on a line of its own: " + path.split(separator: ".").joined(separator: ": → ") + ":"
        }
        let siblings = SettingTable.names(in: prefix)
        if Suggestion.closest(to: name, among: siblings) == nil, let elsewhere = suggestion(for: path) { return elsewhere }
        return Suggestion.hint(for: name, among: siblings, label: prefix.isEmpty ? "keys" : "keys of \(prefix)")
    }

    /// The key that was meant: a whole path with a slip in it, or the last name of one.
    private static func suggestion(for path: String) -> String? {
        let known = SettingTable.paths + SettingTable.filePaths
        let last = path.split(separator: ".").last.map(String.init) ?? path
        let lasts = known.map { String($0.split(separator: ".").last ?? "") }
        if let closest = Suggestion.closest(to: path, among: known) { return "did you mean '\(closest)'?" }
        guard let name = lasts.contains(last) ? last : Suggestion.closest(to: last, among: lasts), let at = lasts.firstIndex(of: name) else { return nil }
        return "did you mean '\(known[at])'?"
    }

    private mutating func takeNode(_ path: String, _ entry: YAMLEntry) {
        let node = entry.value
        guard !node.isNull else { return }
        let origin = SettingOrigin.file(node.source.path, line: entry.keyNode.position.line)
        if let text = node.text {
            take(path, GivenValue(text: text, origin: origin, node: node))
        } else if path == SettingTable.bootstrapServers.key.path, let items = node.sequence, items.allSatisfy({ $0.text != nil }) {
            take(path, GivenValue(text: items.compactMap(\.text).joined(separator: ","), origin: origin, node: node))
        } else if SettingTable.later.contains(path) {
            take(path, GivenValue(text: "", origin: origin, node: entry.keyNode))
        } else {
            let takes = SettingTable.key(path).map { "it takes \($0.takes)" } ?? "it takes a path"
            diagnostics.add(node.diagnostic("C002", "\(path): \(takes), this is \(node.kindName)"))
        }
    }

    // MARK: Values

    private mutating func take(_ path: String, _ value: GivenValue) {
        if SettingTable.later.contains(path) {
            diagnostics.add(value.diagnostic("C003", "\(path) is not available in this version", isSecret: true))
            return
        }
        let target = SettingTable.filePaths.contains(path) ? String(path.dropLast("_file".count)) : path
        if let other = ofThisSource[target], other != path {
            diagnostics.add(value.diagnostic("C004", "\(target) and \(target)_file are both given", isSecret: true, hints: ["keep one of them"]))
            return
        }
        ofThisSource[target] = path
        guard target != path else {
            given[path] = value
            return
        }
        if let secret = secret(of: path, value) { given[target] = secret }
    }

    /// The content of the file that the value names, without line ends behind it.
    private mutating func secret(of path: String, _ value: GivenValue) -> GivenValue? {
        switch readFile(value.text) {
        case .failure(let problem):
            diagnostics.add(value.diagnostic("C005", "\(path): cannot read '\(value.text)': \(problem.reason)"))
            return nil
        case .success(let bytes):
            var secret = value
            let content = bytes.reversed().drop { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }.reversed()
            secret.text = String(decoding: content, as: UTF8.self)
            secret.secretFile = value.text
            return secret
        }
    }

    // MARK: Properties

    private mutating func takeProperties(_ path: String, yaml value: GivenValue, source: String) {
        switch YAML.parse(bytes: Array(value.text.utf8), file: value.origin.description) {
        case .failure(let problems): diagnostics.add(problems)
        case .success(let node):
            guard let entries = node.mapping else {
                diagnostics.add(value.diagnostic("C002", "\(path): it takes a mapping, for example {security.protocol: ssl}"))
                return
            }
            for entry in entries {
                guard let text = entry.value.text else {
                    diagnostics.add(value.diagnostic("C002", "\(path): \(entry.key) takes text, this is \(entry.value.kindName)"))
                    continue
                }
                take(property: entry.key, GivenValue(text: text, origin: value.origin), of: path)
            }
        }
    }

    private mutating func takeProperties(_ path: String, _ node: YAMLNode) {
        if node.isNull { return }
        guard let entries = node.mapping else {
            diagnostics.add(node.diagnostic("C002", "\(path): it takes a mapping of librdkafka properties, this is \(node.kindName)"))
            return
        }
        for entry in entries {
            guard let text = entry.value.text, !entry.value.isNull else {
                let hint = entry.value.mapping == nil ? "quote it" : "write property names in one piece: security.protocol: ssl"
                diagnostics.add(entry.value.diagnostic("C002", "\(path): \(entry.key) takes text, this is \(entry.value.kindName)", hints: [hint]))
                continue
            }
            let origin = SettingOrigin.file(node.source.path, line: entry.keyNode.position.line)
            take(property: entry.key, GivenValue(text: text, origin: origin, node: entry.value), of: path)
        }
    }

    private mutating func take(property name: String, _ value: GivenValue, of path: String) {
        var (key, value) = (name, value)
        if name.hasSuffix("_file"), KafkaProperties.isSecret(String(name.dropLast("_file".count))) {
            key = String(name.dropLast("_file".count))
            guard let secret = secret(of: "\(path): \(name)", value) else { return }
            value = secret
        }
        if let problem = Self.problem(key, value) {
            diagnostics.add(value.diagnostic("C006", "\(path): \(problem)", isSecret: KafkaProperties.isSecret(key)))
            return
        }
        properties[path, default: []].removeAll { $0.key == key }
        properties[path, default: []].append(GivenProperty(key: key, value: value))
    }

    private static func problem(_ key: String, _ value: GivenValue) -> String? {
        if let violation = KafkaProperties.reservedViolation(key: key, value: value.text) { return violation }
        do throws(KafkaError) {
            try KafkaProperties([(key, value.text)]).validate()
            return nil
        } catch {
            return KafkaProperties.isSecret(key) ? "librdkafka refuses the value of \(key)" : error.message
        }
    }
}

extension SettingsReader {
    /// The setting's value; reports a value that is none and goes on with the default.
    mutating func value<Value>(_ setting: Setting<Value>) -> Value { optional(setting) ?? setting.standard }

    mutating func value<Value>(_ setting: Setting<Value>, or fallback: Value) -> Value { optional(setting) ?? fallback }

    mutating func optional<Value>(_ setting: Setting<Value>) -> Value? {
        guard let value = given[setting.key.path] else { return nil }
        do throws(SettingRefusal) {
            return try setting.parse(value.text)
        } catch {
            let shown = setting.key.isSecret ? "the value" : "'\(value.text)'"
            let file = value.secretFile.map { " (from \($0))" } ?? ""
            let message = "\(setting.key.path): \(shown)\(file) \(error.what); it takes \(setting.key.takes), for example \(setting.key.example)"
            diagnostics.add(value.diagnostic("C002", message, isSecret: setting.key.isSecret))
            return nil
        }
    }

    /// All properties of a mapping.
    func properties(_ path: String) -> KafkaProperties {
        KafkaProperties((properties[path] ?? []).map { (key: $0.key, value: $0.value.text) })
    }

    func origin(_ path: String) -> SettingOrigin { given[path]?.origin ?? .standard }
}

extension Substring {
    /// The first place of a text.
    fileprivate func range(of text: String) -> Range<Index>? {
        var at = startIndex
        while at < endIndex {
            if self[at...].hasPrefix(text) { return at..<index(at, offsetBy: text.count) }
            at = index(after: at)
        }
        return nil
    }
}

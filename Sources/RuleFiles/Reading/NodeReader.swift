/// Reads YAML nodes as what a schema expects there and collects what is wrong, so that one load reports everything.
///
/// Every method takes an optional node: an absent key reads as nil without a message; a wrong value reads as nil with one.
package struct NodeReader: Sendable {
    package var diagnostics = RuleDiagnostics()

    package init() {}

    /// The mapping's values by key. Unknown keys (E010), missing ones (E011) and other nodes (E012) are reported.
    ///
    /// - Parameters:
    ///   - what: With its article, for messages: `a rule`.
    ///   - hint: For whoever wrote another node.
    package mutating func mapping(_ node: YAMLNode?, _ what: String, keys: [String], required: [String] = [], hint: String? = nil) -> YAMLFields? {
        guard let node, let entries = self.entries(node, what, hint: hint) else { return nil }
        for entry in entries where !keys.contains(where: { Array($0.utf8) == Array(entry.key.utf8) }) {
            diagnostics.add(
                entry.keyNode.diagnostic("E010", "unknown key '\(entry.key)' in \(what)", hints: [Suggestion.hint(for: entry.key, among: keys, label: "keys")]))
        }
        let fields = YAMLFields(node: node, entries: entries)
        for key in required where fields[key] == nil {
            diagnostics.add(node.diagnostic("E011", "\(what) lacks '\(key)'"))
        }
        return fields
    }

    /// The entries of a mapping with free keys.
    package mutating func entries(_ node: YAMLNode?, _ what: String, hint: String? = nil) -> [YAMLEntry]? {
        guard let node else { return nil }
        guard let entries = node.mapping else {
            wrongKind(node, "\(what) must be a mapping (key: value)", hint: hint)
            return nil
        }
        return entries
    }

    package mutating func list(_ node: YAMLNode?, _ key: String) -> [YAMLNode]? {
        guard let node else { return nil }
        guard let items = node.sequence else {
            wrongKind(node, "'\(key)' must be a list")
            return nil
        }
        return items
    }

    /// Non-empty text. A plain scalar's text is taken as it stands: `NO` is the text NO, `010` the text 010.
    package mutating func text(_ node: YAMLNode?, _ key: String, maxLength: Int = .max) -> String? {
        guard let node else { return nil }
        guard let text = node.text else {
            wrongKind(node, "'\(key)' must be text", hint: "put text that starts with '{' or '[' in quotes")
            return nil
        }
        if node.isNull || !text.utf8.contains(where: { $0 > UInt8(ascii: " ") }) {
            diagnostics.add(node.diagnostic("E012", "'\(key)' is empty"))
            return nil
        }
        if text.unicodeScalars.count > maxLength {
            diagnostics.add(node.diagnostic("E018", "'\(key)' has \(text.unicodeScalars.count) characters; \(maxLength) are allowed"))
            return nil
        }
        return text
    }

    package mutating func texts(_ node: YAMLNode?, _ key: String) -> [String]? {
        guard let items = list(node, key) else { return nil }
        return items.compactMap { text($0, "an item of \(key)") }
    }

    /// A decimal integer without quotes.
    package mutating func integer(_ node: YAMLNode?, _ key: String, in range: ClosedRange<Int>) -> Int? {
        guard let node else { return nil }
        if let number = node.text.flatMap(Self.integer) {
            guard node.scalar?.style == .plain else {
                diagnostics.add(node.diagnostic("E015", "'\(key)' must be a number, this is text", hints: ["write \(number) without quotes"]))
                return nil
            }
            if range.contains(number) { return number }
        }
        let bounds =
            range == .min ... .max ? "" : range.upperBound == .max ? " of \(range.lowerBound) or more" : " from \(range.lowerBound) to \(range.upperBound)"
        diagnostics.add(node.diagnostic("E015", "'\(key)' must be a whole number\(bounds)"))
        return nil
    }

    package mutating func flag(_ node: YAMLNode?, _ key: String) -> Bool? {
        guard let node else { return nil }
        if node.scalar?.style == .plain, let text = node.text, text == "true" || text == "false" { return text == "true" }
        diagnostics.add(node.diagnostic("E013", "'\(key)' must be true or false"))
        return nil
    }

    /// One of a closed list of words.
    package mutating func choice<Choice>(_ node: YAMLNode?, _ key: String, _ choices: [(name: String, value: Choice)]) -> Choice? {
        guard let node else { return nil }
        if let text = node.text {
            if let found = choices.first(where: { $0.name == text }) { return found.value }
            diagnostics.add(
                node.diagnostic("E013", "'\(key)' can't be '\(text)'", hints: [Suggestion.hint(for: text, among: choices.map(\.name), label: "it is one of")]))
        } else {
            wrongKind(node, "'\(key)' must be one of: " + choices.map(\.name).joined(separator: ", "))
        }
        return nil
    }

    /// Milliseconds of a duration such as `1h30m`, above 0.
    package mutating func duration(_ node: YAMLNode?, _ key: String) -> Int64? {
        guard let node else { return nil }
        guard let milliseconds = node.text.flatMap(DurationText.milliseconds), milliseconds > 0 else {
            diagnostics.add(
                node.diagnostic("E014", "'\(key)' must be a duration", hints: ["for example 30s, 5m, 1h30m, 30d; units are d, h, m, s, ms, in this order"]))
            return nil
        }
        return milliseconds
    }

    /// Milliseconds since the epoch of an RFC 3339 time.
    package mutating func time(_ node: YAMLNode?, _ key: String) -> Int64? {
        guard let node else { return nil }
        guard let milliseconds = node.text.flatMap(TimeText.milliseconds) else {
            diagnostics.add(node.diagnostic("E016", "'\(key)' must be a time", hints: ["for example \"2026-02-02T10:00:00Z\": RFC 3339, milliseconds at most"]))
            return nil
        }
        return milliseconds
    }

    /// A name: `[a-z][a-z0-9_]*`.
    ///
    /// - Parameter what: With its article, for messages: `a rule's id`.
    package mutating func name(_ node: YAMLNode?, _ what: String) -> String? {
        guard let node, let text = text(node, what, maxLength: 64) else { return nil }
        guard Self.isName(text.utf8[...]) else {
            diagnostics.add(node.diagnostic("E017", "'\(text)' can't be \(what)", hints: ["it begins with a-z and goes on with a-z, 0-9 and _"]))
            return nil
        }
        return text
    }

    package mutating func wrongKind(_ node: YAMLNode, _ message: String, hint: String? = nil) {
        diagnostics.add(node.diagnostic("E012", "\(message), this is \(node.kindName)", hints: hint.map { [$0] } ?? []))
    }

    static func isName(_ text: Substring.UTF8View) -> Bool {
        guard let first = text.first, (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(first) else { return false }
        return text.allSatisfy { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || isDigit($0) || $0 == UInt8(ascii: "_") }
    }

    private static func integer(_ text: String) -> Int? {
        let digits = text.utf8.drop { $0 == UInt8(ascii: "-") }
        guard text.utf8.count - digits.count <= 1, !digits.isEmpty, digits.allSatisfy(isDigit) else { return nil }
        return Int(text)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}

/// The values of a mapping by key.
package struct YAMLFields: Sendable {
    package let node: YAMLNode
    package let entries: [YAMLEntry]

    /// nil where the key is absent.
    package subscript(key: String) -> YAMLNode? { entries.first { $0.key == key }?.value }
}

/// A value in a YAML file, with where it stands. Scalars are text: whoever reads one decides its type by what is expected there.
package struct YAMLNode: Sendable {
    package enum Content: Sendable {
        case scalar(YAMLScalar)
        case sequence([YAMLNode])
        /// In file order; keys are unique.
        case mapping([YAMLEntry])
    }

    package let source: SourceFile
    /// The bytes it covers in `source`; a collection's range ends at its last item.
    package let range: Range<Int>
    package let content: Content

    package init(source: SourceFile, range: Range<Int>, content: Content) {
        self.source = source
        self.range = range
        self.content = content
    }

    package var position: SourcePosition { source.position(ofByte: range.lowerBound) }

    package var scalar: YAMLScalar? {
        if case .scalar(let scalar) = content { scalar } else { nil }
    }

    package var sequence: [YAMLNode]? {
        if case .sequence(let items) = content { items } else { nil }
    }

    package var mapping: [YAMLEntry]? {
        if case .mapping(let entries) = content { entries } else { nil }
    }

    /// The text of a scalar.
    package var text: String? { scalar?.text }

    /// True for `key:` with nothing after it, `~` and `null`: YAML's ways to say nothing.
    package var isNull: Bool {
        guard let scalar, scalar.style == .plain else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(scalar.text)
    }

    /// The value under a key of a mapping; nil where there is none, and for other nodes.
    package subscript(key: String) -> YAMLNode? {
        mapping?.first { Array($0.key.utf8) == Array(key.utf8) }?.value
    }

    /// What it is, for messages: `text`, `a list`, `a mapping`, `nothing`.
    package var kindName: String {
        switch content {
        case .scalar: isNull ? "nothing" : "text"
        case .sequence: "a list"
        case .mapping: "a mapping"
        }
    }
}

/// A key and its value.
package struct YAMLEntry: Sendable {
    /// Always a scalar.
    package let keyNode: YAMLNode
    package let value: YAMLNode

    package init(keyNode: YAMLNode, value: YAMLNode) {
        self.keyNode = keyNode
        self.value = value
    }

    package var key: String { keyNode.text ?? "" }
}

/// A scalar's text after YAML's folding and unescaping, and how it was written.
package struct YAMLScalar: Sendable {
    package enum Style: Sendable {
        case plain, singleQuoted, doubleQuoted
        /// `|`: lines are kept.
        case literal
        /// `>`: lines are joined.
        case folded
    }

    package let text: String
    package let style: Style

    package init(text: String, style: Style) {
        self.text = text
        self.style = style
    }
}

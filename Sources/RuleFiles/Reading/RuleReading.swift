import FraudEngine

/// One rule of a file.
extension RuleFileReader {
    private static let severities = Severity.allCases.map { (name: $0.rawValue, value: $0) }
    private static let statuses = RuleStatus.allCases.map { (name: $0.rawValue, value: $0) }
    static let actions = Action.allCases.map { (name: $0.name.description, value: $0) }

    mutating func rule(_ node: YAMLNode) -> RuleDraft? {
        guard let fields = reader.mapping(node, "a rule", keys: RuleFileKeys.rule, required: RuleFileKeys.requiredOfRule) else { return nil }
        let id = reader.name(fields["id"], "a rule's id")
        let title = reader.text(fields["title"], "title", maxLength: 120)
        let when = condition(fields["when"])
        let reason = reader.text(fields["reason"], "reason", maxLength: 1_000) == nil ? nil : fields["reason"]
        let notes = notes(fields, id)
        let severity = reader.choice(fields["severity"], "severity", Self.severities) ?? .low
        let action = reader.choice(fields["action"], "action", Self.actions) ?? .review
        let score = reader.integer(fields["score"], "score", in: 0...100) ?? 0
        let status = reader.choice(fields["status"], "status", Self.statuses)
        let oncePer = oncePer(fields["once_per"])
        let (from, until) = effective(fields["effective"])
        guard let id, let idNode = fields["id"], let title, let when, let status else { return nil }
        return RuleDraft(
            id: id, idNode: idNode, node: node, title: title, when: when, reason: reason, severity: severity, action: action, score: score, status: status,
            oncePer: oncePer, effectiveFrom: from, effectiveUntil: until, notes: notes)
    }

    /// The node of `when:` if it is text; warns where YAML ate the end of the condition as a comment.
    private mutating func condition(_ node: YAMLNode?) -> YAMLNode? {
        guard let node, reader.text(node, "when", maxLength: 10_000) != nil else { return nil }
        let rest = node.source.restOfLine(from: node.range.upperBound)
        let comment = node.source.bytes[rest].drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
        if node.scalar?.style == .plain, comment.first == UInt8(ascii: "#") {
            reader.diagnostics.add(
                RuleDiagnostic(
                    severity: .warning, code: "W203", source: node.source, at: comment.startIndex,
                    length: node.source.codePoints(in: comment.startIndex..<rest.upperBound),
                    message: "YAML takes this for a comment, not for a part of the condition",
                    hint: "write the condition as a block (when: |), or put the comment on a line of its own"))
        }
        return node
    }

    private mutating func oncePer(_ node: YAMLNode?) -> OncePer {
        guard let node else { return .period(milliseconds: 300_000) }
        if node.text == "payment" { return .payment }
        guard let milliseconds = node.text.flatMap(DurationText.milliseconds), (60_000...86_400_000).contains(milliseconds) else {
            reader.diagnostics.add(
                node.diagnostic(
                    "E014", "'once_per' must be a duration from 1m to 24h, or payment",
                    hints: ["one alert per account and period: once_per: 5m; an alert for every payment: once_per: payment"]))
            return .payment
        }
        return .period(milliseconds: milliseconds)
    }

    private mutating func effective(_ node: YAMLNode?) -> (from: Int64, until: Int64) {
        guard let node, let fields = reader.mapping(node, "'effective'", keys: RuleFileKeys.effective) else { return (.min, .max) }
        let from = reader.time(fields["from"], "from") ?? .min
        let until = reader.time(fields["until"], "until") ?? .max
        if from >= until { reader.diagnostics.add(node.diagnostic("E016", "'until' must be later than 'from'")) }
        return (from, until)
    }

    private mutating func notes(_ fields: YAMLFields, _ id: String?) -> RuleNotes {
        var notes = RuleNotes(
            ruleID: id ?? "", file: fields.node.source.path, line: (fields["id"] ?? fields.node).position.line, condition: fields["when"]?.text ?? "",
            owner: reader.text(fields["owner"], "owner") ?? "")
        notes.tags = tags(fields["tags"])
        notes.description = reader.text(fields["description"], "description")
        notes.references = reader.texts(fields["references"], "references") ?? []
        notes.falsePositives = reader.texts(fields["false_positives"], "false_positives") ?? []
        return notes
    }

    private mutating func tags(_ node: YAMLNode?) -> [String] {
        let tags = reader.texts(node, "tags") ?? []
        for (at, tag) in tags.enumerated() where tags[..<at].contains(tag) {
            if let node { reader.diagnostics.add(node.diagnostic("E006", "tag '\(tag)' is given twice")) }
        }
        return tags
    }
}

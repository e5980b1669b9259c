import FraudEngine

/// Features: the whole documented form is understood; what the engine cannot compute yet is refused by name.
extension RuleFileReader {
    private enum Aggregate {
        case available(Feature.Aggregate)
        case planned

        static let choices: [(name: String, value: Aggregate)] = [
            ("count", .available(.count)), ("sum", .available(.sum)), ("avg", .planned), ("min", .planned), ("max", .planned),
            ("distinct", .planned), ("previous", .planned), ("time_since_last", .planned),
        ]
    }

    private static let windowKeys = RuleFileKeys.window + RuleFileKeys.plannedWindow
    private static let currentChoices: [(name: String, value: Bool)] = [("include", true), ("exclude", false)]

    mutating func feature(_ entry: YAMLEntry) -> FeatureDraft? {
        let name = featureName(entry.keyNode)
        guard let fields = reader.mapping(entry.value, "a feature", keys: RuleFileKeys.feature + RuleFileKeys.plannedFeature, required: ["aggregate"]) else {
            return nil
        }
        _ = reader.text(fields["description"], "description")
        let aggregate = reader.choice(fields["aggregate"], "aggregate", Aggregate.choices)
        let includesCurrent = reader.choice(fields["current"], "current", Self.currentChoices) ?? true
        if let filter = fields["where"], reader.text(filter, "where") != nil { refuse(filter, "'where' (counting only some payments)") }
        guard let aggregate, let aggregateNode = fields["aggregate"] else { return nil }
        guard case .available(let available) = aggregate else {
            refuse(aggregateNode, "aggregate '\(aggregateNode.text ?? "")'")
            return nil
        }
        operand(fields, available)
        window(fields, entry)
        guard let name else { return nil }
        return FeatureDraft(nameNode: entry.keyNode, feature: Feature(name: name, aggregate: available, includesCurrent: includesCurrent))
    }

    private mutating func featureName(_ node: YAMLNode) -> String? {
        guard let text = reader.text(node, "a feature's name", maxLength: 64) else { return nil }
        let prefix = "account."
        guard text.hasPrefix(prefix), NodeReader.isName(text.utf8.dropFirst(prefix.utf8.count)) else {
            reader.diagnostics.add(node.diagnostic("E017", "a feature can't be named '\(text)'", hints: ["features belong to the account: account.count_5m"]))
            return nil
        }
        return text
    }

    private mutating func operand(_ fields: YAMLFields, _ aggregate: Feature.Aggregate) {
        let of = fields["of"]
        switch aggregate {
        case .count:
            if let of { reader.diagnostics.add(of.diagnostic("E013", "count counts payments and takes no 'of'")) }
        case .sum:
            guard let of else {
                reader.diagnostics.add(fields.node.diagnostic("E011", "sum needs 'of'", hints: ["write of: payment.amount"]))
                return
            }
            guard let text = reader.text(of, "of") else { return }
            if text.split(whereSeparator: \.isWhitespace).joined() != "payment.amount" { refuse(of, "the sum of anything but payment.amount") }
        }
    }

    private mutating func window(_ fields: YAMLFields, _ entry: YAMLEntry) {
        guard let node = fields["window"] else {
            reader.diagnostics.add(
                fields.node.diagnostic(
                    "E011", "the feature '\(entry.key)' lacks 'window'", hints: ["write window: {tumbling: \(DurationText.text(milliseconds: baseWindow))}"]))
            return
        }
        guard let window = reader.mapping(node, "a window", keys: Self.windowKeys) else { return }
        let kinds = window.entries.filter { $0.key != "step" && Self.windowKeys.contains($0.key) }
        for kind in window.entries where Self.windowKeys.contains(kind.key) { _ = reader.duration(kind.value, kind.key) }
        guard kinds.count == 1, let kind = kinds.first else {
            reader.diagnostics.add(node.diagnostic("E013", "a window is one of tumbling, sliding, session"))
            return
        }
        if let step = window["step"], kind.key != "sliding" { reader.diagnostics.add(step.diagnostic("E013", "'step' belongs to a sliding window")) }
        if kind.key != "tumbling" {
            refuse(kind.keyNode, "a \(kind.key) window")
        } else if let size = kind.value.text.flatMap(DurationText.milliseconds), size > 0, size != baseWindow {
            refuse(kind.value, "a window of \(DurationText.text(milliseconds: size))")
        }
    }

    private mutating func refuse(_ node: YAMLNode, _ what: String) {
        let base = DurationText.text(milliseconds: baseWindow)
        reader.diagnostics.add(
            node.diagnostic(
                "E040", "\(what) is not available in this version",
                hints: ["this version reads tumbling windows of the base length, {tumbling: \(base)}, with count and sum of payment.amount"]))
    }

}

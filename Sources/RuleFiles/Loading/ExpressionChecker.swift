import CEL
import FraudEngine

/// Turns drafts into rules: checks their conditions and reasons, and shows what is wrong where it stands in the file.
struct ExpressionChecker {
    private(set) var diagnostics = RuleDiagnostics()
    private let environment: CEL.Environment
    private let schema: PaymentSchema
    /// Names that a file declares in a way that is refused: what a rule does with them is not worth a second message.
    private let refusedNames: [String]
    /// Of the rules so far, in tenths of a unit.
    private var setCost = 0

    init(schema: PaymentSchema, features: [Feature], lists: [String], refusedNames: [String]) {
        environment = RuleEnvironment.make(schema: schema, features: features, lists: lists)
        self.schema = schema
        self.refusedNames = refusedNames
    }

    /// nil if the condition or the reason is in error.
    mutating func rule(_ draft: RuleDraft) -> Rule? {
        let condition = condition(draft.when)
        let reason = reason(draft)
        guard let condition, let reason else { return nil }
        limitCost(of: condition, draft)
        var rule = Rule(id: draft.id, title: draft.title, condition: condition, reason: reason)
        rule.severity = draft.severity
        rule.action = draft.action
        rule.score = draft.score
        rule.status = draft.status
        rule.oncePer = draft.oncePer
        rule.effectiveFrom = draft.effectiveFrom
        rule.effectiveUntil = draft.effectiveUntil
        return rule
    }

    private mutating func condition(_ node: YAMLNode) -> CheckedExpression? {
        guard let scalar = node.scalar else { return nil }
        let checked = CheckedExpression.checkCondition(scalar.text, in: environment)
        report(checked.diagnostics, node, scalar)
        return checked.expression
    }

    private mutating func reason(_ draft: RuleDraft) -> ReasonTemplate? {
        guard let node = draft.reason, let scalar = node.scalar else { return ReasonTemplate(parts: [.text(draft.title)]) }
        let (template, found) = ReasonText.parse(scalar.text, in: environment)
        report(found, node, scalar)
        return template
    }

    // MARK: Messages

    private mutating func report(_ found: [CEL.Diagnostic], _ node: YAMLNode, _ scalar: YAMLScalar) {
        guard !found.isEmpty, !refusedNames.contains(where: { mentions($0, scalar.text) }) else { return }
        let offsets = ScalarOffsets(node, scalar)
        for diagnostic in found { diagnostics.add(placed(diagnostic, node.source, offsets)) }
    }

    /// The message of an expression, as a message of its file.
    private func placed(_ diagnostic: CEL.Diagnostic, _ source: SourceFile, _ offsets: ScalarOffsets) -> RuleDiagnostic {
        let start = offsets.byte(ofText: diagnostic.range.lowerBound)
        let length: Int
        if diagnostic.range.isEmpty {
            length = 1
        } else {
            let last = offsets.byte(ofText: diagnostic.range.upperBound - 1)
            let line = source.restOfLine(from: start)
            length = source.codePoints(in: start..<max(start, min(last + 1, line.upperBound)))
        }
        var placed = RuleDiagnostic(
            severity: diagnostic.isWarning ? .warning : .error, code: diagnostic.code, source: source, at: start, length: length, message: diagnostic.message,
            caretNote: diagnostic.caretNote)
        placed.hints = diagnostic.hints
        return placed
    }

    /// True if the name stands in the text, not as a part of a longer one.
    private func mentions(_ name: String, _ text: String) -> Bool {
        let (name, text) = (Array(name.utf8), Array(text.utf8))
        guard text.count >= name.count else { return false }
        return (0...text.count - name.count).contains { at in
            guard text[at..<at + name.count].elementsEqual(name) else { return false }
            let isStart = at == 0 || !isNamePart(text[at - 1])
            return isStart && (at + name.count == text.count || !isNamePart(text[at + name.count]))
        }
    }

    private func isNamePart(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"): true
        default: false
        }
    }

    // MARK: Cost

    private mutating func limitCost(of condition: CheckedExpression, _ draft: RuleDraft) {
        guard draft.status != .disabled, let scalar = draft.when.scalar else { return }
        let cost = ExpressionCost(environment: environment, schema: schema)
        let units = cost.tenths(condition.root)
        let before = setCost
        setCost += units
        if units > ExpressionCost.ruleLimit * 10 {
            let dearest = cost.dearest(condition.root)
            let offsets = ScalarOffsets(draft.when, scalar)
            let position = draft.when.source.position(ofByte: offsets.byte(ofText: dearest.range.lowerBound))
            let text = String(decoding: Array(condition.source.utf8)[dearest.range.clamped(to: 0..<condition.source.utf8.count)], as: UTF8.self)
            let hint = "the dearest part is \(OneLine.text(text, limit: 60)) at \(position.line):\(position.column) (\(cost.tenths(dearest) / 10)); fields with a smaller max_length cost less"
            diagnostics.add(
                draft.when.diagnostic("E150", "worst-case cost \(units / 10) is over the rule limit \(ExpressionCost.ruleLimit)", hints: [hint]))
        } else if before <= ExpressionCost.setLimit * 10, setCost > ExpressionCost.setLimit * 10 {
            diagnostics.add(
                draft.when.diagnostic("E153", "with this rule the worst-case cost of the set is over the limit \(ExpressionCost.setLimit)", hints: ["remove or disable rules, or make long conditions cheaper"]))
        }
    }
}

/// Text of several lines as one.
enum OneLine {
    /// White space runs become one space; what is longer than `limit` code points ends in `…`.
    static func text(_ text: String, limit: Int = .max) -> String {
        let line = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        guard line.unicodeScalars.count > limit else { return line }
        return String(String.UnicodeScalarView(line.unicodeScalars.prefix(limit))) + "…"
    }
}

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
        let (template, found) = ReasonTemplate.parse(scalar.text, in: environment)
        report(found, node, scalar)
        return template
    }

    // MARK: Messages

    private mutating func report(_ found: [CEL.Diagnostic], _ node: YAMLNode, _ scalar: YAMLScalar) {
        guard !found.isEmpty, !refusedNames.contains(where: { mentions($0, scalar.text) }) else { return }
        let offsets = ScalarOffsets(node, scalar)
        for diagnostic in found {
            let range = place(of: diagnostic.range, scalar, offsets)
            var placed = RuleDiagnostic(
                severity: diagnostic.isWarning ? .warning : .error, code: diagnostic.code, source: node.source, at: range.lowerBound,
                length: node.source.codePoints(in: range), message: diagnostic.message, caretNote: diagnostic.caretNote)
            placed.hints = diagnostic.hints
            diagnostics.add(placed)
        }
    }

    /// The bytes of the file, within one line, that a range of an expression stands for. What is missing at the expression's end is shown right
    /// behind its last character, not in the line after a block.
    private func place(of range: Range<Int>, _ scalar: YAMLScalar, _ offsets: ScalarOffsets) -> Range<Int> {
        let text = Array(scalar.text.utf8)
        let visibleEnd = (text.lastIndex { $0 > UInt8(ascii: " ") } ?? -1) + 1
        if range.lowerBound >= visibleEnd, visibleEnd > 0 {
            let end = offsets.byte(ofText: visibleEnd - 1) + 1
            return end..<end
        }
        let start = offsets.byte(ofText: range.lowerBound)
        guard !range.isEmpty else { return start..<start }
        let lineEnd = text[range.lowerBound...].firstIndex(of: UInt8(ascii: "\n")) ?? text.count
        return start..<max(start, offsets.byte(ofText: min(range.upperBound, max(lineEnd, range.lowerBound + 1)) - 1) + 1)
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
        let offsets = ScalarOffsets(draft.when, scalar)
        let start = offsets.byte(ofText: condition.root.range.lowerBound)
        if units > ExpressionCost.ruleLimit * 10 {
            let dearest = cost.dearest(condition.root)
            let position = draft.when.source.position(ofByte: offsets.byte(ofText: dearest.range.lowerBound))
            let text = String(decoding: Array(condition.source.utf8)[dearest.range.clamped(to: 0..<condition.source.utf8.count)], as: UTF8.self)
            let hint =
                "the dearest part is \(OneLine.text(text, limit: 60)) at \(position.line):\(position.column) (\(cost.tenths(dearest) / 10)); fields with a smaller max_length cost less"
            diagnostics.add(
                RuleDiagnostic(
                    code: "E150", source: draft.when.source, at: start,
                    message: "worst-case cost \(units / 10) is over the rule limit \(ExpressionCost.ruleLimit)", hint: hint))
        } else if before <= ExpressionCost.setLimit * 10, setCost > ExpressionCost.setLimit * 10 {
            diagnostics.add(
                RuleDiagnostic(
                    code: "E153", source: draft.when.source, at: start,
                    message: "with this rule the worst-case cost of the set is over the limit \(ExpressionCost.setLimit)",
                    hint: "remove or disable rules, or make long conditions cheaper"))
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

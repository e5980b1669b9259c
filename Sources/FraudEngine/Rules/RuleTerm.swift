import CEL

/// A part of a condition with what it came to on one payment: what makes a rule debuggable.
package struct RuleTerm: Sendable, Equatable {
    /// As written, on one line.
    package var text: String
    /// nil: an error.
    package var isTrue: Bool?
    /// What it was made of: `6`, `24.5`, `"SE"`, the parts of an alternative; nil where there is nothing to add.
    package var detail: String?

    /// `account.count_5m >= 6 is false (5)`
    package var description: String {
        let outcome = isTrue.map { $0 ? "true" : "false" } ?? "in error"
        return "\(text) is \(outcome)" + (detail.map { " (\($0))" } ?? "")
    }
}

extension FoldKit {
    /// The `&&` terms of a rule's condition on a row that was folded last, in source order. For people: it allocates.
    ///
    /// The records of that run must still be there. A sum beyond Int64 is not told from a small one here.
    package func terms(ofRule rule: Int, row: Int) -> [RuleTerm] { evaluator.terms(rule: rule, row: row, columns: columns, batch: batch) }

    /// What is wrong with the record decoded last, for people; only if it is invalid.
    package func problem() -> String {
        var writer = ByteWriter(capacity: 256)
        decoder.appendProblem(to: &writer)
        return String(decoding: writer.array(), as: UTF8.self)
    }
}

extension RuleExplanation {
    /// The `&&` terms of the condition, in source order.
    func terms(_ condition: CheckedExpression, _ evaluation: ScalarEvaluation) -> [RuleTerm] {
        let source = Array(condition.source.utf8)
        return conjuncts(condition.root).map { term($0, source, evaluation) }
    }

    private func conjuncts(_ plan: Plan) -> [Plan] {
        guard case .and(let left, let right) = plan.form else { return [plan] }
        return conjuncts(left) + conjuncts(right)
    }

    private func term(_ plan: Plan, _ source: [UInt8], _ evaluation: ScalarEvaluation) -> RuleTerm {
        let written = String(decoding: source[plan.range.clamped(to: 0..<source.count)], as: UTF8.self)
        let text = written.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        let isTrue: Bool? = if case .bool(let value) = evaluation.value(plan) { value } else { nil }
        return RuleTerm(text: text, isTrue: isTrue, detail: detail(plan, isTrue, source, evaluation))
    }

    private func detail(_ plan: Plan, _ isTrue: Bool?, _ source: [UInt8], _ evaluation: ScalarEvaluation) -> String? {
        switch plan.form {
        case .and(let left, let right), .or(let left, let right):
            return [left, right].map { term($0, source, evaluation).description }.joined(separator: "; ")
        case .not(let operand): return detail(operand, isTrue.map { !$0 }, source, evaluation)
        case .constant, .variable, .has, .arithmetic, .negate, .conditional, .intToDouble, .doubleToInt, .size, .comparison, .inNamedList, .inConstants,
            .startsWith, .endsWith, .contains:
            if isTrue == nil { return absent(plan, evaluation).map { "\($0) is absent" } ?? "overflow, or division by zero" }
            return values(plan, evaluation)
        }
    }

    /// The values that the term compared, without those that stand in its text.
    private func values(_ plan: Plan, _ evaluation: ScalarEvaluation) -> String? {
        switch plan.form {
        case .comparison(_, let left, let right), .startsWith(let left, let right), .endsWith(let left, let right), .contains(let left, let right):
            let values = [left, right].filter { !isConstant($0) }.map { text(evaluation.value($0)) }
            return values.isEmpty ? nil : values.joined(separator: " and ")
        case .inNamedList(let operand, _), .inConstants(let operand, _): return text(evaluation.value(operand))
        case .constant, .variable, .has, .and, .or, .not, .arithmetic, .negate, .conditional, .intToDouble, .doubleToInt, .size: return nil
        }
    }

    private func isConstant(_ plan: Plan) -> Bool {
        if case .constant = plan.form { true } else { false }
    }

    private func text(_ value: ScalarValue?) -> String {
        var writer = ByteWriter(capacity: 64)
        writer.append(json: value)
        return String(decoding: writer.array(), as: UTF8.self)
    }

    /// The first variable without a value that the term reads.
    private func absent(_ plan: Plan, _ evaluation: ScalarEvaluation) -> String? {
        switch plan.form {
        case .variable(let index): return evaluation.variables[index] == nil ? variables[index].name : nil
        case .constant, .has: return nil
        case .and(let a, let b), .or(let a, let b), .comparison(_, let a, let b), .arithmetic(_, let a, let b), .startsWith(let a, let b),
            .endsWith(let a, let b), .contains(let a, let b):
            return absent(a, evaluation) ?? absent(b, evaluation)
        case .not(let a), .negate(let a), .intToDouble(let a), .doubleToInt(let a), .size(let a), .inNamedList(let a, _), .inConstants(let a, _):
            return absent(a, evaluation)
        case .conditional(let a, let b, let c): return absent(a, evaluation) ?? absent(b, evaluation) ?? absent(c, evaluation)
        }
    }
}

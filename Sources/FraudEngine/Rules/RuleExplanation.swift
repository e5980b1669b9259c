import CEL

/// Says of a match what was true and why: evidence and reason. For alerts only: it allocates.
final class RuleExplanation {
    let variables: [CEL.Environment.Variable]
    private let sources: [VariableLoad.Source]
    private let lists: [String: ByteSet]

    init(_ set: RuleSet) {
        variables = RuleEnvironment.make(schema: set.schema, features: set.features, lists: Array(set.lists.keys)).variables
        sources = variables.indices.map { RuleVariable.source($0, schema: set.schema, features: set.features) }
        lists = set.lists.mapValues { ByteSet($0) }
    }

    /// The values that the row's payment saw.
    func evaluation(of row: Int, _ columns: borrowing FoldedColumns, _ batch: borrowing PaymentBatch) -> ScalarEvaluation {
        var values: [ScalarValue?] = []
        values.reserveCapacity(sources.count)
        var failing: Set<Int> = []
        for index in sources.indices {
            values.append(Self.value(sources[index], isTime: variables[index].type == .timestamp, row: row, columns, batch))
            if case .windowSum = sources[index], values[index] == nil { failing.insert(index) }
        }
        return ScalarEvaluation(variables: values, failing: failing, lists: lists)
    }

    private static func value(
        _ source: VariableLoad.Source, isTime: Bool, row: Int, _ columns: borrowing FoldedColumns, _ batch: borrowing PaymentBatch
    ) -> ScalarValue? {
        let lane = columns.lane[row]
        let payment = batch.payments[lane]
        func isPresent(_ field: Int, _ batch: borrowing PaymentBatch) -> Bool { batch.present[field] >> UInt64(lane) & 1 != 0 }
        switch source {
        case .paymentID: return .string(payment.paymentID.array)
        case .account: return .string(payment.account.array)
        case .amount: return .double(payment.majorAmount)
        case .currency: return .string(Array(payment.currency.text.utf8))
        case .occurredAt: return .timestamp(payment.occurredAt)
        case .string(let field): return isPresent(field, batch) ? .string(batch.strings[field * RegisterFile.rows + lane].array) : nil
        case .integer(let field):
            guard isPresent(field, batch) else { return nil }
            let number = Int64(bitPattern: batch.numbers[field * RegisterFile.rows + lane])
            return isTime ? .timestamp(number) : .int(number)
        case .double(let field):
            return isPresent(field, batch) ? .double(Double(bitPattern: batch.numbers[field * RegisterFile.rows + lane])) : nil
        case .bool(let field): return isPresent(field, batch) ? .bool(batch.numbers[field * RegisterFile.rows + lane] & 1 != 0) : nil
        case .presence(let field): return .bool(isPresent(field, batch))
        case .windowCount(let includesCurrent): return .int(columns.windowCount[row] - (includesCurrent ? 0 : 1))
        case .windowSum(let includesCurrent):
            guard columns.windowSumOverflow >> UInt64(row) & 1 == 0 else { return nil }
            let sum = includesCurrent ? columns.windowSum[row] : columns.windowSum[row] - payment.amount
            return .double(MinorUnits.major(sum, exponent: payment.currency.exponent))
        }
    }

    // MARK: Evidence

    /// The true comparisons on the deciding path, in source order, as a JSON array.
    func appendEvidence(_ condition: CheckedExpression, _ evaluation: ScalarEvaluation, to writer: inout ByteWriter) {
        let source = Array(condition.source.utf8)
        writer.append(UInt8(ascii: "["))
        let start = writer.count
        append(condition.root, source, evaluation, startingAt: start, to: &writer)
        writer.append(UInt8(ascii: "]"))
    }

    /// `plan` is true.
    private func append(_ plan: Plan, _ source: [UInt8], _ evaluation: ScalarEvaluation, startingAt start: Int, to writer: inout ByteWriter) {
        switch plan.form {
        case .and(let left, let right):
            append(left, source, evaluation, startingAt: start, to: &writer)
            append(right, source, evaluation, startingAt: start, to: &writer)
        case .or(let left, let right):
            if evaluation.isTrue(left) { append(left, source, evaluation, startingAt: start, to: &writer) }
            if evaluation.isTrue(right) { append(right, source, evaluation, startingAt: start, to: &writer) }
        case .comparison(let comparison, let left, let right):
            begin(left, source, startingAt: start, to: &writer)
            writer.append(json: evaluation.value(left))
            writer.append(",\"operator\":\"")
            writer.append(utf8: comparison.rawValue)
            writer.append("\",\"threshold\":")
            writer.append(json: evaluation.value(right))
            writer.append(UInt8(ascii: "}"))
        case .constant, .variable, .has, .not, .arithmetic, .negate, .conditional, .inNamedList, .inConstants, .intToDouble, .doubleToInt, .size,
            .startsWith, .endsWith, .contains:
            begin(plan, source, startingAt: start, to: &writer)
            writer.append(json: evaluation.value(plan))
            writer.append(UInt8(ascii: "}"))
        }
    }

    /// Everything up to the observed value: `{"name":"account.count_5m","observed":`.
    private func begin(_ named: Plan, _ source: [UInt8], startingAt start: Int, to writer: inout ByteWriter) {
        if writer.count > start { writer.append(UInt8(ascii: ",")) }
        writer.append("{\"name\":")
        source[named.range.clamped(to: 0..<source.count)].withUnsafeBytes { writer.append(jsonString: ByteSlice($0)) }
        writer.append(",\"observed\":")
    }

    // MARK: Reason

    /// The template with its values in place, as a JSON string.
    func appendReason(_ template: ReasonTemplate, _ evaluation: ScalarEvaluation, to writer: inout ByteWriter) {
        writer.append(UInt8(ascii: "\""))
        for part in template.parts {
            switch part {
            case .text(let text): writer.append(escaped: text)
            case .value(let expression, let decimals): writer.append(escaped: evaluation.value(expression.root), decimals: decimals)
            }
        }
        writer.append(UInt8(ascii: "\""))
    }
}

extension ByteWriter {
    /// As a JSON value; `null` for an error and for a double that is not finite.
    mutating func append(json value: ScalarValue?) {
        switch value {
        case .bool(let value): append(value ? "true" : "false")
        case .int(let value): append(decimal: value)
        case .double(let value): append(jsonNumber: value)
        case .string(let bytes): bytes.withUnsafeBytes { append(jsonString: ByteSlice($0)) }
        case .timestamp(let value):
            append(UInt8(ascii: "\""))
            append(timestamp: value)
            append(UInt8(ascii: "\""))
        case .duration(let value):
            append(UInt8(ascii: "\""))
            append(duration: value)
            append(UInt8(ascii: "\""))
        case nil: append("null")
        }
    }

    /// As a reason prints it, for the inside of a JSON string.
    fileprivate mutating func append(escaped value: ScalarValue?, decimals: Int?) {
        switch value {
        case .bool(let value): append(value ? "true" : "false")
        case .int(let value):
            append(decimal: value)
            guard let decimals, decimals > 0 else { return }
            append(UInt8(ascii: "."))
            for _ in 0..<decimals { append(UInt8(ascii: "0")) }
        case .double(let value):
            if let decimals { return append(fixed: value, decimals: decimals) }
            value.isFinite ? append(jsonNumber: value) : append(fixed: value, decimals: 0)
        case .string(let bytes): bytes.withUnsafeBytes { append(escaped: ByteSlice($0)) }
        case .timestamp(let value): append(timestamp: value)
        case .duration(let value): append(duration: value)
        case nil: append("–")
        }
    }

    /// Nanoseconds as CEL writes them, largest unit first: `1h30m`, `-45s`, `1s500ms`, `0s`.
    mutating func append(duration nanoseconds: Int64) {
        var rest = nanoseconds.magnitude
        guard rest > 0 else { return append("0s") }
        if nanoseconds < 0 { append(UInt8(ascii: "-")) }
        let units: [(UInt64, StaticString)] = [
            (3_600_000_000_000, "h"), (60_000_000_000, "m"), (1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us"), (1, "ns"),
        ]
        for (size, name) in units where rest >= size {
            append(decimal: rest / size)
            append(name)
            rest %= size
        }
    }
}

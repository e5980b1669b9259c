import FraudEngine

/// Turns a test's payment into the JSON that the engine decodes, member by member, as the payment schema types them.
struct GivenMembers {
    /// 10000-01-01T00:00:00Z, milliseconds.
    static let endOfTime: Int64 = 253_402_300_800_000

    var reader: NodeReader

    /// The keys a given payment may have.
    static func names(_ schema: PaymentSchema) -> [String] {
        RuleFileKeys.given + schema.fields.map(\.name)
    }

    /// The JSON but for the members that differ from repeat to repeat.
    struct Template {
        /// nil: made up.
        var paymentID: String?
        /// `"name":value` pairs, in file order.
        var members: [String] = []

        /// - Parameter number: Of the payment in its test, from 1.
        func text(at: Int64, number: Int) -> String {
            let head = ["\"payment_id\":\(JSONText.quoted(paymentID ?? "test-payment-\(number)"))", "\"occurred_at\":\"\(TimeText.text(milliseconds: at))\""]
            return "{" + (head + members).joined(separator: ",") + "}"
        }
    }

    mutating func json(_ fields: YAMLFields, _ schema: PaymentSchema) -> Template {
        var template = Template()
        template.paymentID = reader.text(fields["payment_id"], "payment_id")
        for entry in fields.entries {
            guard let value = value(entry, schema) else { continue }
            template.members.append("\(JSONText.quoted(entry.key)):\(value)")
        }
        return template
    }

    /// The member's JSON; nil for members of the test itself and for wrong values.
    private mutating func value(_ entry: YAMLEntry, _ schema: PaymentSchema) -> String? {
        switch entry.key {
        case "account_id", "currency": return reader.text(entry.value, entry.key).map(JSONText.quoted)
        case "amount": return number(entry, "an amount in major units", hint: "for example 9.90: digits, then a point and decimals if need be")
        default:
            guard let field = schema.fields.first(where: { $0.name == entry.key }) else { return nil }
            return entry.value.isNull ? "null" : attribute(entry, field.kind)
        }
    }

    private mutating func attribute(_ entry: YAMLEntry, _ kind: PaymentSchema.Kind) -> String? {
        switch kind {
        case .string: reader.text(entry.value, entry.key).map(JSONText.quoted)
        case .int: reader.integer(entry.value, entry.key, in: .min ... .max).map(String.init)
        case .double: number(entry, "a number", hint: "for example 0.25")
        case .bool: reader.flag(entry.value, entry.key).map { $0 ? "true" : "false" }
        case .timestamp: reader.time(entry.value, entry.key).map { "\"\(TimeText.text(milliseconds: $0))\"" }
        }
    }

    /// A decimal number, passed on digit by digit so that nothing is rounded.
    private mutating func number(_ entry: YAMLEntry, _ what: String, hint: String) -> String? {
        if let text = entry.value.text, Self.isDecimal(text) { return text }
        reader.diagnostics.add(entry.value.diagnostic("E015", "'\(entry.key)' must be \(what)", hints: [hint]))
        return nil
    }

    /// JSON's number without an exponent.
    private static func isDecimal(_ text: String) -> Bool {
        var digits = text.utf8[...]
        if digits.first == UInt8(ascii: "-") { digits = digits.dropFirst() }
        let parts = digits.split(separator: UInt8(ascii: "."), maxSplits: 1, omittingEmptySubsequences: false)
        guard let whole = parts.first, !whole.isEmpty, whole.count == 1 || whole.first != UInt8(ascii: "0") else { return false }
        return parts.allSatisfy { !$0.isEmpty && $0.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } }
    }
}

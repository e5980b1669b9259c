import FraudEngine

/// Reads `schema.yaml`: the attributes of a payment beyond the five that every payment has.
struct SchemaReader {
    /// Members every payment has; a schema cannot declare them anew.
    static let builtIn = ["payment_id", "account_id", "amount", "currency", "occurred_at"]
    private static let kinds: [(name: String, value: PaymentSchema.Kind)] = [
        ("string", .string), ("int", .int), ("double", .double), ("bool", .bool), ("timestamp", .timestamp),
    ]
    private static let maxFields = 64
    private static let maxStringBytes = 4_096

    var reader = NodeReader()
    /// Fields whose declaration is refused.
    private(set) var refusedNames: [String] = []

    mutating func read(_ root: YAMLNode) -> PaymentSchema {
        guard let fields = reader.mapping(root, "the payment schema", keys: ["version", "fields"], required: ["version"]) else { return PaymentSchema() }
        reader.version(fields["version"])
        let entries = reader.entries(fields["fields"], "'fields'") ?? []
        if entries.count > Self.maxFields, let node = fields["fields"] {
            reader.diagnostics.add(node.diagnostic("E018", "\(entries.count) fields are declared; \(Self.maxFields) are allowed"))
        }
        var schema = PaymentSchema()
        for entry in entries.prefix(Self.maxFields) {
            let errorsBefore = reader.diagnostics.errorCount
            if let field = field(entry), reader.diagnostics.errorCount == errorsBefore { schema.fields.append(field) } else { refusedNames.append(entry.key) }
        }
        return schema
    }

    private mutating func field(_ entry: YAMLEntry) -> PaymentSchema.Field? {
        let name = reader.name(entry.keyNode, "a field's name")
        if let name, Self.builtIn.contains(name) {
            reader.diagnostics.add(entry.keyNode.diagnostic("E013", "every payment has '\(name)': it is not declared here"))
        }
        guard let fields = reader.mapping(entry.value, "a payment field", keys: ["type", "max_length", "required", "description"], required: ["type"]) else {
            return nil
        }
        _ = reader.text(fields["description"], "description")
        let kind = reader.choice(fields["type"], "type", Self.kinds)
        let maxLength = reader.integer(fields["max_length"], "max_length", in: 1...Self.maxStringBytes) ?? 64
        if let node = fields["max_length"], let kind, kind != .string {
            reader.diagnostics.add(node.diagnostic("E013", "'max_length' is for strings only"))
        }
        let required = reader.flag(fields["required"], "required") ?? false
        guard let name, let kind else { return nil }
        return PaymentSchema.Field(name: name, kind: kind, maxLength: maxLength, required: required)
    }
}

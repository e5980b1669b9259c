/// The further attributes of a payment that rules may read (`rules/schema.yaml`); members it does not declare are ignored.
package struct PaymentSchema: Sendable, Equatable {
    package enum Kind: UInt8, Sendable, CaseIterable {
        case string, int, double, bool, timestamp
    }

    package struct Field: Sendable, Equatable {
        package var name: String
        package var kind: Kind
        /// Bytes, strings only; a longer value is an invalid record (`wrong_type`).
        package var maxLength: Int
        /// An absent required field is an invalid record (`missing_field`); JSON null counts as absent.
        package var required: Bool

        package init(name: String, kind: Kind, maxLength: Int = 64, required: Bool = false) {
            self.name = name
            self.kind = kind
            self.maxLength = maxLength
            self.required = required
        }
    }

    /// At most 64 fields, names unique; a field's index here is its attribute number in `PaymentBatch`.
    package var fields: [Field]

    package init(fields: [Field] = []) { self.fields = fields }
}

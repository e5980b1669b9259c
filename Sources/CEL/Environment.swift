/// What an expression may name. Names are of the form `payment.amount`: a closed record and its field.
package struct Environment: Sendable {
    package struct Variable: Sendable, Equatable {
        /// With its record: `account.count_5m`.
        package var name: String
        package var type: ValueType
        /// May be absent; reading it without `has()` draws a warning.
        package var isOptional: Bool
        /// When it is absent, for the warning: `on an account's first payment`; nil says only that it may be.
        package var absence: String?

        package init(name: String, type: ValueType, isOptional: Bool = false, absence: String? = nil) {
            self.name = name
            self.type = type
            self.isOptional = isOptional
            self.absence = absence
        }
    }

    /// A plan names a variable by its index here.
    package var variables: [Variable]
    /// Names of the lists, as `lists.name` reads them, without `lists.`.
    package var lists: [String]

    package init(variables: [Variable], lists: [String] = []) {
        self.variables = variables
        self.lists = lists
    }
}

/// What is wrong, or doubtful, with an expression.
package struct Diagnostic: Error, Sendable, Equatable {
    /// Stable: E1xx for errors, W2xx for warnings.
    package var code: String
    /// UTF-8 offsets into the expression's source; empty only at its end.
    package var range: Range<Int>
    package var message: String
    /// Stands behind the caret.
    package var caretNote: String?
    package var hints: [String]
    package var isWarning: Bool

    package init(code: String, range: Range<Int>, message: String, caretNote: String? = nil, hints: [String] = [], isWarning: Bool = false) {
        self.code = code
        self.range = range
        self.message = message
        self.caretNote = caretNote
        self.hints = hints
        self.isWarning = isWarning
    }
}

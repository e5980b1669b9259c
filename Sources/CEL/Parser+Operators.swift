/// Operators, those of other languages included, and what stands where none or another should.
extension Parser {
    struct FoundOperator {
        var symbol: Syntax.Operator
        var range: Range<Int>
        /// `not in`.
        var isNegated = false
    }

    private static let operatorWords: [String: Syntax.Operator] = ["and": .and, "or": .or, "is": .comparison(.equal), "in": .in]

    /// The binary operator here, taken, if it binds at least that tightly; a foreign one is noted and read as CEL's.
    mutating func binaryOperator(minimum: Int) throws(Diagnostic) -> FoundOperator? {
        guard let found = try operatorHere(), found.symbol.precedence >= minimum else { return nil }
        switch token.kind {
        case .foreign(let written, let meant): noteForeign(written, meant?.rawValue ?? "")
        case .identifier(let text) where text != "in":
            if text.lowercased() != "not" { noteForeign(text, found.symbol.text) }
        case .end, .identifier, .quotedIdentifier, .int, .uint, .double, .string, .bytes, .symbol: break
        }
        try advance()
        if found.isNegated { try noteNotIn(found.range) }
        return found
    }

    private func operatorHere() throws(Diagnostic) -> FoundOperator? {
        switch token.kind {
        case .symbol(let symbol): return symbol.binary.map { FoundOperator(symbol: $0, range: token.range) }
        case .identifier(let text):
            let word = text.lowercased()
            if word == "not" { return FoundOperator(symbol: .in, range: token.range, isNegated: true) }
            return Self.operatorWords[word].map { FoundOperator(symbol: $0, range: token.range) }
        case .foreign(let written, let meant):
            guard let meant else { throw foreign(written, hint: Self.hintWithoutSymbol(written)) }
            guard let binary = meant.binary else { throw unexpected() }
            return FoundOperator(symbol: binary, range: token.range)
        case .end, .quotedIdentifier, .int, .uint, .double, .string, .bytes: return nil
        }
    }

    /// Behind `not` at an operator's place only `in` makes sense.
    private mutating func noteNotIn(_ not: Range<Int>) throws(Diagnostic) {
        guard case .identifier(let text) = token.kind, text.lowercased() == "in" else {
            throw Diagnostic(code: "E140", range: not, message: "an operator is missing before 'not'", hints: ["write && ! or || !"])
        }
        note(
            Diagnostic(code: "E140", range: not.lowerBound..<token.range.upperBound, message: "'not in' is not an operator", hints: ["write !(value in list)"]))
        try advance()
    }

    /// The `!` or `-` here, taken; `NOT` and its like are noted.
    mutating func unarySign() throws(Diagnostic) -> (isNot: Bool, range: Range<Int>)? {
        let range = token.range
        let isNot: Bool
        switch token.kind {
        case .symbol(.not): isNot = true
        case .symbol(.minus): isNot = false
        case .foreign(let written, .some(.not)):
            noteForeign(written, "!")
            isNot = true
        case .foreign(let written, .some(.minus)):
            noteForeign(written, "-")
            isNot = false
        case .identifier(let text) where text.lowercased() == "not":
            noteForeign(text, "!")
            isNot = true
        case .end, .identifier, .quotedIdentifier, .int, .uint, .double, .string, .bytes, .symbol, .foreign: return nil
        }
        try advance()
        return (isNot, range)
    }

    private mutating func noteForeign(_ written: String, _ meant: String) {
        let purpose = meant == "==" ? " to compare" : ""
        note(foreign(written, hint: "write '\(meant)'\(purpose)"))
    }

    private func foreign(_ written: String, hint: String) -> Diagnostic {
        Diagnostic(code: "E140", range: token.range, message: "'\(written)' is not an operator", hints: [hint])
    }

    private static func hintWithoutSymbol(_ written: String) -> String {
        written == "^" || written == "**" ? "there are no powers: write x * x" : "operators are && || ! == != < <= > >= in + - * / %"
    }

    /// Takes the closing bracket or explains what stands in its place.
    mutating func close(_ symbol: Token.Symbol, _ opening: Range<Int>) throws(Diagnostic) {
        if try take(symbol) { return }
        if token.kind != .end, token.beginsOperand { throw unexpected() }
        throw Diagnostic(
            code: "E141", range: token.range, message: "'\(symbol.rawValue)' is missing", hints: ["it closes '\(lexer.excerpt(from: opening.lowerBound))'"])
    }

    private static let wordHints: [String: String] = [
        "like": "write startsWith, endsWith or contains: payment.country.startsWith(\"N\")",
        "between": "write a <= x && x <= b", "matches": "write startsWith, endsWith or contains", "contains": "write text.contains(\"part\")",
        "startswith": "write text.startsWith(\"start\")", "endswith": "write text.endsWith(\"end\")", "mod": "write '%'", "div": "write '/'",
        "eq": "write '=='", "ne": "write '!='", "lt": "write '<'", "le": "write '<='", "gt": "write '>'", "ge": "write '>='",
        "xor": "write '!=' between two conditions",
        "equals": "write '=='", "then": "write condition ? value : other value", "if": "write condition ? value : other value",
    ]

    /// What is wrong with the token here, where an expression should have ended.
    func unexpected() -> Diagnostic {
        let written = lexer.text(token.range)
        if case .identifier(let text) = token.kind, let hint = Self.wordHints[text.lowercased()] {
            return Diagnostic(code: "E140", range: token.range, message: "'\(text)' is not an operator", hints: [hint])
        }
        if token.beginsOperand {
            return Diagnostic(
                code: "E140", range: token.range, message: "an operator is missing before \(Self.quoted(written))",
                hints: ["write &&, || or a comparison between the two"])
        }
        switch token.kind {
        case .end:
            return Diagnostic(code: "E141", range: token.range, message: "the expression ends too early", hints: ["finish it, or delete the last operator"])
        case .symbol(.rightParen), .symbol(.rightBracket), .symbol(.rightBrace):
            return Diagnostic(code: "E141", range: token.range, message: "'\(written)' closes nothing", hints: ["delete it, or open it before"])
        case .identifier, .quotedIdentifier, .int, .uint, .double, .string, .bytes, .symbol, .foreign:
            return Diagnostic(
                code: "E141", range: token.range, message: "\(Self.quoted(written)) can't stand here",
                hints: ["delete it, or join two conditions with && or ||"])
        }
    }

    /// What is wrong with the token here, where an operand should begin.
    func missingOperand() -> Diagnostic {
        guard token.kind != .end else { return unexpected() }
        let written = lexer.text(token.range)
        return Diagnostic(
            code: "E141", range: token.range, message: "a value is missing before \(Self.quoted(written))",
            hints: ["write a field, a number or a text in quotes there"])
    }

    private static func quoted(_ written: String) -> String {
        written.hasPrefix("\"") || written.hasPrefix("'") ? written : "'\(written)'"
    }
}

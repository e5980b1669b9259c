extension Parser {
    static let keywords: [String] = ["true", "false", "null", "in"]
    static let reserved: [String] = [
        "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop", "package", "namespace", "return", "var", "void", "while",
    ]

    /// A literal, a name, a call, a list, a map, or an expression in parentheses.
    mutating func primary() throws(Diagnostic) -> Syntax {
        let start = token.range.lowerBound
        switch token.kind {
        case .int(let magnitude):
            if magnitude > UInt64(Int64.max) { note(Lexer.outOfRange(String(magnitude), range: token.range, type: "int")) }
            return try literal(.int(Int64(clamping: magnitude)))
        case .uint(let value): return try literal(.uint(value))
        case .double(let value): return try literal(.double(value))
        case .string(let value): return try literal(.string(value))
        case .bytes(let value): return try literal(.bytes(value))
        case .identifier(let text): return try named(text)
        case .symbol(.dot):
            try advance()
            guard case .identifier(let text) = token.kind, !Self.keywords.contains(text) else { throw unexpected() }
            var root = try named(text)
            root.range = start..<root.range.upperBound
            return root
        case .symbol(.leftParen): return try parenthesised()
        case .symbol(.leftBracket): return try list()
        case .symbol(.leftBrace): return try map()
        case .end, .quotedIdentifier, .foreign, .symbol: throw missingOperand()
        }
    }

    private mutating func literal(_ value: Syntax.Literal) throws(Diagnostic) -> Syntax {
        let range = token.range
        try advance()
        return try node(.literal(value), from: range.lowerBound, to: range.upperBound)
    }

    private mutating func named(_ text: String) throws(Diagnostic) -> Syntax {
        switch text {
        case "true": return try literal(.bool(true))
        case "false": return try literal(.bool(false))
        case "null": return try literal(.null)
        case "in": throw missingOperand()
        default: break
        }
        if Self.reserved.contains(text) {
            let hint =
                text == "if" || text == "else" ? "write condition ? value : other value" : "choose another name; after a dot it is allowed: payment.\(text)"
            throw Diagnostic(code: "E146", range: token.range, message: "'\(text)' is a reserved word", hints: [hint])
        }
        let name = Syntax.Name(text: text, range: token.range)
        try advance()
        guard isSymbol(.leftParen) else { return try node(.identifier(text), from: name.range.lowerBound, to: name.range.upperBound) }
        let arguments = try arguments()
        return try node(.call(name, arguments), from: name.range.lowerBound, to: previousEnd, height: arguments.reduce(0) { max($0, $1.height) })
    }

    private mutating func parenthesised() throws(Diagnostic) -> Syntax {
        let opening = token.range
        try advance()
        var inner = try expression()
        try close(.rightParen, opening)
        inner.range = opening.lowerBound..<previousEnd
        inner.isParenthesised = true
        return inner
    }

    private mutating func list() throws(Diagnostic) -> Syntax {
        let opening = token.range
        try advance()
        var elements: [Syntax] = []
        while !isSymbol(.rightBracket) {
            try refuseOptional()
            elements.append(try expression())
            guard try take(.comma) else { break }
        }
        try close(.rightBracket, opening)
        return try node(.list(elements), from: opening.lowerBound, to: previousEnd, height: elements.reduce(0) { max($0, $1.height) })
    }

    private mutating func map() throws(Diagnostic) -> Syntax {
        let opening = token.range
        try advance()
        var entries: [Syntax.Entry] = []
        while !isSymbol(.rightBrace) {
            try refuseOptional()
            let key = try expression()
            try requireColon()
            entries.append(Syntax.Entry(key: key, value: try expression()))
            guard try take(.comma) else { break }
        }
        try close(.rightBrace, opening)
        let height = entries.reduce(0) { max($0, $1.key.height, $1.value.height) }
        return try node(.map(entries), from: opening.lowerBound, to: previousEnd, height: height)
    }

    /// `Type{field: value}`, from the brace on.
    mutating func message(_ type: Syntax) throws(Diagnostic) -> Syntax {
        let opening = token.range
        try advance()
        var fields: [Syntax.Field] = []
        while !isSymbol(.rightBrace) {
            try refuseOptional()
            let name: Syntax.Name
            switch token.kind {
            case .identifier(let text), .quotedIdentifier(let text): name = Syntax.Name(text: text, range: token.range)
            case .end, .int, .uint, .double, .string, .bytes, .symbol, .foreign:
                throw Diagnostic(
                    code: "E141", range: token.range, message: "a field's name is missing",
                    hints: ["records can't be made in rules; compare their fields instead"])
            }
            try advance()
            try requireColon()
            fields.append(Syntax.Field(name: name, value: try expression()))
            guard try take(.comma) else { break }
        }
        try close(.rightBrace, opening)
        let height = fields.reduce(type.height) { max($0, $1.value.height) }
        return try node(.message(type, fields), from: type.range.lowerBound, to: previousEnd, height: height)
    }

    private mutating func requireColon() throws(Diagnostic) {
        guard try take(.colon) else {
            throw Diagnostic(
                code: "E141", range: token.range, message: "':' is missing after the key",
                hints: ["a map is written {key: value}; maps are not available in rules"])
        }
    }

    /// Optional fields and entries (`a.?b`, `a[?0]`) are an extension of CEL.
    mutating func refuseOptional() throws(Diagnostic) {
        guard isSymbol(.question) else { return }
        throw Diagnostic(
            code: "E130", range: token.range, message: "optional access with '?' is not available in rules",
            hints: ["guard the field: has(payment.country) && ..."])
    }
}

extension Syntax {
    /// A text's tree and what is wrong with the text. The tree is there, too, after errors that the parser could repair.
    package struct Parsed: Sendable {
        package var syntax: Syntax?
        package var diagnostics: [Diagnostic]
    }

    /// Parses CEL's grammar. Never traps and never exhausts the stack, whatever the text.
    package static func parse(_ source: String) -> Parsed {
        var parser = Parser(source)
        do throws(Diagnostic) {
            let syntax = try parser.whole()
            return Parsed(syntax: syntax, diagnostics: parser.allDiagnostics)
        } catch {
            return Parsed(syntax: nil, diagnostics: parser.allDiagnostics + [error])
        }
    }
}

/// Recursive descent with one token of lookahead; operators by precedence climbing.
struct Parser {
    var lexer: Lexer
    var token = Token(kind: .end, range: 0..<0)
    /// Where the token before `token` ended.
    var previousEnd = 0
    private var depth = 0
    private var nodes = 0
    private var diagnostics: [Diagnostic] = []

    init(_ source: String) {
        lexer = Lexer(source)
    }

    var allDiagnostics: [Diagnostic] { diagnostics + lexer.diagnostics }

    mutating func whole() throws(Diagnostic) -> Syntax {
        try advance()
        if token.kind == .end {
            throw Diagnostic(code: "E149", range: token.range, message: "the expression is empty", hints: ["write a condition: payment.amount > 1000"])
        }
        let syntax = try expression()
        guard token.kind == .end else { throw unexpected() }
        return syntax
    }

    mutating func advance() throws(Diagnostic) {
        previousEnd = token.range.upperBound
        token = try lexer.next()
    }

    mutating func note(_ diagnostic: Diagnostic) {
        diagnostics.append(diagnostic)
    }

    func isSymbol(_ symbol: Token.Symbol) -> Bool {
        token.kind == .symbol(symbol)
    }

    /// Takes `symbol` if it stands here.
    mutating func take(_ symbol: Token.Symbol) throws(Diagnostic) -> Bool {
        guard isSymbol(symbol) else { return false }
        try advance()
        return true
    }

    /// A node over `form`; counts it.
    mutating func node(_ form: Syntax.Form, from start: Int, to end: Int, height: Int = 0) throws(Diagnostic) -> Syntax {
        nodes += 1
        let range = start..<end
        guard nodes <= Syntax.Limits.nodes else {
            throw Diagnostic(
                code: "E152", range: range, message: "the expression has more than \(Syntax.Limits.nodes) parts",
                hints: ["split it into several rules, or put constants into a list"])
        }
        guard height < Syntax.Limits.depth else { throw Self.tooDeep(range) }
        return Syntax(range: range, height: height + 1, form: form)
    }

    private static func tooDeep(_ range: Range<Int>) -> Diagnostic {
        Diagnostic(
            code: "E151", range: range, message: "the expression is nested more than \(Syntax.Limits.depth) deep",
            hints: ["take parentheses away, or split it into several rules"])
    }

    /// `a ? b : c` and everything that binds tighter.
    mutating func expression() throws(Diagnostic) -> Syntax {
        guard depth < Syntax.Limits.depth else { throw Self.tooDeep(token.range) }
        depth += 1
        defer { depth -= 1 }
        let condition = try operators(minimum: 1)
        guard isSymbol(.question) else { return condition }
        let question = token.range.lowerBound
        try advance()
        let then = try expression()
        guard try take(.colon) else {
            if token.kind != .end, token.beginsOperand { throw unexpected() }
            throw Diagnostic(
                code: "E141", range: token.range, message: "':' is missing",
                hints: ["it belongs to '\(lexer.excerpt(from: question))'; write condition ? value : other value"])
        }
        let otherwise = try expression()
        let height = max(condition.height, then.height, otherwise.height)
        return try node(
            .conditional(condition, then: then, otherwise: otherwise), from: condition.range.lowerBound, to: otherwise.range.upperBound, height: height)
    }

    /// Binary operators of at least that precedence.
    private mutating func operators(minimum: Int) throws(Diagnostic) -> Syntax {
        var left = try unary()
        while let found = try binaryOperator(minimum: minimum) {
            let right = try operators(minimum: found.symbol.precedence + 1)
            if found.symbol == .and || found.symbol == .or {
                left = try chain(found.symbol, first: left, at: found.range, second: right)
            } else {
                left = try binary(found.symbol, at: found.range, left, right)
            }
            if found.isNegated { left = try node(.not(left), from: left.range.lowerBound, to: left.range.upperBound, height: left.height) }
        }
        return left
    }

    private mutating func binary(_ symbol: Syntax.Operator, at range: Range<Int>, _ left: Syntax, _ right: Syntax) throws(Diagnostic) -> Syntax {
        try node(.binary(symbol, at: range, left, right), from: left.range.lowerBound, to: right.range.upperBound, height: max(left.height, right.height))
    }

    /// The rest of a chain of one of `&&` and `||`, as a balanced tree.
    private mutating func chain(_ symbol: Syntax.Operator, first: Syntax, at range: Range<Int>, second: Syntax) throws(Diagnostic) -> Syntax {
        var terms = [first, second]
        var operators = [range]
        while let next = try binaryOperator(minimum: symbol.precedence) {
            // Operators of a lower precedence don't come back, and those of a higher one were taken by the term before.
            operators.append(next.range)
            terms.append(try self.operators(minimum: symbol.precedence + 1))
        }
        return try balanced(symbol, terms[...], operators)
    }

    private mutating func balanced(_ symbol: Syntax.Operator, _ terms: ArraySlice<Syntax>, _ operators: [Range<Int>]) throws(Diagnostic) -> Syntax {
        if terms.count == 1 { return terms[terms.startIndex] }
        let middle = terms.startIndex + (terms.count + 1) / 2
        let left = try balanced(symbol, terms[..<middle], operators)
        let right = try balanced(symbol, terms[middle...], operators)
        return try binary(symbol, at: operators[middle - 1], left, right)
    }

    /// `!` and `-`, any number of them.
    private mutating func unary() throws(Diagnostic) -> Syntax {
        var signs: [(isNot: Bool, range: Range<Int>)] = []
        while let sign = try unarySign() { signs.append(sign) }
        var operand: Syntax
        if let last = signs.last, !last.isNot, let literal = try negativeLiteral(from: last.range.lowerBound) {
            signs.removeLast()
            operand = try postfix(literal)
        } else {
            operand = try postfix(try primary())
        }
        for sign in signs.reversed() {
            operand = try node(sign.isNot ? .not(operand) : .negate(operand), from: sign.range.lowerBound, to: operand.range.upperBound, height: operand.height)
        }
        return operand
    }

    /// The int or double behind a minus, as one literal: so Int64's least value can be written.
    private mutating func negativeLiteral(from start: Int) throws(Diagnostic) -> Syntax? {
        let literal: Syntax.Literal
        switch token.kind {
        case .int(let magnitude):
            if magnitude > 1 << 63 { note(Lexer.outOfRange("-\(magnitude)", range: start..<token.range.upperBound, type: "int")) }
            literal = .int(magnitude >= 1 << 63 ? .min : -Int64(magnitude))
        case .double(let value): literal = .double(-value)
        case .end, .identifier, .quotedIdentifier, .uint, .string, .bytes, .symbol, .foreign: return nil
        }
        try advance()
        return try node(.literal(literal), from: start, to: previousEnd)
    }

    /// `.name`, `.name(...)`, `[...]` and `{...}` behind a primary.
    private mutating func postfix(_ primary: Syntax) throws(Diagnostic) -> Syntax {
        var operand = primary
        while true {
            let start = operand.range.lowerBound
            if isSymbol(.dot) {
                try advance()
                operand = try member(of: operand)
            } else if isSymbol(.leftBracket) {
                let opening = token.range
                try advance()
                try refuseOptional()
                let index = try expression()
                try close(.rightBracket, opening)
                operand = try node(.index(operand, index), from: start, to: previousEnd, height: max(operand.height, index.height))
            } else if isSymbol(.leftBrace), operand.path != nil {
                operand = try message(operand)
            } else {
                return operand
            }
        }
    }

    private mutating func member(of operand: Syntax) throws(Diagnostic) -> Syntax {
        try refuseOptional()
        let name = try selector()
        guard isSymbol(.leftParen) else {
            return try node(.select(operand, name), from: operand.range.lowerBound, to: previousEnd, height: operand.height)
        }
        let arguments = try arguments()
        let height = arguments.reduce(operand.height) { max($0, $1.height) }
        return try node(.method(operand, name, arguments), from: operand.range.lowerBound, to: previousEnd, height: height)
    }

    /// A name behind a dot; reserved words are allowed there.
    private mutating func selector() throws(Diagnostic) -> Syntax.Name {
        switch token.kind {
        case .identifier(let text) where !Self.keywords.contains(text), .quotedIdentifier(let text):
            let name = Syntax.Name(text: text, range: token.range)
            try advance()
            return name
        case .end, .identifier, .int, .uint, .double, .string, .bytes, .symbol, .foreign:
            throw Diagnostic(code: "E141", range: token.range, message: "a name is missing after '.'", hints: ["write record.field: payment.amount"])
        }
    }

    /// `(a, b)`, from the parenthesis on.
    mutating func arguments() throws(Diagnostic) -> [Syntax] {
        let opening = token.range
        try advance()
        var arguments: [Syntax] = []
        if !isSymbol(.rightParen) {
            repeat { arguments.append(try expression()) } while try take(.comma)
        }
        try close(.rightParen, opening)
        return arguments
    }
}

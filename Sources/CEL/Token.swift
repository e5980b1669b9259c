/// One lexical element and where it stands.
struct Token: Sendable, Equatable {
    enum Kind: Sendable, Equatable {
        case end
        case identifier(String)
        /// A name in back quotes.
        case quotedIdentifier(String)
        /// The magnitude: CEL's int literals have no sign of their own.
        case int(UInt64)
        case uint(UInt64)
        case double(Double)
        case string(String)
        case bytes([UInt8])
        case symbol(Symbol)
        /// An operator of another language, with CEL's way to write it.
        case foreign(String, Symbol?)
    }

    enum Symbol: String, Sendable, CaseIterable {
        case or = "||", and = "&&", equal = "==", notEqual = "!=", lessOrEqual = "<=", greaterOrEqual = ">="
        case less = "<", greater = ">", plus = "+", minus = "-", star = "*", slash = "/", percent = "%", not = "!"
        case leftParen = "(", rightParen = ")", leftBracket = "[", rightBracket = "]", leftBrace = "{", rightBrace = "}"
        case comma = ",", dot = ".", colon = ":", question = "?"

        /// The binary operator that this is.
        var binary: Syntax.Operator? {
            switch self {
            case .or: .or
            case .and: .and
            case .equal: .comparison(.equal)
            case .notEqual: .comparison(.notEqual)
            case .less: .comparison(.less)
            case .lessOrEqual: .comparison(.lessOrEqual)
            case .greater: .comparison(.greater)
            case .greaterOrEqual: .comparison(.greaterOrEqual)
            case .plus: .arithmetic(.add)
            case .minus: .arithmetic(.subtract)
            case .star: .arithmetic(.multiply)
            case .slash: .arithmetic(.divide)
            case .percent: .arithmetic(.remainder)
            case .not, .leftParen, .rightParen, .leftBracket, .rightBracket, .leftBrace, .rightBrace, .comma, .dot, .colon, .question: nil
            }
        }
    }

    var kind: Kind
    var range: Range<Int>

    /// Whether an operand can begin with it.
    var beginsOperand: Bool {
        switch kind {
        case .identifier, .quotedIdentifier, .int, .uint, .double, .string, .bytes: true
        case .symbol(let symbol): symbol == .leftParen || symbol == .not || symbol == .leftBrace
        case .foreign, .end: false
        }
    }
}

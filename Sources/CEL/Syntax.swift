/// An untyped syntax tree of the CEL grammar. Immutable; no deeper than `Limits.depth`, no larger than `Limits.nodes`.
package struct Syntax: Sendable {
    /// What bounds an expression, so that no text can exhaust the stack.
    package enum Limits {
        /// Nesting, and height of the tree; chains of `&&` and `||` are balanced and count their logarithm.
        package static let depth = 64
        package static let nodes = 1000
    }

    /// A name and where it stands.
    package struct Name: Sendable, Equatable {
        package var text: String
        package var range: Range<Int>
    }

    package enum Literal: Sendable, Equatable {
        case null
        case bool(Bool)
        case int(Int64)
        case uint(UInt64)
        case double(Double)
        case string(String)
        case bytes([UInt8])
    }

    package enum Operator: Sendable, Equatable {
        case or, and, `in`
        case comparison(Comparison)
        case arithmetic(Arithmetic)

        /// Higher binds tighter: 1 for `||` up to 5 for `*`.
        var precedence: Int {
            switch self {
            case .or: 1
            case .and: 2
            case .comparison, .in: 3
            case .arithmetic(.add), .arithmetic(.subtract): 4
            case .arithmetic(.multiply), .arithmetic(.divide), .arithmetic(.remainder): 5
            }
        }

        /// As it is written.
        package var text: String {
            switch self {
            case .or: "||"
            case .and: "&&"
            case .in: "in"
            case .comparison(let comparison): comparison.rawValue
            case .arithmetic(let arithmetic): arithmetic.rawValue
            }
        }
    }

    package struct Entry: Sendable {
        package var key: Syntax
        package var value: Syntax
    }

    package struct Field: Sendable {
        package var name: Name
        package var value: Syntax
    }

    package indirect enum Form: Sendable {
        case literal(Literal)
        case identifier(String)
        case select(Syntax, Name)
        case call(Name, [Syntax])
        case method(Syntax, Name, [Syntax])
        case index(Syntax, Syntax)
        case not(Syntax)
        case negate(Syntax)
        case binary(Operator, at: Range<Int>, Syntax, Syntax)
        case conditional(Syntax, then: Syntax, otherwise: Syntax)
        case list([Syntax])
        case map([Entry])
        case message(Syntax, [Field])
    }

    /// UTF-8 offsets into the source; with its parentheses.
    package var range: Range<Int>
    package var isParenthesised = false
    /// 1 for a leaf.
    package var height: Int
    package var form: Form

    /// `a.b.c` as its names, parentheses or not; nil for anything else.
    package var path: [Name]? {
        switch form {
        case .identifier(let text): return [Name(text: text, range: range)]
        case .select(let operand, let name):
            guard let path = operand.path else { return nil }
            return path + [name]
        case .literal, .call, .method, .index, .not, .negate, .binary, .conditional, .list, .map, .message: return nil
        }
    }
}

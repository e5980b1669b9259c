/// A parsed and type-checked expression.
public struct CheckedExpression: Sendable {
    public init() {}
}

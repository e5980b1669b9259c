/// Judges up to 64 folded payments by all rules of a set, in columns.
package final class RuleEvaluator {
    package init(_ set: RuleSet) {}

    /// Evaluates every active and shadow rule on rows `0 ..< columns.count`.
    package func evaluate(_ columns: borrowing FoldedColumns, _ batch: borrowing PaymentBatch) {}

    /// Bit r: rule `rule` (its index in `RuleSet.rules`) is true on row r; disabled rules never are.
    package func matches(_ rule: Int) -> UInt64 { 0 }

    /// Bit r: the rule is in error on row r.
    package func errors(_ rule: Int) -> UInt64 { 0 }

    /// The JSON array of the alert's member `evidence`.
    package func appendEvidence(rule: Int, row: Int, columns: borrowing FoldedColumns, batch: borrowing PaymentBatch, to writer: inout ByteWriter) {}

    /// The JSON string of the alert's member `reason`.
    package func appendReason(rule: Int, row: Int, columns: borrowing FoldedColumns, batch: borrowing PaymentBatch, to writer: inout ByteWriter) {}
}

/// What a record is, as far as the record alone can say.
package enum Classification: Equatable {
    case payment
    /// A tombstone or an ignored operation.
    case ignored
    case invalid(InvalidReason)
}

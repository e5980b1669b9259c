/// Turns records into payments: classifies one record and writes its values into a lane of the batch.
package struct PaymentDecoder: ~Copyable {
    package init(mapping: InputMapping, schema: PaymentSchema) {}

    /// Starts a run of at most 64 records: scratch that earlier payments point into may be reused from here on.
    package mutating func beginRun() {}

    /// Decodes one record into `lane`; on anything but `.payment` the lane's values are meaningless.
    package mutating func decode(_ record: RawRecord, lane: Int, into batch: borrowing PaymentBatch) -> Classification { .ignored }

    /// The amount of the last record in minor units if it could be read although the record is invalid.
    package var readableAmount: Int64? { nil }

    /// What is wrong with the last record, for people: at most 200 bytes of UTF-8.
    package func appendProblem(to writer: inout ByteWriter) {}
}

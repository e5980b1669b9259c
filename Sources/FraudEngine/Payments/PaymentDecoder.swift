/// Turns records into payments: classifies one record and writes its values into a lane of the batch.
///
/// A simple record is scanned, any other read thoroughly; after that there is one way to judge what was found. Nothing is allocated per
/// payment once the scratch has reached its working size. One owner, not thread-safe.
package struct PaymentDecoder: ~Copyable {
    package static let paymentIDLimit = 128
    package static let accountIDLimit = 256

    /// A schema field and where the member table keeps it.
    struct Field {
        var kind: PaymentSchema.Kind
        var required: Bool
        var maxLength: Int
        var member: Int
    }

    let amountStyle: InputMapping.AmountStyle
    let timeStyle: InputMapping.TimeStyle
    let keyStyle: InputMapping.KeyStyle
    let maxBytes: Int
    let maxAhead: Int64
    let paymentIDMember: Int
    let accountMember: Int
    let amountMember: Int
    let currencyMember: Int
    let occurredAtMember: Int
    let fields: UnsafeMutablePointer<Field>
    let fieldCount: Int

    var members: MemberTable
    var scratch = PaymentScratch()
    var times = TimestampReader()
    var worst: InvalidReason?
    var problem = PaymentProblem.none
    /// The last record's amount, minor units, as far as it could be read.
    package internal(set) var readableAmount: Int64?

    /// Several fields may share one member's name: each gets its value.
    package init(mapping: InputMapping, schema: PaymentSchema) {
        amountStyle = mapping.amountStyle
        timeStyle = mapping.timeStyle
        keyStyle = mapping.keyStyle
        maxBytes = mapping.maxBytes
        maxAhead = mapping.maxAheadMilliseconds
        var names: [[UInt8]] = []
        func member(_ name: String) -> Int {
            let bytes = Array(name.utf8)
            if let index = names.firstIndex(of: bytes) { return index }
            names.append(bytes)
            return names.count - 1
        }
        paymentIDMember = member(mapping.paymentID)
        accountMember = member(mapping.accountID)
        amountMember = member(mapping.amount)
        currencyMember = member(mapping.currency)
        occurredAtMember = member(mapping.occurredAt)
        fieldCount = schema.fields.count
        fields = .allocate(capacity: max(1, fieldCount))
        for (index, field) in schema.fields.enumerated() {
            (fields + index).initialize(
                to: Field(kind: field.kind, required: field.required, maxLength: field.maxLength, member: member(field.name)))
        }
        members = MemberTable(names: names)
    }

    deinit { fields.deallocate() }

    /// Starts a run of at most 64 records: scratch that earlier payments point into may be reused from here on.
    package mutating func beginRun() { scratch.removeAll() }

    /// Decodes one record into `lane`; on anything but `.payment` the lane's values are meaningless.
    ///
    /// A function of the record alone. Where several things are wrong, the first of `InvalidReason` is named, and of those the first in the
    /// order currency, payment id, account, amount, time, schema fields.
    package mutating func decode(_ record: RawRecord, lane: Int, into batch: borrowing PaymentBatch) -> Classification {
        worst = nil
        readableAmount = nil
        guard let value = record.value else { return .ignored }
        let document = ByteSlice(start: value, count: record.valueCount)
        guard record.keyCount + document.count <= maxBytes else {
            note(.oversize, .oversize(count: record.keyCount + document.count, limit: maxBytes))
            return .invalid(.oversize)
        }
        if !members.scan(document) {
            do throws(JSONFault) { try members.read(document, scratch: &scratch) } catch {
                note(.malformed, .malformed(error))
                return .invalid(.malformed)
            }
        }
        let payment = batch.payments + lane
        let currency = readCurrency()
        payment.pointee.currency = currency ?? .none
        payment.pointee.paymentID = identifier(paymentIDMember, limit: Self.paymentIDLimit)
        payment.pointee.account = identifier(accountMember, limit: Self.accountIDLimit)
        readAmount(currency)
        payment.pointee.amount = readableAmount ?? 0
        payment.pointee.occurredAt = time(occurredAtMember, required: true) ?? 0
        if fieldCount > 0 { readFields(lane, into: batch) }
        if worst == nil { checkRecord(record, account: payment.pointee.account, occurredAt: payment.pointee.occurredAt) }
        return worst.map { .invalid($0) } ?? .payment
    }

    /// What is wrong with the last record, for people: at most 200 bytes of UTF-8.
    ///
    /// Reads the last record's bytes: call it before they are gone.
    package func appendProblem(to writer: inout ByteWriter) {
        if worst != nil { problem.append(to: &writer, members: members) }
    }

    /// Keeps what is worst so far.
    @inline(never)
    mutating func note(_ reason: InvalidReason, _ found: PaymentProblem) {
        if let worst, worst.rawValue <= reason.rawValue { return }
        worst = reason
        problem = found
    }

    /// What the record around the value must fulfil; only asked where the value is right.
    @inline(__always)
    private mutating func checkRecord(_ record: RawRecord, account: ByteSlice, occurredAt: Int64) {
        guard let key = record.key else { return note(.keyMissing, .keyMissing) }
        switch keyStyle {
        case .string:
            if !ByteSlice(start: key, count: record.keyCount).isEqual(to: account) { note(.keyMismatch, .keyMismatch(member: accountMember)) }
        case .json: checkJSONKey(ByteSlice(start: key, count: record.keyCount), account: account)
        }
        guard record.timestamp != RawRecord.absentTimestamp else { return note(.noTimestamp, .noTimestamp) }
        let (bound, overflow) = record.timestamp.addingReportingOverflow(maxAhead)
        if !overflow, occurredAt > bound {
            let (ahead, tooFar) = occurredAt.subtractingReportingOverflow(record.timestamp)
            note(.fromFuture, .fromFuture(member: occurredAtMember, ahead: tooFar ? .max : ahead, limit: maxAhead))
        }
    }

    /// The key must be a JSON text that is a string, and that string the account.
    private mutating func checkJSONKey(_ key: ByteSlice, account: ByteSlice) {
        var cursor = JSONCursor(key)
        do throws(JSONFault) {
            guard try cursor.next() == JSONBytes.quote else { return note(.keyMismatch, .keyNotString) }
            let start = cursor.at + 1
            let escapes = try cursor.string()
            var text = ByteSlice(start: start, count: cursor.at - start - 1)
            cursor.skipSpace()
            guard cursor.at == cursor.end else { return note(.keyMismatch, .keyNotString) }
            if escapes { text = MemberTable.unescaped(text, &scratch) }
            if !text.isEqual(to: account) { note(.keyMismatch, .keyMismatch(member: accountMember)) }
        } catch {
            note(.keyMismatch, .keyNotString)
        }
    }
}

@testable import FraudEngine

/// Any key and value give a payment within its limits or a named reason, whatever was decoded before and wherever in the batch.
///
/// The input is a record: its key up to the first line feed, then its value; no line feed: a value without a key.
enum PaymentFuzz {
    private static let schema = PaymentSchema(fields: [
        .init(name: "s", kind: .string, maxLength: 8), .init(name: "i", kind: .int), .init(name: "d", kind: .double), .init(name: "b", kind: .bool),
        .init(name: "t", kind: .timestamp), .init(name: "country_of_the_merchant", kind: .string, maxLength: 2, required: true),
    ])

    private static func mapping(_ amount: InputMapping.AmountStyle, _ time: InputMapping.TimeStyle, _ key: InputMapping.KeyStyle) -> InputMapping {
        var mapping = InputMapping()
        (mapping.amountStyle, mapping.timeStyle, mapping.keyStyle) = (amount, time, key)
        mapping.maxBytes = 2_048
        return mapping
    }

    /// libFuzzer calls on one thread.
    nonisolated(unsafe) private static let subjects = [
        PaymentSubject(mapping(.minor, .rfc3339, .string), schema), PaymentSubject(mapping(.decimal, .epochMilliseconds, .json), schema),
        PaymentSubject(mapping(.decimal, .epochSeconds, .string), PaymentSchema()),
        PaymentSubject(mapping(.minor, .epochNanoseconds, .string), schema),
    ]

    static func take(_ input: UnsafeRawBufferPointer) {
        let end = input.firstIndex(of: UInt8(ascii: "\n"))
        let key = end.map { OwnedBytes(input[..<$0]) }
        let value = OwnedBytes(input[(end.map { $0 + 1 } ?? 0)...])
        for subject in subjects { subject.take(value: value, key: key) }
        compareReaders(ByteSlice(value.bytes))
        _ = JSONMember.string("account_id", in: Array(value.bytes))
        _ = JSONMember.integer("amount", in: Array(value.bytes))
    }

    /// Whatever the fast reader takes, the thorough one takes too, with the same tokens.
    private static func compareReaders(_ document: ByteSlice) {
        let names = ["payment_id", "amount", "s", "country_of_the_merchant", ""].map { Array($0.utf8) }
        var fast = MemberTable(names: names)
        var thorough = MemberTable(names: names)
        var scratch = PaymentScratch()
        // The second scan goes by the names that the first has remembered.
        let isFlat = fast.scan(document)
        demand(fast.scan(document) == isFlat, "an object is simple or not, also at second sight")
        guard isFlat else { return }
        do throws(JSONFault) { try thorough.read(document, scratch: &scratch) } catch {
            fail("the fast reader takes what the thorough one refuses: \(error)")
        }
        for index in names.indices {
            let (a, b) = (fast.tokens[index], thorough.tokens[index])
            demand(a.kind == b.kind && (a.kind == .absent || a.slice.isEqual(to: b.slice)), "both readers find the same member \(index)")
        }
    }
}

/// Bytes in a block of exactly their size, so that the address sanitizer sees a step beyond.
final class OwnedBytes {
    let bytes: UnsafeRawBufferPointer

    init(_ source: Slice<UnsafeRawBufferPointer>) {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: source.count, alignment: 1)
        copy.copyBytes(from: source)
        bytes = UnsafeRawBufferPointer(copy)
    }

    deinit { bytes.deallocate() }

    /// An address also where there is no byte: nil would be a tombstone or no key.
    var start: UnsafeRawPointer { bytes.baseAddress ?? ByteSlice.empty.start }
}

/// Two decoders of one configuration, one of which has seen other records.
final class PaymentSubject {
    private let mapping: InputMapping
    private let schema: PaymentSchema
    private var fresh: PaymentDecoder
    private var used: PaymentDecoder
    private let batch: PaymentBatch
    private let other: PaymentBatch

    /// What one decoding came to.
    private struct Verdict: Equatable {
        var classification: Classification
        var readableAmount: Int64?
        var problem: [UInt8]
        var account: [UInt8] = []
        var paymentID: [UInt8] = []
        var numbers: [Int64] = []
        var strings: [[UInt8]] = []
    }

    init(_ mapping: InputMapping, _ schema: PaymentSchema) {
        self.mapping = mapping
        self.schema = schema
        fresh = PaymentDecoder(mapping: mapping, schema: schema)
        used = PaymentDecoder(mapping: mapping, schema: schema)
        batch = PaymentBatch(attributeCount: schema.fields.count)
        other = PaymentBatch(attributeCount: schema.fields.count)
    }

    func take(value: OwnedBytes, key: OwnedBytes?) {
        let record = RawRecord(
            value: value.start, valueCount: value.bytes.count, key: key?.start, keyCount: key?.bytes.count ?? 0, offset: 0, timestamp: 2_000_000_000_000)
        // Names that the decoder remembers must not outlive a comparison.
        fresh = PaymentDecoder(mapping: mapping, schema: schema)
        fresh.beginRun()
        let first = verdict(&fresh, record, lane: 0, batch)
        judge(first, record)
        used.beginRun()
        let second = verdict(&used, record, lane: 63, other)
        demand(first == second, "a decoder that has seen other records gives the same: \(first) and \(second)")
        demand(verdict(&used, record, lane: 5, other) == first, "decoded again, in another place of the batch, it is the same")
        guard first.classification == .payment else { return }
        demand(verdict(&used, record, lane: 63, other, decodes: false) == first, "what follows does not touch what was decoded")
    }

    private func verdict(
        _ decoder: inout PaymentDecoder, _ record: RawRecord, lane: Int, _ batch: borrowing PaymentBatch, decodes: Bool = true
    ) -> Verdict {
        let classification = decodes ? decoder.decode(record, lane: lane, into: batch) : .payment
        var writer = ByteWriter()
        decoder.appendProblem(to: &writer)
        var verdict = Verdict(classification: classification, readableAmount: decoder.readableAmount, problem: writer.array())
        guard classification == .payment else { return verdict }
        let payment = batch.payments[lane]
        verdict.account = payment.account.array
        verdict.paymentID = payment.paymentID.array
        verdict.numbers = [payment.amount, Int64(payment.currency.code), payment.occurredAt]
        for (index, field) in schema.fields.enumerated() {
            let isPresent = batch.present[index] >> UInt64(lane) & 1 == 1
            let at = index * PaymentBatch.capacity + lane
            verdict.numbers.append(isPresent ? 1 : 0)
            if isPresent, field.kind != .string { verdict.numbers.append(Int64(bitPattern: batch.numbers[at])) }
            if isPresent, field.kind == .string { verdict.strings.append(batch.strings[at].array) }
            demand(isPresent || !field.required, "a payment has what its schema requires")
            demand(!isPresent || field.kind != .string || batch.strings[at].count <= field.maxLength, "a text is not longer than its schema allows")
        }
        return verdict
    }

    private func judge(_ verdict: Verdict, _ record: RawRecord) {
        demand(verdict.problem.count <= 200 && String(validating: verdict.problem, as: UTF8.self) != nil, "a problem is a short text")
        demand(verdict.problem.allSatisfy { $0 >= 0x20 && $0 != 0x7f }, "a problem is one line")
        switch verdict.classification {
        case .ignored: fail("only a record without a value is ignored")
        case .invalid(let reason): demand(!verdict.problem.isEmpty, "\(reason.name) is explained")
        case .payment:
            demand(verdict.problem.isEmpty, "nothing is wrong with a payment")
            demand(verdict.numbers[0] >= 0 && verdict.readableAmount == verdict.numbers[0], "an amount is never negative")
            demand((1...PaymentDecoder.accountIDLimit).contains(verdict.account.count), "an account has 1 to 256 bytes")
            demand((1...PaymentDecoder.paymentIDLimit).contains(verdict.paymentID.count), "a payment id has 1 to 128 bytes")
            for text in [verdict.account, verdict.paymentID] + verdict.strings { demand(String(validating: text, as: UTF8.self) != nil, "texts are UTF-8") }
            demand(Currency.tableText.contains(Currency(code: UInt32(verdict.numbers[1])).text), "the currency is one of ISO 4217")
            demand(verdict.numbers[2] <= record.timestamp + mapping.maxAheadMilliseconds, "no payment is from the future")
            demand(record.keyCount + record.valueCount <= mapping.maxBytes, "no payment is oversize")
            if mapping.keyStyle == .string { demand(record.keySlice.array == verdict.account, "the key is the account") }
        }
    }
}

import FraudEngine

/// A decoder with its batch, and records whose bytes live as long as the harness.
final class DecoderHarness {
    private var decoder: PaymentDecoder
    private let batch: PaymentBatch
    private var owned: [UnsafeMutableRawPointer] = []
    let schema: PaymentSchema

    init(_ mapping: InputMapping = InputMapping(), fields: [PaymentSchema.Field] = []) {
        schema = PaymentSchema(fields: fields)
        decoder = PaymentDecoder(mapping: mapping, schema: schema)
        batch = PaymentBatch(attributeCount: fields.count)
    }

    deinit {
        for start in owned { start.deallocate() }
    }

    /// A copy of exactly these bytes.
    private func own(_ bytes: [UInt8]) -> UnsafeRawPointer {
        let start = UnsafeMutableRawPointer.allocate(byteCount: max(1, bytes.count), alignment: 1)
        bytes.withUnsafeBytes { if let from = $0.baseAddress { start.copyMemory(from: from, byteCount: bytes.count) } }
        owned.append(start)
        return UnsafeRawPointer(start)
    }

    func beginRun() { decoder.beginRun() }

    func decode(bytes: [UInt8]?, key: [UInt8]?, timestamp: Int64 = 4_000_000_000_000, lane: Int = 0) -> Classification {
        let record = RawRecord(
            value: bytes.map(own), valueCount: bytes?.count ?? 0, key: key.map(own), keyCount: key?.count ?? 0, offset: 0, timestamp: timestamp)
        return decoder.decode(record, lane: lane, into: batch)
    }

    func decode(_ json: String, key: String? = "a", timestamp: Int64 = 4_000_000_000_000, lane: Int = 0) -> Classification {
        decode(bytes: Array(json.utf8), key: key.map { Array($0.utf8) }, timestamp: timestamp, lane: lane)
    }

    var readableAmount: Int64? { decoder.readableAmount }

    var problem: String {
        var writer = ByteWriter()
        decoder.appendProblem(to: &writer)
        return String(decoding: writer.array(), as: UTF8.self)
    }

    func payment(_ lane: Int = 0) -> Payment { batch.payments[lane] }

    func account(_ lane: Int = 0) -> String { String(decoding: batch.payments[lane].account.buffer, as: UTF8.self) }

    func paymentID(_ lane: Int = 0) -> String { String(decoding: batch.payments[lane].paymentID.buffer, as: UTF8.self) }

    func has(_ attribute: Int, lane: Int = 0) -> Bool { batch.present[attribute] >> UInt64(lane) & 1 == 1 }

    func number(_ attribute: Int, lane: Int = 0) -> UInt64 { batch.numbers[attribute * PaymentBatch.capacity + lane] }

    func string(_ attribute: Int, lane: Int = 0) -> String {
        String(decoding: batch.strings[attribute * PaymentBatch.capacity + lane].buffer, as: UTF8.self)
    }
}

/// A payment's text from its members' texts; nil leaves a member out.
func paymentText(
    id: String? = "\"p-1\"", account: String? = "\"a\"", amount: String? = "1250", currency: String? = "\"EUR\"",
    at: String? = "\"2026-11-23T10:04:59.120Z\"", more: String? = nil
) -> String {
    let members = [
        id.map { "\"payment_id\":\($0)" }, account.map { "\"account_id\":\($0)" }, amount.map { "\"amount\":\($0)" }, currency.map { "\"currency\":\($0)" },
        at.map { "\"occurred_at\":\($0)" }, more,
    ]
    return "{" + members.compactMap { $0 }.joined(separator: ",") + "}"
}

import CEL

@testable import FraudEngine

/// A rule set over a small schema, an evaluator, and payments to judge.
struct RuleFixture: ~Copyable {
    static let schema = PaymentSchema(fields: [
        .init(name: "country", kind: .string), .init(name: "merchant", kind: .string, required: true), .init(name: "items", kind: .int),
        .init(name: "ratio", kind: .double), .init(name: "is_online", kind: .bool), .init(name: "opened_at", kind: .timestamp),
    ])
    static let features = [
        Feature(name: "account.count_5m", aggregate: .count), Feature(name: "account.sum_5m", aggregate: .sum),
        Feature(name: "account.earlier_count_5m", aggregate: .count, includesCurrent: false),
        Feature(name: "account.earlier_sum_5m", aggregate: .sum, includesCurrent: false),
    ]
    static let lists = [
        "short": ["", "DE", "VN", "seven77", "1234567"], "long": ["12345678", "merchant-0000000001", "merchant-0000000002", "VN"], "none": [],
    ]
    static var environment: CEL.Environment { RuleEnvironment.make(schema: schema, features: features, lists: Array(lists.keys)) }

    let set: RuleSet
    let evaluator: RuleEvaluator
    let explanation: RuleExplanation
    let batch: PaymentBatch
    var columns = FoldedColumns()
    private var memory: [UnsafeMutableRawBufferPointer] = []

    init(_ rules: [Rule]) {
        set = RuleSet(
            hash: RuleSetHash(hexadecimal: String(repeating: "0", count: 64)), rules: rules, schema: Self.schema, features: Self.features,
            lists: Self.lists, policy: DecisionPolicy())
        evaluator = RuleEvaluator(set)
        explanation = RuleExplanation(set)
        batch = PaymentBatch(attributeCount: Self.schema.fields.count)
    }

    /// One rule whose condition is this text.
    init(_ condition: String, reason: String = "") throws {
        try self.init([Self.rule(condition, reason: reason)])
    }

    deinit {
        for buffer in memory { buffer.deallocate() }
    }

    static func rule(_ condition: String, id: String = "rule", reason: String = "") throws -> Rule {
        let checked = CheckedExpression.checkCondition(condition, in: environment)
        guard let expression = checked.expression else { throw checked.diagnostics[0] }
        let parsed = ReasonTemplate.parse(reason, in: environment)
        guard let template = parsed.template else { throw parsed.diagnostics[0] }
        return Rule(id: id, title: "Title", condition: expression, reason: template)
    }

    /// Bytes that live as long as the fixture.
    mutating func slice(_ bytes: [UInt8]) -> ByteSlice {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, bytes.count), alignment: 1)
        copy.copyBytes(from: bytes)
        memory.append(copy)
        return ByteSlice(start: UnsafeRawPointer(copy.baseAddress!), count: bytes.count)
    }

    static func currency(_ letters: String) -> Currency {
        Currency(code: letters.utf8.reduce(0) { $0 << 8 | UInt32($1) })
    }

    /// Adds a row whose payment stands at `lane`.
    mutating func add(
        lane: Int? = nil, account: String = "acc-1", paymentID: String = "p-1", amount: Int64 = 0, currency: String = "EUR", occurredAt: Int64 = 0,
        count: Int64 = 1, sum: Int64? = nil
    ) {
        let row = columns.count
        columns.lane[row] = lane ?? row
        columns.windowCount[row] = count
        columns.windowSum[row] = sum ?? amount
        columns.count = row + 1
        let payment = batch.payments + columns.lane[row]
        payment.pointee.account = slice(Array(account.utf8))
        payment.pointee.paymentID = slice(Array(paymentID.utf8))
        payment.pointee.amount = amount
        payment.pointee.currency = Self.currency(currency)
        payment.pointee.occurredAt = occurredAt
    }

    private func field(_ name: String) -> Int { Self.schema.fields.firstIndex { $0.name == name }! }

    /// Gives the last row's payment a value.
    mutating func set(_ name: String, string: [UInt8]) {
        let value = slice(string)
        batch.strings[mark(name)] = value
    }

    mutating func set(_ name: String, string: String) { set(name, string: Array(string.utf8)) }

    mutating func set(_ name: String, bits: UInt64) { batch.numbers[mark(name)] = bits }

    mutating func set(_ name: String, int: Int64) { set(name, bits: UInt64(bitPattern: int)) }

    mutating func set(_ name: String, double: Double) { set(name, bits: double.bitPattern) }

    private func mark(_ name: String) -> Int {
        let lane = columns.lane[columns.count - 1]
        batch.present[field(name)] |= 1 << UInt64(lane)
        return field(name) * PaymentBatch.capacity + lane
    }

    mutating func removeAll() {
        columns.count = 0
        columns.windowSumOverflow = 0
        for field in Self.schema.fields.indices { batch.present[field] = 0 }
    }

    func evaluate() { evaluator.evaluate(columns, batch) }

    func evidence(rule: Int = 0, row: Int = 0) -> String {
        var writer = ByteWriter()
        evaluator.appendEvidence(rule: rule, row: row, columns: columns, batch: batch, to: &writer)
        return String(decoding: writer.array(), as: UTF8.self)
    }

    func reason(rule: Int = 0, row: Int = 0) -> String {
        var writer = ByteWriter()
        evaluator.appendReason(rule: rule, row: row, columns: columns, batch: batch, to: &writer)
        return String(decoding: writer.array(), as: UTF8.self)
    }
}

/// SplitMix64: the same numbers from the same seed, everywhere.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

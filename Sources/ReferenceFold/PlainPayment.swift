/// A payment as a rule set's schema reads it.
struct PlainPayment {
    var account: Bytes = []
    var paymentID: Bytes = []
    /// Minor units.
    var amount: Int64 = 0
    /// Three capital letters.
    var currency: Bytes = []
    /// Milliseconds.
    var occurredAt: Int64 = 0
    /// By field of the schema; nil: absent.
    var fields: [PlainValue?] = []
}

/// What a record says.
enum PlainDecoding {
    /// A tombstone.
    case ignored
    case payment(PlainPayment)
    /// With the amount, minor units, if it can be read.
    case invalid(PlainProblem, amount: Int64?)

    /// The members that are read.
    static func names(_ mapping: PlainMapping, _ fields: [PlainField]) -> Set<Bytes> {
        Set(([mapping.paymentID, mapping.accountID, mapping.amount, mapping.currency, mapping.occurredAt] + fields.map(\.name)).map { Bytes($0.utf8) })
    }

    /// - Parameter known: `names` of the same.
    init(_ record: PlainRecord, _ mapping: PlainMapping, _ fields: [PlainField], known: Set<Bytes>) {
        guard let value = record.value else {
            self = .ignored
            return
        }
        let count = value.count + (record.key?.count ?? 0)
        guard count <= mapping.maxBytes else {
            let text = "key and value have \(count) bytes, \(mapping.maxBytes) are allowed"
            self = .invalid(PlainProblem(reason: .oversize, text: text), amount: nil)
            return
        }
        let members: [Bytes: PlainJSON]
        do throws(PlainFault) { members = try PlainReader.members(value, known: known) } catch {
            self = .invalid(PlainProblem(reason: .malformed, text: "byte \(error.offset): \(error.text)"), amount: nil)
            return
        }
        var reading = PlainReading(members: members, mapping: mapping)
        let payment = reading.payment(fields)
        if reading.problem == nil { reading.check(record, payment) }
        if let problem = reading.problem {
            self = .invalid(problem, amount: reading.amount)
        } else {
            self = .payment(payment)
        }
    }
}

/// Reads the members of one record and keeps what is worst.
private struct PlainReading {
    let members: [Bytes: PlainJSON]
    let mapping: PlainMapping
    var problem: PlainProblem?
    /// As far as it can be read.
    var amount: Int64?

    private mutating func note(_ reason: PlainReason, _ text: String) {
        if let problem, problem.reason.rawValue <= reason.rawValue { return }
        problem = PlainProblem(reason: reason, text: text)
    }

    private func member(_ name: String) -> PlainJSON? { members[Bytes(name.utf8)] }

    /// The member for people: at most 64 bytes of its name.
    private func shown(_ name: String) -> String {
        let bytes = Bytes(name.utf8)
        var count = min(64, bytes.count)
        while count > 0, count < bytes.count, 0x80..<0xc0 ~= bytes[count] { count -= 1 }
        let kept = bytes[..<count].map { $0 < 0x20 || $0 == 0x7f ? UInt8(ascii: "?") : $0 }
        return "member '" + String(decoding: kept, as: UTF8.self) + (count < bytes.count ? "…" : "") + "'"
    }

    private mutating func refuse(_ name: String, _ found: PlainJSON?, wanted: String, isRequired: Bool = true) {
        switch found {
        case nil, .null: if isRequired { note(.missingField, "\(shown(name)) is missing or null") }
        case .some(let found): note(.wrongType, "\(shown(name)) is \(found.kind), not \(wanted)")
        }
    }

    // MARK: The payment

    mutating func payment(_ fields: [PlainField]) -> PlainPayment {
        var payment = PlainPayment()
        let digits = currency(&payment)
        payment.paymentID = identifier(mapping.paymentID, limit: 128)
        payment.account = identifier(mapping.accountID, limit: 256)
        readAmount(digits)
        payment.amount = amount ?? 0
        payment.occurredAt = time(mapping.occurredAt, isRequired: true) ?? 0
        for field in fields { payment.fields.append(value(field)) }
        return payment
    }

    /// The digits of its minor unit; nil: there is no currency.
    private mutating func currency(_ payment: inout PlainPayment) -> Int? {
        let found = member(mapping.currency)
        guard case .string(let code) = found else {
            refuse(mapping.currency, found, wanted: "a string")
            return nil
        }
        payment.currency = code
        if let digits = PlainCurrency.digits(of: code) { return digits }
        let isWord = code.count == 3 && code.allSatisfy { UInt8(ascii: "a")...UInt8(ascii: "z") ~= $0 | 0x20 }
        let why = isWord ? " is \(String(decoding: code, as: UTF8.self)), which is no currency of ISO 4217" : nil
        note(.unknownCurrency, shown(mapping.currency) + (why ?? " is not the three capital letters of an ISO 4217 currency"))
        return nil
    }

    private mutating func identifier(_ name: String, limit: Int) -> Bytes {
        let found = member(name)
        guard case .string(let text) = found else {
            refuse(name, found, wanted: "a string")
            return []
        }
        if text.isEmpty || text.count > limit { noteLength(name, text.count, limit) }
        return text
    }

    private mutating func noteLength(_ name: String, _ count: Int, _ limit: Int) {
        note(.wrongType, "\(shown(name)) " + (count == 0 ? "is empty" : "has \(count) bytes, \(limit) are allowed"))
    }

    /// - Parameter digits: of the currency's minor unit. Without, only what would be wrong in any currency is noted.
    private mutating func readAmount(_ digits: Int?) {
        let found = member(mapping.amount)
        let text: Bytes
        switch (found, mapping.isAmountDecimal) {
        case (.number(let number), _): text = number
        case (.string(let decimal), true): text = decimal
        case (_, let isDecimal): return refuse(mapping.amount, found, wanted: isDecimal ? "a decimal number" : "a number of minor units")
        }
        let places = mapping.isAmountDecimal ? digits ?? 0 : 0
        let name = shown(mapping.amount)
        switch PlainNumber.read(text, places: places) {
        case .value(let value):
            if !mapping.isAmountDecimal || digits != nil { amount = value }
            if value < 0 { note(.negativeAmount, "\(name) is negative") }
        case .tooManyDigits(let count):
            let code = members[Bytes(mapping.currency.utf8)]
            var rule = "minor units have none"
            if mapping.isAmountDecimal, digits != nil, case .string(let letters) = code {
                rule = "\(String(decoding: letters, as: UTF8.self)) has \(places)"
            }
            note(.tooManyDigits, "\(name) has \(count) fraction digit\(count == 1 ? "" : "s"), \(rule)")
        case .outOfRange: note(.wrongType, "\(name) is beyond 64 bits of minor units")
        case .notANumber: note(.wrongType, "\(name) is not a decimal number")
        }
    }

    /// Milliseconds.
    private mutating func time(_ name: String, isRequired: Bool) -> Int64? {
        let found = member(name)
        if mapping.time == .rfc3339 {
            guard case .string(let text) = found else {
                refuse(name, found, wanted: "a string with an RFC 3339 time", isRequired: isRequired)
                return nil
            }
            if let time = PlainTime.read(text) { return time }
            note(.wrongType, "\(shown(name)) is not an RFC 3339 time of the years 0001 to 9999")
            return nil
        }
        guard case .number(let text) = found else {
            refuse(name, found, wanted: "a number, the time since the epoch", isRequired: isRequired)
            return nil
        }
        if case .value(let units) = PlainNumber.read(text, places: 0), let time = milliseconds(units), PlainTime.range.contains(time) { return time }
        note(.wrongType, "\(shown(name)) is not a whole number that is a time of the years 0001 to 9999")
        return nil
    }

    /// Rounded down; nil beyond 64 bits.
    private func milliseconds(_ units: Int64) -> Int64? {
        let nanoseconds: Int128 =
            switch mapping.time {
            case .seconds: 1_000_000_000
            case .rfc3339, .milliseconds: 1_000_000
            case .microseconds: 1_000
            case .nanoseconds: 1
            }
        let exact = Int128(units) * nanoseconds
        let (quotient, rest) = exact.quotientAndRemainder(dividingBy: 1_000_000)
        return Int64(exactly: rest < 0 ? quotient - 1 : quotient)
    }

    private mutating func value(_ field: PlainField) -> PlainValue? {
        let found = member(field.name)
        switch (field.kind, found) {
        case (.timestamp, _): return time(field.name, isRequired: field.isRequired).map { .timestamp($0) }
        case (.string, .string(let text)):
            if text.count <= field.maxLength { return .string(text) }
            noteLength(field.name, text.count, field.maxLength)
        case (.int, .number(let text)):
            switch PlainNumber.read(text, places: 0) {
            case .value(let value): return .int(value)
            case .outOfRange: note(.wrongType, "\(shown(field.name)) is beyond 64 bits")
            case .tooManyDigits, .notANumber: note(.wrongType, "\(shown(field.name)) is not a whole number")
            }
        case (.double, .number(let text)):
            if let value = PlainNumber.double(text) { return .double(value) }
            note(.wrongType, "\(shown(field.name)) is beyond the range of a double")
        case (.bool, .bool(let value)): return .bool(value)
        case (.string, _): refuse(field.name, found, wanted: "a string", isRequired: field.isRequired)
        case (.int, _), (.double, _): refuse(field.name, found, wanted: "a number", isRequired: field.isRequired)
        case (.bool, _): refuse(field.name, found, wanted: "true or false", isRequired: field.isRequired)
        }
        return nil
    }

    // MARK: The record around it

    /// Asked only where the value is right.
    mutating func check(_ record: PlainRecord, _ payment: PlainPayment) {
        guard let key = record.key else { return note(.keyMissing, "the record has no key, it must be the account") }
        if let account = mapping.isKeyJSON ? PlainReader.string(key) : key {
            if account != payment.account { note(.keyMismatch, "the record's key differs from \(shown(mapping.accountID))") }
        } else {
            note(.keyMismatch, "the record's key is not a JSON string")
        }
        guard let timestamp = record.timestamp else { return note(.noTimestamp, "the record has no Kafka timestamp") }
        let ahead = Int128(payment.occurredAt) - Int128(timestamp)
        if ahead > Int128(mapping.maxAhead) {
            let shownAhead = min(ahead, Int128(Int64.max))
            let text = "is \(shownAhead) ms later than the record's Kafka timestamp, \(mapping.maxAhead) ms are allowed"
            note(.fromFuture, "\(shown(mapping.occurredAt)) \(text)")
        }
    }
}

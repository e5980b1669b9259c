/// From a member's token to a value: the same for scanned and thoroughly read records.
extension PaymentDecoder {
    /// Notes what a token that is not of the wanted kind is.
    @inline(never)
    private mutating func refuse(_ member: Int, wanted: StaticString, required: Bool = true) {
        let kind = members.tokens[member].kind
        switch kind {
        case .absent, .null: if required { note(.missingField, .missing(member: member)) }
        case .no, .yes, .number, .string, .array, .object: note(.wrongType, .kind(member: member, found: kind, wanted: wanted))
        }
    }

    @inline(__always)
    mutating func identifier(_ member: Int, limit: Int) -> ByteSlice {
        let token = members.tokens[member]
        guard token.kind == .string else {
            refuse(member, wanted: "a string")
            return .empty
        }
        guard token.count > 0, token.count <= limit else {
            note(.wrongType, .length(member: member, count: token.count, limit: limit))
            return .empty
        }
        return token.slice
    }

    @inline(__always)
    mutating func readCurrency() -> Currency? {
        let token = members.tokens[currencyMember]
        guard token.kind == .string else {
            refuse(currencyMember, wanted: "a string")
            return nil
        }
        guard let currency = Currency(letters: token.slice) else {
            note(.unknownCurrency, .currency(member: currencyMember))
            return nil
        }
        return currency
    }

    /// Reads the amount into `readableAmount`. Without a currency an amount in major units is only checked for what would be wrong in any.
    @inline(__always)
    mutating func readAmount(_ currency: Currency?) {
        let token = members.tokens[amountMember]
        switch amountStyle {
        case .minor:
            guard token.kind == .number else { return refuse(amountMember, wanted: "a number of minor units") }
            accept(DecimalText.read(token.slice, places: 0), places: 0, currency: .none)
        case .decimal:
            guard token.kind == .string || token.kind == .number else { return refuse(amountMember, wanted: "a decimal number") }
            let places = currency?.exponent ?? 0
            accept(DecimalText.read(token.slice, places: places), places: places, currency: currency ?? .none)
            if currency == nil { readableAmount = nil }
        }
    }

    @inline(__always)
    private mutating func accept(_ outcome: DecimalText.Outcome, places: Int, currency: Currency) {
        switch outcome {
        case .value(let amount):
            readableAmount = amount
            if amount < 0 { note(.negativeAmount, .negative(member: amountMember)) }
        case .tooManyDigits(let count): note(.tooManyDigits, .digits(member: amountMember, count: count, allowed: places, currency: currency))
        case .outOfRange: note(.wrongType, .text(member: amountMember, wanted: "beyond 64 bits of minor units"))
        case .notANumber: note(.wrongType, .text(member: amountMember, wanted: "not a decimal number"))
        }
    }

    /// A point in time, milliseconds since the epoch; nil where there is none or it was noted.
    @inline(__always)
    mutating func time(_ member: Int, required: Bool) -> Int64? {
        let token = members.tokens[member]
        guard timeStyle == .rfc3339 else { return epochTime(member, required: required) }
        guard token.kind == .string else {
            refuse(member, wanted: "a string with an RFC 3339 time", required: required)
            return nil
        }
        if let time = times.read(token.slice) { return time }
        note(.wrongType, .text(member: member, wanted: "not an RFC 3339 time of the years 0001 to 9999"))
        return nil
    }

    @inline(never)
    private mutating func epochTime(_ member: Int, required: Bool) -> Int64? {
        let token = members.tokens[member]
        guard token.kind == .number else {
            refuse(member, wanted: "a number, the time since the epoch", required: required)
            return nil
        }
        guard case .value(let units) = DecimalText.read(token.slice, places: 0), let time = Self.milliseconds(units, timeStyle),
            Timestamp.earliest...Timestamp.latest ~= time
        else {
            note(.wrongType, .text(member: member, wanted: "not a whole number that is a time of the years 0001 to 9999"))
            return nil
        }
        return time
    }

    /// Milliseconds, rounded down; nil on overflow.
    private static func milliseconds(_ units: Int64, _ style: InputMapping.TimeStyle) -> Int64? {
        func floor(_ divisor: Int64) -> Int64 {
            let quotient = units / divisor
            return units < quotient * divisor ? quotient - 1 : quotient
        }
        switch style {
        case .rfc3339, .epochMilliseconds: return units
        case .epochSeconds:
            let (product, overflow) = units.multipliedReportingOverflow(by: 1000)
            return overflow ? nil : product
        case .epochMicroseconds: return floor(1000)
        case .epochNanoseconds: return floor(1_000_000)
        }
    }

    /// The schema's fields into the lane's columns.
    mutating func readFields(_ lane: Int, into batch: borrowing PaymentBatch) {
        for attribute in 0..<fieldCount {
            let field = fields[attribute]
            let bits: UInt64?
            switch field.kind {
            case .string: bits = string(field, into: batch.strings + (attribute * PaymentBatch.capacity + lane))
            case .int: bits = integer(field)
            case .double: bits = double(field)
            case .bool: bits = bool(field)
            case .timestamp: bits = time(field.member, required: field.required).map { UInt64(bitPattern: $0) }
            }
            if let bits {
                batch.numbers[attribute * PaymentBatch.capacity + lane] = bits
                batch.present[attribute] |= 1 << UInt64(lane)
            } else {
                batch.present[attribute] &= ~(1 << UInt64(lane))
            }
        }
    }

    private mutating func string(_ field: Field, into target: UnsafeMutablePointer<ByteSlice>) -> UInt64? {
        let token = members.tokens[field.member]
        guard token.kind == .string else {
            refuse(field.member, wanted: "a string", required: field.required)
            return nil
        }
        guard token.count <= field.maxLength else {
            note(.wrongType, .length(member: field.member, count: token.count, limit: field.maxLength))
            return nil
        }
        target.pointee = token.slice
        return 0
    }

    private mutating func integer(_ field: Field) -> UInt64? {
        let token = members.tokens[field.member]
        guard token.kind == .number else {
            refuse(field.member, wanted: "a number", required: field.required)
            return nil
        }
        switch DecimalText.read(token.slice, places: 0) {
        case .value(let value): return UInt64(bitPattern: value)
        case .tooManyDigits, .notANumber: note(.wrongType, .text(member: field.member, wanted: "not a whole number"))
        case .outOfRange: note(.wrongType, .text(member: field.member, wanted: "beyond 64 bits"))
        }
        return nil
    }

    private mutating func double(_ field: Field) -> UInt64? {
        let token = members.tokens[field.member]
        guard token.kind == .number else {
            refuse(field.member, wanted: "a number", required: field.required)
            return nil
        }
        if let value = DecimalText.double(token.slice, scratch: &scratch) { return value.bitPattern }
        note(.wrongType, .text(member: field.member, wanted: "beyond the range of a double"))
        return nil
    }

    private mutating func bool(_ field: Field) -> UInt64? {
        switch members.tokens[field.member].kind {
        case .yes: return 1
        case .no: return 0
        case .absent, .null, .number, .string, .array, .object:
            refuse(field.member, wanted: "true or false", required: field.required)
            return nil
        }
    }
}

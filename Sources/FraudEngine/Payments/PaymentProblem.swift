/// What is wrong with a record, in numbers: nothing is written until somebody asks.
enum PaymentProblem {
    case none
    case oversize(count: Int, limit: Int)
    case malformed(JSONFault)
    case missing(member: Int)
    case kind(member: Int, found: JSONKind, wanted: StaticString)
    case length(member: Int, count: Int, limit: Int)
    /// A value of the right kind that cannot be what it should be; `wanted` follows "is ".
    case text(member: Int, wanted: StaticString)
    case currency(member: Int)
    case digits(member: Int, count: Int, allowed: Int, currency: Currency)
    case negative(member: Int)
    case keyMissing
    case keyNotString
    case keyMismatch(member: Int)
    case noTimestamp
    case fromFuture(member: Int, ahead: Int64, limit: Int64)
}

extension PaymentProblem {
    /// At most this much of a name is written, bytes, so that a sentence stays within 200.
    private static let nameLimit = 64

    /// A sentence for people without anything of the payment but its currency: at most 200 bytes of UTF-8.
    func append(to writer: inout ByteWriter, members: borrowing MemberTable) {
        switch self {
        case .none: break
        case .oversize(let count, let limit): append("key and value have ", count, " bytes, ", limit, " are allowed", to: &writer)
        case .malformed(let fault):
            append("byte ", fault.offset, ": ", to: &writer)
            writer.append(fault.cause.text)
        case .missing(let member):
            Self.appendName(members.names[member], to: &writer)
            writer.append(" is missing or null")
        case .kind(let member, let found, let wanted):
            Self.appendName(members.names[member], to: &writer)
            writer.append(" is ")
            writer.append(found.text)
            writer.append(", not ")
            writer.append(wanted)
        case .length(let member, let count, let limit):
            Self.appendName(members.names[member], to: &writer)
            if count == 0 {
                writer.append(" is empty")
            } else {
                append(" has ", count, " bytes, ", limit, " are allowed", to: &writer)
            }
        case .text(let member, let wanted):
            Self.appendName(members.names[member], to: &writer)
            writer.append(" is ")
            writer.append(wanted)
        case .currency(let member):
            Self.appendName(members.names[member], to: &writer)
            Self.appendCurrency(members.tokens[member].slice, to: &writer)
        case .digits(let member, let count, let allowed, let currency):
            Self.appendName(members.names[member], to: &writer)
            append(" has ", count, count == 1 ? " fraction digit, " : " fraction digits, ", to: &writer)
            if currency == .none {
                writer.append("minor units have none")
            } else {
                writer.append(utf8: currency.text)
                append(" has ", allowed, "", to: &writer)
            }
        case .negative(let member):
            Self.appendName(members.names[member], to: &writer)
            writer.append(" is negative")
        case .keyMissing: writer.append("the record has no key, it must be the account")
        case .keyNotString: writer.append("the record's key is not a JSON string")
        case .keyMismatch(let member):
            writer.append("the record's key differs from ")
            Self.appendName(members.names[member], to: &writer)
        case .noTimestamp: writer.append("the record has no Kafka timestamp")
        case .fromFuture(let member, let ahead, let limit):
            Self.appendName(members.names[member], to: &writer)
            writer.append(" is ")
            writer.append(decimal: ahead)
            writer.append(" ms later than the record's Kafka timestamp, ")
            writer.append(decimal: limit)
            writer.append(" ms are allowed")
        }
    }

    private func append(_ before: StaticString, _ number: Int, _ after: StaticString, to writer: inout ByteWriter) {
        writer.append(before)
        writer.append(decimal: Int64(number))
        writer.append(after)
    }

    private func append(
        _ before: StaticString, _ first: Int, _ between: StaticString, _ second: Int, _ after: StaticString, to writer: inout ByteWriter
    ) {
        append(before, first, between, to: &writer)
        append("", second, after, to: &writer)
    }

    /// `member 'amount'`, cut at a character's start; control characters become question marks.
    private static func appendName(_ name: ByteSlice, to writer: inout ByteWriter) {
        let bytes = name.buffer
        var count = min(bytes.count, nameLimit)
        while count > 0, count < bytes.count, bytes[count] & 0xc0 == 0x80 { count -= 1 }
        writer.append("member '")
        for byte in bytes[..<count] { writer.append(byte < 0x20 || byte == 0x7f ? UInt8(ascii: "?") : byte) }
        if count < bytes.count { writer.append("…") }
        writer.append("'")
    }

    /// Three letters are shown; anything else might be a piece of something private.
    private static func appendCurrency(_ text: ByteSlice, to writer: inout ByteWriter) {
        let bytes = text.buffer
        guard bytes.count == 3, bytes.allSatisfy({ ($0 | 0x20) &- 97 < 26 }) else {
            writer.append(" is not the three capital letters of an ISO 4217 currency")
            return
        }
        writer.append(" is ")
        writer.append(text)
        writer.append(", which is no currency of ISO 4217")
    }
}

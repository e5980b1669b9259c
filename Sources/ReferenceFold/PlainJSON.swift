/// What stands behind a member's name: of a payment nothing deeper matters.
enum PlainJSON: Equatable {
    case null
    case bool(Bool)
    /// Its text: a number is never made a double on the way.
    case number(Bytes)
    /// Without quotes and escapes.
    case string(Bytes)
    case array, object

    /// For people, after "is ".
    var kind: String {
        switch self {
        case .null: "null"
        case .bool: "true or false"
        case .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}

/// Where and why a text is no JSON.
struct PlainFault: Error {
    var offset: Int
    var text: String
}

/// Reads JSON (RFC 8259, UTF-8) by recursive descent, character by character.
struct PlainReader {
    private let text: Bytes
    private var at = 0

    /// Objects and arrays that may be open at once, the outermost among them.
    private static let maxDepth = 64

    private init(_ text: Bytes) { self.text = text }

    /// The members of an object. One of `known` that stands there twice is a fault; of others nothing is kept.
    static func members(_ text: Bytes, known: Set<Bytes>) throws(PlainFault) -> [Bytes: PlainJSON] {
        var reader = PlainReader(text)
        if text.starts(with: [0xef, 0xbb, 0xbf]) { throw reader.fault("a byte order mark may not stand before JSON") }
        guard try reader.next() == UInt8(ascii: "{") else { throw reader.fault("a payment is a JSON object") }
        reader.at += 1
        var members: [Bytes: PlainJSON] = [:]
        if try reader.next() == UInt8(ascii: "}") {
            reader.at += 1
        } else {
            var ends = false
            while !ends {
                let (name, place) = try reader.name()
                if members[name] != nil { throw PlainFault(offset: place, text: "this member stands here a second time") }
                let value = try reader.value(open: 1)
                if known.contains(name) { members[name] = value }
                ends = try reader.separator(UInt8(ascii: "}"), "expected ',' or '}'")
            }
        }
        try reader.end("something follows the object")
        return members
    }

    /// The text as one JSON string; nil: it is something else.
    static func string(_ text: Bytes) -> Bytes? {
        var reader = PlainReader(text)
        do throws(PlainFault) {
            guard try reader.next() == UInt8(ascii: "\"") else { return nil }
            let found = try reader.string()
            try reader.end("")
            return found
        } catch {
            return nil
        }
    }

    private func fault(_ text: String) -> PlainFault { PlainFault(offset: at, text: text) }

    private var isAtEnd: Bool { at >= text.count }

    private mutating func skipSpace() {
        while !isAtEnd, [0x20, 0x0a, 0x0d, 0x09].contains(text[at]) { at += 1 }
    }

    /// The next byte that is no white space, not taken.
    private mutating func next() throws(PlainFault) -> UInt8 {
        skipSpace()
        guard !isAtEnd else { throw fault("the text ends too early") }
        return text[at]
    }

    private mutating func end(_ problem: String) throws(PlainFault) {
        skipSpace()
        if !isAtEnd { throw fault(problem) }
    }

    /// A member's name with its colon, and where its quote stands.
    private mutating func name() throws(PlainFault) -> (Bytes, place: Int) {
        guard try next() == UInt8(ascii: "\"") else { throw fault("expected a member's name") }
        let place = at
        let name = try string()
        guard try next() == UInt8(ascii: ":") else { throw fault("expected ':'") }
        at += 1
        return (name, place)
    }

    /// Takes a comma, or the closing bracket; true: the bracket.
    private mutating func separator(_ close: UInt8, _ problem: String) throws(PlainFault) -> Bool {
        let byte = try next()
        guard byte == UInt8(ascii: ",") || byte == close else { throw fault(problem) }
        at += 1
        return byte == close
    }

    private mutating func value(open: Int) throws(PlainFault) -> PlainJSON {
        switch try next() {
        case UInt8(ascii: "{"), UInt8(ascii: "["): return try container(open: open)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number(try number())
        case UInt8(ascii: "t"): return try literal("true", .bool(true))
        case UInt8(ascii: "f"): return try literal("false", .bool(false))
        case UInt8(ascii: "n"): return try literal("null", .null)
        case _: throw fault("expected a value")
        }
    }

    private mutating func container(open: Int) throws(PlainFault) -> PlainJSON {
        guard open < Self.maxDepth else { throw fault("more than 64 objects and arrays are open") }
        let isObject = text[at] == UInt8(ascii: "{")
        let close = UInt8(ascii: isObject ? "}" : "]")
        at += 1
        if try next() == close {
            at += 1
            return isObject ? .object : .array
        }
        var ends = false
        while !ends {
            if isObject { _ = try name() }
            _ = try value(open: open + 1)
            ends = try separator(close, isObject ? "expected ',' or '}'" : "expected ',' or ']'")
        }
        return isObject ? .object : .array
    }

    private mutating func literal(_ word: String, _ value: PlainJSON) throws(PlainFault) -> PlainJSON {
        guard text[at...].starts(with: word.utf8) else { throw fault("expected a value") }
        at += word.utf8.count
        return value
    }

    private mutating func number() throws(PlainFault) -> Bytes {
        let problem = "this is no JSON number"
        let start = at
        if text[at] == UInt8(ascii: "-") { at += 1 }
        let whole = digits()
        guard let first = whole.first, whole.count == 1 || first != UInt8(ascii: "0") else { throw fault(problem) }
        if !isAtEnd, text[at] == UInt8(ascii: ".") {
            at += 1
            if digits().isEmpty { throw fault(problem) }
        }
        if !isAtEnd, text[at] == UInt8(ascii: "e") || text[at] == UInt8(ascii: "E") {
            at += 1
            if !isAtEnd, text[at] == UInt8(ascii: "+") || text[at] == UInt8(ascii: "-") { at += 1 }
            if digits().isEmpty { throw fault(problem) }
        }
        return Bytes(text[start..<at])
    }

    private mutating func digits() -> ArraySlice<UInt8> {
        let found = text[at...].prefix { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }
        at += found.count
        return found
    }
}

// MARK: Strings

extension PlainReader {
    private mutating func string() throws(PlainFault) -> Bytes {
        var found: Bytes = []
        at += 1
        while !isAtEnd {
            let byte = text[at]
            switch byte {
            case UInt8(ascii: "\""):
                at += 1
                return found
            case UInt8(ascii: "\\"): found += try escape()
            case 0..<0x20: throw fault("a control character in a string must be escaped")
            case 0x80...: found += try sequence()
            case _:
                found.append(byte)
                at += 1
            }
        }
        throw fault("the text ends too early")
    }

    private mutating func escape() throws(PlainFault) -> Bytes {
        guard at + 1 < text.count else { throw fault("the text ends too early") }
        let plain: [UInt8: UInt8] = [
            UInt8(ascii: "\""): 0x22, UInt8(ascii: "\\"): 0x5c, UInt8(ascii: "/"): 0x2f, UInt8(ascii: "b"): 8, UInt8(ascii: "f"): 12,
            UInt8(ascii: "n"): 10, UInt8(ascii: "r"): 13, UInt8(ascii: "t"): 9,
        ]
        if let byte = plain[text[at + 1]] {
            at += 2
            return [byte]
        }
        guard text[at + 1] == UInt8(ascii: "u") else { throw fault("JSON does not have this escape") }
        let first = try unit()
        guard 0xd800...0xdfff ~= first else {
            at += 6
            return Self.utf8(first)
        }
        let alone = "half of a surrogate pair stands alone"
        guard first < 0xdc00, at + 12 <= text.count, text[at + 6] == UInt8(ascii: "\\"), text[at + 7] == UInt8(ascii: "u") else { throw fault(alone) }
        at += 6
        let second = try unit()
        guard 0xdc00...0xdfff ~= second else { throw fault(alone) }
        at += 6
        return Self.utf8(0x10000 + (first - 0xd800) * 0x400 + (second - 0xdc00))
    }

    /// The number in the `\uXXXX` that stands here.
    private func unit() throws(PlainFault) -> UInt32 {
        guard at + 6 <= text.count else { throw fault("the text ends too early") }
        var number: UInt32 = 0
        for byte in text[at + 2..<at + 6] {
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue, byte < 0x80 else { throw fault("JSON does not have this escape") }
            number = number * 16 + UInt32(digit)
        }
        return number
    }

    private static func utf8(_ number: UInt32) -> Bytes {
        guard let scalar = Unicode.Scalar(number) else { preconditionFailure("surrogates are paired") }
        return Bytes(String(Character(scalar)).utf8)
    }

    /// One character of more than one byte (Unicode, table 3-7).
    private mutating func sequence() throws(PlainFault) -> Bytes {
        for length in 2...4 where at + length <= text.count {
            let bytes = Bytes(text[at..<at + length])
            if let decoded = String(validating: bytes, as: UTF8.self), decoded.unicodeScalars.count == 1 {
                at += length
                return bytes
            }
        }
        throw fault("this is not UTF-8")
    }
}

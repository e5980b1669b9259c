/// A request target in origin form, taken apart and decoded strictly (RFC 3986; RFC 9112, section 3.2.1).
struct RequestTarget: Sendable {
    let path: String
    let segments: [[UInt8]]
    let queryItems: [HTTPQueryItem]

    /// Throws a 400 or 414 problem for every target that two parsers could read differently.
    init(_ raw: [UInt8], limits: HTTPLimits) throws(Problem) {
        guard raw.count <= limits.targetBytes else {
            throw Problem(.targetTooLong, "the target is longer than \(limits.targetBytes) bytes", closesConnection: true)
        }
        guard raw.first == UInt8(ascii: "/") else {
            if raw == [UInt8(ascii: "*")] { throw Problem(.notFound) }
            throw Problem(.badRequest, "the target must be a path that starts with a slash", closesConnection: true)
        }
        guard raw.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "#") }) else {
            throw Problem(
                .badRequest, "the target holds a byte that must be percent-encoded", closesConnection: true)
        }
        let parts = raw.split(separator: UInt8(ascii: "?"), maxSplits: 1, omittingEmptySubsequences: false)
        path = String(decoding: parts[0], as: UTF8.self)
        var segments: [[UInt8]] = []
        for segment in parts[0].dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
            segments.append(try RequestTarget.decode(segment, plusIsSpace: false))
        }
        self.segments = segments
        queryItems = parts.count == 2 ? try RequestTarget.queryItems(parts[1], limits: limits) : []
    }

    private static func queryItems(_ query: ArraySlice<UInt8>, limits: HTTPLimits) throws(Problem) -> [HTTPQueryItem] {
        var items: [HTTPQueryItem] = []
        for pair in query.split(separator: UInt8(ascii: "&")) {
            guard items.count < limits.queryItems else {
                throw Problem(.badRequest, "more than \(limits.queryItems) query parameters")
            }
            let equals = pair.firstIndex(of: UInt8(ascii: "=")) ?? pair.endIndex
            items.append(
                HTTPQueryItem(
                    name: try decode(pair[..<equals], plusIsSpace: true),
                    value: try decode(pair[equals...].dropFirst(), plusIsSpace: true)))
        }
        return items
    }

    /// Percent-decodes once. An escape without two hexadecimal digits, and `%00`, are refused.
    static func decode(_ text: ArraySlice<UInt8>, plusIsSpace: Bool) throws(Problem) -> [UInt8] {
        var decoded: [UInt8] = []
        decoded.reserveCapacity(text.count)
        var index = text.startIndex
        while index < text.endIndex {
            let byte = text[index]
            index += 1
            if byte == UInt8(ascii: "+"), plusIsSpace {
                decoded.append(UInt8(ascii: " "))
            } else if byte == UInt8(ascii: "%") {
                guard text.endIndex - index >= 2, let high = hexValue(text[index]), let low = hexValue(text[index + 1]) else {
                    throw Problem(.badRequest, "a percent sign is not followed by two hexadecimal digits")
                }
                guard high | low != 0 else { throw Problem(.badRequest, "the target holds %00") }
                decoded.append(high << 4 | low)
                index += 2
            } else {
                decoded.append(byte)
            }
        }
        return decoded
    }

    private static func hexValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}

/// Reads text members of an alert that the engine wrote. A flat scan for `"name":"` is enough: inside a JSON string every quote is escaped.
package enum AlertBody {
    /// The unescaped value of a string member; nil where there is none.
    package static func text(_ name: StaticString, in json: [UInt8]) -> String? {
        let lead = Array("\"\(name)\":\"".utf8)
        guard json.count >= lead.count, let at = (0...json.count - lead.count).first(where: { json[$0..<$0 + lead.count].elementsEqual(lead) }) else {
            return nil
        }
        var bytes: [UInt8] = []
        var index = at + lead.count
        while index < json.count, json[index] != UInt8(ascii: "\"") {
            if json[index] == UInt8(ascii: "\\") {
                index = unescape(json, index, &bytes)
            } else {
                bytes.append(json[index])
                index += 1
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Appends what the escape at `index` stands for and returns the index after it. RFC 8785 escapes only controls, quote and backslash.
    private static func unescape(_ json: [UInt8], _ index: Int, _ bytes: inout [UInt8]) -> Int {
        guard index + 1 < json.count else { return json.count }
        switch json[index + 1] {
        case UInt8(ascii: "n"): bytes.append(10)
        case UInt8(ascii: "r"): bytes.append(13)
        case UInt8(ascii: "t"): bytes.append(9)
        case UInt8(ascii: "b"): bytes.append(8)
        case UInt8(ascii: "f"): bytes.append(12)
        case UInt8(ascii: "u"):
            let digits = String(decoding: json[min(index + 2, json.count)..<min(index + 6, json.count)], as: UTF8.self)
            bytes.append(UInt8(truncatingIfNeeded: UInt32(digits, radix: 16) ?? 0x3F))
            return index + 6
        default: bytes.append(json[index + 1])
        }
        return index + 2
    }
}

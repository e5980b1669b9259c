/// Finds one member of a JSON object: for tools that need a payment's account before it is a record with a key.
package enum JSONMember {
    /// The unescaped characters of a top-level string member; nil where there is none, or the text is no JSON object.
    package static func string(_ name: String, in json: [UInt8]) -> [UInt8]? { scalar(name, .string, in: json) }

    /// The value of a top-level member that is an integer of 64 bits; nil where there is none.
    package static func integer(_ name: String, in json: [UInt8]) -> Int64? {
        scalar(name, .number, in: json).flatMap { Int64(String(decoding: $0, as: UTF8.self)) }
    }

    private static func scalar(_ name: String, _ kind: JSONKind, in json: [UInt8]) -> [UInt8]? {
        let wanted = Array(name.utf8)
        return json.withUnsafeBytes { raw in
            guard !raw.isEmpty else { return nil }
            do throws(JSONFault) {
                return try find(wanted, kind, in: ByteSlice(raw))
            } catch {
                return nil
            }
        }
    }

    private static func find(_ wanted: [UInt8], _ kind: JSONKind, in document: ByteSlice) throws(JSONFault) -> [UInt8]? {
        var cursor = JSONCursor(document)
        guard try cursor.next() == UInt8(ascii: "{") else { throw cursor.fault(.noObject) }
        cursor.at += 1
        while try cursor.next() != UInt8(ascii: "}") {
            let name = try cursor.name()
            let isWanted = !name.escapes && Array(name.text.array) == wanted
            let first = try cursor.next()
            let start = cursor.at
            if first == UInt8(ascii: "{") || first == UInt8(ascii: "[") {
                try cursor.container(inside: 1)
            } else {
                let value = try cursor.scalar()
                guard isWanted, value.kind == kind else {
                    if try cursor.next() == UInt8(ascii: ",") { cursor.at += 1 }
                    continue
                }
                if kind != .string { return ByteSlice(start: start, count: cursor.at - start).array }
                return characters(ByteSlice(start: start + 1, count: cursor.at - start - 2), escapes: value.escapes)
            }
            if try cursor.next() == UInt8(ascii: ",") { cursor.at += 1 }
        }
        return nil
    }

    private static func characters(_ text: ByteSlice, escapes: Bool) -> [UInt8] {
        guard escapes else { return text.array }
        return [UInt8](unsafeUninitializedCapacity: text.count) { buffer, count in
            guard let start = buffer.baseAddress else { return }
            count = JSONEscapes.write(text, to: UnsafeMutableRawPointer(start))
        }
    }
}

/// Reads a list of strings out of a JSON object: `{"ids":["a","b"]}`. Other members are checked and ignored.
package enum JSONStringList {
    package struct Problem: Error, Equatable, Sendable {
        /// Bytes before it.
        package var offset: Int
        /// For people.
        package var text: String
    }

    /// The strings of the member of that name, without their escapes.
    package static func read(_ json: [UInt8], member: StaticString) -> Result<[[UInt8]], Problem> {
        json.withUnsafeBytes { bytes in
            guard bytes.count > 0 else { return .failure(Problem(offset: 0, text: "there is nothing")) }
            var cursor = JSONCursor(ByteSlice(bytes))
            do throws(JSONFault) {
                guard let list = try object(&cursor, member: ByteSlice(member)) else { return .failure(missing(member, cursor)) }
                return list
            } catch {
                let text = error.cause == .noObject ? "expected '{'" : "\(error.cause.text)"
                return .failure(Problem(offset: error.offset, text: text))
            }
        }
    }

    private static func missing(_ member: StaticString, _ cursor: JSONCursor) -> Problem {
        Problem(offset: cursor.at - cursor.start, text: "the object has no member \"\(member)\"")
    }

    /// nil where the object has no such member.
    private static func object(_ cursor: inout JSONCursor, member: ByteSlice) throws(JSONFault) -> Result<[[UInt8]], Problem>? {
        guard try cursor.next() == UInt8(ascii: "{") else { throw cursor.fault(.noObject) }
        cursor.at += 1
        var list: Result<[[UInt8]], Problem>?
        if try cursor.next() == UInt8(ascii: "}") {
            cursor.at += 1
        } else {
            var hasMore = true
            while hasMore {
                cursor.skipSpace()
                let start = cursor.fault(.repeated)
                if try cursor.name().text.isEqual(to: member) {
                    guard list == nil else { throw start }
                    list = try strings(&cursor)
                    if case .failure = list { return list }
                } else {
                    try skip(&cursor)
                }
                hasMore = try goesOn(&cursor, until: UInt8(ascii: "}"), else: .noCommaOrBrace)
            }
        }
        cursor.skipSpace()
        guard cursor.at == cursor.end else { throw cursor.fault(.trailing) }
        return list
    }

    private static func strings(_ cursor: inout JSONCursor) throws(JSONFault) -> Result<[[UInt8]], Problem> {
        guard try cursor.next() == UInt8(ascii: "[") else { return .failure(Problem(offset: cursor.at - cursor.start, text: "expected '['")) }
        cursor.at += 1
        if try cursor.next() == UInt8(ascii: "]") {
            cursor.at += 1
            return .success([])
        }
        var found: [[UInt8]] = []
        repeat {
            guard try cursor.next() == JSONBytes.quote else { return .failure(Problem(offset: cursor.at - cursor.start, text: "expected a string")) }
            let first = cursor.at + 1
            let escapes = try cursor.string()
            let text = ByteSlice(start: first, count: cursor.at - first - 1)
            found.append(escapes ? unescaped(text) : text.array)
        } while try goesOn(&cursor, until: UInt8(ascii: "]"), else: .noCommaOrBracket)
        return .success(found)
    }

    private static func unescaped(_ text: ByteSlice) -> [UInt8] {
        Array(unsafeUninitializedCapacity: text.count) { buffer, count in count = JSONEscapes.write(text, to: UnsafeMutableRawPointer(buffer.baseAddress!)) }
    }

    /// Whether a comma stands here; walks over it, or over what closes.
    private static func goesOn(_ cursor: inout JSONCursor, until closing: UInt8, else cause: JSONFault.Cause) throws(JSONFault) -> Bool {
        let byte = try cursor.next()
        guard byte == UInt8(ascii: ",") || byte == closing else { throw cursor.fault(cause) }
        cursor.at += 1
        return byte != closing
    }

    private static func skip(_ cursor: inout JSONCursor) throws(JSONFault) {
        let byte = try cursor.next()
        if byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") { try cursor.container(inside: 1) } else { _ = try cursor.scalar() }
    }
}

/// Where each byte of a scalar's text stands in the file, so that an error inside an expression is shown in its own line and column.
///
/// YAML keeps every character that is not white space, in order, whatever the style: so text and source are walked side by side, white space
/// is matched loosely, and only quotes and escapes need rules of their own.
package struct ScalarOffsets {
    /// By byte of the text, and one more for its end.
    private var offsets: [Int] = []

    package init(_ node: YAMLNode, _ scalar: YAMLScalar) {
        var walk = Walk(bytes: node.source.bytes, node: node, style: scalar.style)
        offsets.reserveCapacity(scalar.text.utf8.count + 1)
        var expectedContinuations = 0
        for byte in scalar.text.utf8 {
            if byte & 0xC0 == 0x80, expectedContinuations > 0, let last = offsets.last {
                offsets.append(walk.wasEscape ? last : walk.advanceOne())
                expectedContinuations -= 1
                continue
            }
            expectedContinuations = byte >= 0xF0 ? 3 : byte >= 0xE0 ? 2 : byte >= 0xC0 ? 1 : 0
            offsets.append(walk.advance(to: byte))
        }
        offsets.append(walk.at)
    }

    /// The byte in the file of a byte in the scalar's text; past the end: where the text ends.
    package func byte(ofText offset: Int) -> Int { offsets[min(max(0, offset), offsets.count - 1)] }
}

/// The walk through the source.
private struct Walk {
    let bytes: [UInt8]
    let end: Int
    let style: YAMLScalar.Style
    private(set) var at: Int
    /// The last character was written as an escape.
    private(set) var wasEscape = false

    init(bytes: [UInt8], node: YAMLNode, style: YAMLScalar.Style) {
        self.bytes = bytes
        self.style = style
        end = min(node.range.upperBound, bytes.count)
        at = node.range.lowerBound
        switch style {
        case .plain: break
        case .singleQuoted, .doubleQuoted: at += 1
        case .literal, .folded: at = min(end, Walk.afterLine(bytes, node.source.restOfLine(from: at).upperBound))
        }
    }

    /// The first byte of the line after the one that ends at `offset`.
    private static func afterLine(_ bytes: [UInt8], _ offset: Int) -> Int {
        guard offset < bytes.count else { return offset }
        return bytes[offset] == UInt8(ascii: "\r") && offset + 1 < bytes.count && bytes[offset + 1] == UInt8(ascii: "\n") ? offset + 2 : offset + 1
    }

    mutating func advanceOne() -> Int {
        defer { at = min(at + 1, end) }
        return at
    }

    /// Consumes what stands for the next text byte and returns where it began.
    mutating func advance(to byte: UInt8) -> Int {
        wasEscape = false
        if style == .doubleQuoted, let start = escape() { return start }
        guard isSpace(byte) else { return character(byte) }
        let start = at
        if at < end, bytes[at] == byte { at += 1 }
        return start
    }

    private mutating func character(_ byte: UInt8) -> Int {
        while at < end, isSpace(bytes[at]) { at += 1 }
        if style == .doubleQuoted, let start = escape() { return start }
        let start = at
        let isDoubledQuote = style == .singleQuoted && byte == UInt8(ascii: "'")
        at = min(at + (isDoubledQuote ? 2 : 1), end)
        return start
    }

    /// Steps over an escape and returns where it began; a backslash before a line end stands for nothing and is skipped.
    private mutating func escape() -> Int? {
        while at + 1 < end, bytes[at] == UInt8(ascii: "\\"), bytes[at + 1] == UInt8(ascii: "\n") || bytes[at + 1] == UInt8(ascii: "\r") {
            at += 1
            while at < end, isSpace(bytes[at]) { at += 1 }
        }
        guard at + 1 < end, bytes[at] == UInt8(ascii: "\\") else { return nil }
        let start = at
        let digits =
            switch bytes[at + 1] {
            case UInt8(ascii: "x"): 2
            case UInt8(ascii: "u"): 4
            case UInt8(ascii: "U"): 8
            default: 0
            }
        at = min(at + 2 + digits, end)
        wasEscape = true
        return start
    }

    private func isSpace(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r")
    }
}

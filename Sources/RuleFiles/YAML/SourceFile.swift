/// A place in a text file as people count: both from 1, columns in code points.
package struct SourcePosition: Sendable, Equatable {
    package var line: Int
    package var column: Int

    package init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }
}

/// The text of one file, kept so that every message can show the line it speaks of. Immutable.
package final class SourceFile: Sendable {
    /// As it is shown in messages: relative to where the user pointed.
    package let path: String
    package let bytes: [UInt8]
    /// Byte offset of the first byte of each line; lines end at LF, CR LF or CR.
    private let lineStarts: [Int]

    package init(path: String, bytes: [UInt8]) {
        self.path = path
        self.bytes = bytes
        var starts = [bytes.starts(with: Self.byteOrderMark) ? Self.byteOrderMark.count : 0]
        for (at, byte) in bytes.enumerated() {
            let endsLine = byte == UInt8(ascii: "\n") || (byte == UInt8(ascii: "\r") && !(at + 1 < bytes.count && bytes[at + 1] == UInt8(ascii: "\n")))
            if endsLine { starts.append(at + 1) }
        }
        lineStarts = starts
    }

    /// The UTF-8 byte order mark, which some editors put in front.
    static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

    /// The position of a byte, 0 ... count; O(log lines + line length).
    package func position(ofByte offset: Int) -> SourcePosition {
        let line = lineIndex(ofByte: offset)
        var column = 1
        for at in stride(from: lineStarts[line], to: min(offset, bytes.count), by: 1) where !isContinuation(bytes[at]) { column += 1 }
        return SourcePosition(line: line + 1, column: column)
    }

    /// The text of a line counted from 1, without its end; empty past the last line. Invalid UTF-8 is repaired.
    package func text(ofLine line: Int) -> String {
        guard line >= 1, line <= lineStarts.count else { return "" }
        return String(decoding: bytes[lineRange(line - 1)], as: UTF8.self)
    }

    /// Code points in a range of bytes.
    package func codePoints(in range: Range<Int>) -> Int {
        bytes[range.clamped(to: 0..<bytes.count)].reduce(0) { $0 + (isContinuation($1) ? 0 : 1) }
    }

    /// The bytes from `offset` to the end of its line.
    func restOfLine(from offset: Int) -> Range<Int> {
        let end = lineRange(lineIndex(ofByte: offset)).upperBound
        return min(offset, end)..<end
    }

    /// The bytes of a line counted from 0, without its end.
    private func lineRange(_ index: Int) -> Range<Int> {
        let start = lineStarts[index]
        var end = index + 1 < lineStarts.count ? lineStarts[index + 1] : bytes.count
        while end > start, bytes[end - 1] == UInt8(ascii: "\n") || bytes[end - 1] == UInt8(ascii: "\r") { end -= 1 }
        return start..<max(start, end)
    }

    private func lineIndex(ofByte offset: Int) -> Int {
        var low = 0
        var high = lineStarts.count - 1
        while low < high {
            let middle = (low + high + 1) / 2
            if lineStarts[middle] <= offset { low = middle } else { high = middle - 1 }
        }
        return low
    }

    private func isContinuation(_ byte: UInt8) -> Bool { byte & 0xC0 == 0x80 }
}

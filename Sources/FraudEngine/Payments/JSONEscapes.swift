/// Undoes the escapes of JSON strings that a `JSONCursor` has found correct.
enum JSONEscapes {
    /// The number in four hexadecimal digits; nil if one of them is none.
    static func codeUnit(_ start: UnsafeRawPointer) -> UInt32? {
        var unit: UInt32 = 0
        for offset in 0..<4 {
            let byte = start.load(fromByteOffset: offset, as: UInt8.self)
            let digit = byte &- 48
            let letter = (byte | 0x20) &- 97
            guard digit < 10 || letter < 6 else { return nil }
            unit = unit << 4 | UInt32(digit < 10 ? digit : letter + 10)
        }
        return unit
    }

    /// Writes the characters of `source` to `target`, which has room for as many bytes as the source has; how many they are.
    static func write(_ source: ByteSlice, to target: UnsafeMutableRawPointer) -> Int {
        var at = source.start
        let end = at + source.count
        var out = target
        while at < end {
            let byte = at.load(as: UInt8.self)
            guard byte == JSONBytes.backslash else {
                out.storeBytes(of: byte, as: UInt8.self)
                out += 1
                at += 1
                continue
            }
            let kind = at.load(fromByteOffset: 1, as: UInt8.self)
            if kind == UInt8(ascii: "u") {
                at = character(at, &out)
            } else {
                out.storeBytes(of: plain(kind), as: UInt8.self)
                out += 1
                at += 2
            }
        }
        return out - target
    }

    private static func plain(_ kind: UInt8) -> UInt8 {
        switch kind {
        case UInt8(ascii: "b"): 0x08
        case UInt8(ascii: "f"): 0x0c
        case UInt8(ascii: "n"): 0x0a
        case UInt8(ascii: "r"): 0x0d
        case UInt8(ascii: "t"): 0x09
        default: kind
        }
    }

    /// Writes the character of the `\uXXXX` or the pair of them that starts here; what follows it.
    private static func character(_ start: UnsafeRawPointer, _ out: inout UnsafeMutableRawPointer) -> UnsafeRawPointer {
        var next = start + 6
        guard var scalar = codeUnit(start + 2) else { preconditionFailure("checked by the cursor") }
        if scalar & 0xf800 == 0xd800 {
            guard let low = codeUnit(start + 8) else { preconditionFailure("checked by the cursor") }
            scalar = 0x10000 + (scalar & 0x3ff) << 10 + low & 0x3ff
            next += 6
        }
        func put(_ value: UInt32) {
            out.storeBytes(of: UInt8(truncatingIfNeeded: value), as: UInt8.self)
            out += 1
        }
        if scalar < 0x80 {
            put(scalar)
        } else if scalar < 0x800 {
            put(0xc0 | scalar >> 6)
            put(0x80 | scalar & 0x3f)
        } else if scalar < 0x10000 {
            put(0xe0 | scalar >> 12)
            put(0x80 | scalar >> 6 & 0x3f)
            put(0x80 | scalar & 0x3f)
        } else {
            put(0xf0 | scalar >> 18)
            put(0x80 | scalar >> 12 & 0x3f)
            put(0x80 | scalar >> 6 & 0x3f)
            put(0x80 | scalar & 0x3f)
        }
        return next
    }
}

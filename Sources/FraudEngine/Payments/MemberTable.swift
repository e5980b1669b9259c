/// What stands behind a member's name.
enum JSONKind: UInt8 {
    case absent, null, no, yes, number, string, array, object

    /// For people, after "is ".
    var text: StaticString {
        switch self {
        case .absent: "absent"
        case .null: "null"
        case .no, .yes: "true or false"
        case .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}

/// One member's value as it stood in the record: a string's characters without quotes and escapes, a number's text.
struct MemberToken {
    var start: UnsafeRawPointer
    var count: Int
    var kind: JSONKind

    var slice: ByteSlice { ByteSlice(start: start, count: count) }
}

/// A name's length with its first and last eight bytes: all there is to know of names of up to 16 bytes.
struct NameSignature: Equatable {
    static let wholeCount = 16

    var first: UInt64
    var last: UInt64
    var count: Int

    /// Reads nothing outside the name.
    @inline(__always)
    init(_ start: UnsafeRawPointer, count: Int) {
        self.count = count
        if count >= 8 {
            first = start.loadUnaligned(as: UInt64.self)
            last = start.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self)
        } else if count >= 4 {
            first = UInt64(start.loadUnaligned(as: UInt32.self))
            last = UInt64(start.loadUnaligned(fromByteOffset: count - 4, as: UInt32.self))
        } else if count > 0 {
            first = UInt64(start.load(as: UInt8.self)) << 16 | UInt64(start.load(fromByteOffset: count / 2, as: UInt8.self)) << 8
            last = UInt64(start.load(fromByteOffset: count - 1, as: UInt8.self))
        } else {
            first = 0
            last = 0
        }
    }
}

/// The members a decoder looks for, what the last record holds of them, and which name stood where last time.
///
/// Owned by one decoder. Tokens are valid until the next record is scanned or read.
struct MemberTable: ~Copyable {
    /// `index(of:)` of a name nobody looks for.
    static let unknown = -1
    static let positions = 128

    /// A name that stood at one position of the last object scanned; `count` is -1 where none is remembered.
    struct Guess {
        var signature: NameSignature
        /// Index of the member, or `unknown`.
        var member: Int
    }

    let count: Int
    /// By member; the bytes live as long as the table.
    let names: UnsafeMutablePointer<ByteSlice>
    let signatures: UnsafeMutablePointer<NameSignature>
    let tokens: UnsafeMutablePointer<MemberToken>
    let guesses: UnsafeMutablePointer<Guess>
    /// Bit `min(count, 63)` is set if a name has that many bytes.
    private let lengths: UInt64

    /// `names` are unique.
    init(names texts: [[UInt8]]) {
        count = texts.count
        names = .allocate(capacity: max(1, count))
        signatures = .allocate(capacity: max(1, count))
        tokens = .allocate(capacity: max(1, count))
        guesses = .allocate(capacity: Self.positions)
        var lengths: UInt64 = 0
        for (index, text) in texts.enumerated() {
            let bytes = UnsafeMutableRawPointer.allocate(byteCount: max(1, text.count), alignment: 1)
            text.withUnsafeBytes { if let start = $0.baseAddress { bytes.copyMemory(from: start, byteCount: text.count) } }
            (names + index).initialize(to: ByteSlice(start: UnsafeRawPointer(bytes), count: text.count))
            (signatures + index).initialize(to: NameSignature(bytes, count: text.count))
            lengths |= 1 << UInt64(min(text.count, 63))
        }
        self.lengths = lengths
        tokens.initialize(repeating: MemberToken(start: ByteSlice.empty.start, count: 0, kind: .absent), count: count)
        var nothing = NameSignature(ByteSlice.empty.start, count: 0)
        nothing.count = -1
        guesses.initialize(repeating: Guess(signature: nothing, member: Self.unknown), count: Self.positions)
    }

    deinit {
        for index in 0..<count { names[index].start.deallocate() }
        names.deallocate()
        signatures.deallocate()
        tokens.deallocate()
        guesses.deallocate()
    }

    @inline(__always)
    func forgetValues() {
        for index in 0..<count { tokens[index].kind = .absent }
    }

    /// The member of that name, or `unknown`.
    func index(of name: ByteSlice) -> Int {
        guard lengths >> UInt64(min(name.count, 63)) & 1 == 1 else { return Self.unknown }
        let signature = NameSignature(name.start, count: name.count)
        for index in 0..<count where signatures[index] == signature {
            if signature.count <= NameSignature.wholeCount || names[index].isEqual(to: name) { return index }
        }
        return Self.unknown
    }

    /// Keeps a member's value; false if the member has one already.
    @inline(__always)
    func store(_ kind: JSONKind, _ start: UnsafeRawPointer, count: Int, member: Int) -> Bool {
        guard tokens[member].kind == .absent else { return false }
        tokens[member] = MemberToken(start: start, count: count, kind: kind)
        return true
    }
}

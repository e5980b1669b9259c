/// One parameter or one field of a row. On the wire both are binary, with these types:
/// `text`, `bigint`, `bytea`, `boolean`; narrower integers and other text types are accepted in results.
package enum PostgresValue: Sendable, Equatable {
    case null
    /// Without a NUL, which PostgreSQL does not hold in text.
    case text(String)
    case integer(Int64)
    case bytes([UInt8])
    case boolean(Bool)
}

extension PostgresValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral, ExpressibleByNilLiteral {
    package init(stringLiteral value: String) { self = .text(value) }
    package init(integerLiteral value: Int64) { self = .integer(value) }
    package init(booleanLiteral value: Bool) { self = .boolean(value) }
    package init(nilLiteral: ()) { self = .null }
}

/// What a statement gave.
package struct PostgresRows: Sendable {
    package var rows: [PostgresRow]
    /// Rows that an INSERT, UPDATE, DELETE changed or a SELECT gave.
    package var count: Int
    /// The command as the server names it: `COMMIT`.
    var command: String

    package var first: PostgresRow? { rows.first }
}

/// A row, its fields in the order of the statement's columns. A field of another kind than asked for is a protocol violation:
/// the schema is not the one that the program knows.
package struct PostgresRow: Sendable, Equatable {
    package let fields: [PostgresValue]

    package func integer(_ column: Int) throws(PostgresError) -> Int64 {
        guard case .integer(let value) = fields[column] else { throw unexpected(column, "an integer") }
        return value
    }

    package func text(_ column: Int) throws(PostgresError) -> String {
        guard case .text(let value) = fields[column] else { throw unexpected(column, "text") }
        return value
    }

    package func bytes(_ column: Int) throws(PostgresError) -> [UInt8] {
        guard case .bytes(let value) = fields[column] else { throw unexpected(column, "bytes") }
        return value
    }

    package func boolean(_ column: Int) throws(PostgresError) -> Bool {
        guard case .boolean(let value) = fields[column] else { throw unexpected(column, "a boolean") }
        return value
    }

    private func unexpected(_ column: Int, _ expected: String) -> PostgresError { .protocolViolation("column \(column + 1) is not \(expected)") }
}

/// PostgreSQL's types by their object identifiers (`pg_type.dat`), which never change.
enum PostgresType {
    static let boolean: UInt32 = 16
    static let bytea: UInt32 = 17
    static let name: UInt32 = 19
    static let bigint: UInt32 = 20
    static let smallint: UInt32 = 21
    static let integer: UInt32 = 23
    static let text: UInt32 = 25
    static let character: UInt32 = 1042
    static let varchar: UInt32 = 1043
    static let void: UInt32 = 2278

    /// The field that these bytes of this type are; nil for a type that is not read here: cast it in the statement.
    static func value(_ bytes: UnsafeRawBufferPointer, type: UInt32) -> PostgresValue? {
        switch type {
        case boolean: bytes.first.map { .boolean($0 != 0) }
        case bytea: .bytes(Array(bytes))
        case smallint where bytes.count == 2: .integer(Int64(Int16(bigEndian: bytes.loadUnaligned(as: Int16.self))))
        case integer where bytes.count == 4: .integer(Int64(Int32(bigEndian: bytes.loadUnaligned(as: Int32.self))))
        case bigint where bytes.count == 8: .integer(Int64(bigEndian: bytes.loadUnaligned(as: Int64.self)))
        case text, name, character, varchar: .text(String(decoding: bytes, as: UTF8.self))
        case void: .null
        case _: nil
        }
    }
}

/// Parameters in the form libpq takes: their bytes one after the other, and for each its type.
struct ParameterBytes {
    private(set) var bytes: [UInt8] = []
    private(set) var types: [UInt32] = []
    /// Of each parameter; nil for a null.
    private(set) var ranges: [Range<Int>?] = []

    init(_ parameters: [PostgresValue]) {
        bytes.reserveCapacity(parameters.reduce(1) { $0 + $1.size })
        for parameter in parameters {
            let start = bytes.count
            switch parameter {
            case .null: types.append(0)
            case .text(let text):
                types.append(PostgresType.text)
                bytes.append(contentsOf: text.utf8)
            case .integer(let value):
                types.append(PostgresType.bigint)
                withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
            case .bytes(let value):
                types.append(PostgresType.bytea)
                bytes.append(contentsOf: value)
            case .boolean(let value):
                types.append(PostgresType.boolean)
                bytes.append(value ? 1 : 0)
            }
            ranges.append(parameter == .null ? nil : start..<bytes.count)
        }
        // An empty parameter is not a null one: it needs an address too.
        bytes.append(0)
    }
}

extension PostgresValue {
    fileprivate var size: Int {
        switch self {
        case .null: 0
        case .text(let text): text.utf8.count
        case .integer: 8
        case .bytes(let bytes): bytes.count
        case .boolean: 1
        }
    }
}

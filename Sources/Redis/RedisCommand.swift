/// A command under construction: its arguments' bytes, one after the other, in storage that is kept between uses.
package struct RedisCommand: Sendable {
    private(set) var bytes: [UInt8] = []
    /// One past each argument's last byte.
    private(set) var ends: [Int] = []

    package init() {}

    /// `RedisCommand("HGET", "key", "field")`
    package init(_ arguments: String...) {
        for argument in arguments { append(argument) }
    }

    package mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
    }

    package mutating func append(_ argument: StaticString) {
        append(UnsafeRawBufferPointer(start: argument.utf8Start, count: argument.utf8CodeUnitCount))
    }

    package mutating func append(_ argument: String) {
        bytes.append(contentsOf: argument.utf8)
        ends.append(bytes.count)
    }

    package mutating func append(_ argument: [UInt8]) {
        bytes.append(contentsOf: argument)
        ends.append(bytes.count)
    }

    package mutating func append(_ argument: UnsafeRawBufferPointer) {
        bytes.append(contentsOf: argument)
        ends.append(bytes.count)
    }

    /// The integer in decimal.
    package mutating func append(_ argument: Int64) { append(String(argument)) }
}

extension ByteWriter {
    /// RFC 3339 in UTC with three fraction digits: `2026-11-23T10:00:00.000Z`.
    package mutating func append(timestamp milliseconds: Int64) {}

    /// RFC 3339 in UTC with six fraction digits.
    package mutating func append(timestampMicroseconds microseconds: Int64) {}
}

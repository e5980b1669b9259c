/// Tumbling windows in event time: half-open `[start, start + size)`, aligned to the epoch plus `offset`; milliseconds throughout.
package struct TumblingWindows: Sendable, Equatable {
    package enum Refusal: Error, Equatable {
        case sizeNotPositive(Int64)
        case graceNegative(Int64)
        /// |offset| must be less than the size.
        case offsetOutOfRange(Int64)
    }

    package let size: Int64
    package let grace: Int64
    package let offset: Int64

    package init(size: Int64, grace: Int64, offset: Int64 = 0) throws(Refusal) {
        guard size > 0 else { throw .sizeNotPositive(size) }
        guard grace >= 0 else { throw .graceNegative(grace) }
        guard offset.magnitude < size.magnitude else { throw .offsetOutOfRange(offset) }
        self.size = size
        self.grace = grace
        self.offset = offset
    }

    /// The number of the window that holds `time`; window n starts at `n * size + offset`.
    @inline(__always)
    package func number(of time: Int64) -> Int64 {
        let shifted = time &- offset
        let quotient = shifted / size
        return shifted % size < 0 ? quotient - 1 : quotient
    }

    @inline(__always)
    package func start(of number: Int64) -> Int64 { number &* size &+ offset }

    @inline(__always)
    package func end(of number: Int64) -> Int64 { start(of: number) &+ size }

    /// The highest number of a closed window: `end ≤ stream time − grace` (equality is closed).
    @inline(__always)
    package func closedThrough(streamTime: Int64) -> Int64 {
        guard streamTime > StreamTime.none else { return Int64.min }
        return number(of: streamTime &- grace) - 1
    }
}

/// Stream time: per partition, the highest `min(event time, Kafka timestamp)` of the folded payments; milliseconds since the epoch.
package enum StreamTime {
    /// Before the first payment. Real times are at least the year 1, so that subtracting a grace never overflows.
    package static let none = Int64.min
}

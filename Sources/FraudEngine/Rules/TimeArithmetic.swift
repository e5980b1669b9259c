/// Arithmetic of timestamps in milliseconds and durations in nanoseconds, with CEL's errors.
enum TimeArithmetic {
    static let nanosecondsPerMillisecond: Int64 = 1_000_000

    /// The duration between two timestamps; overflows beyond some 292 years.
    @inline(__always)
    static func nanoseconds(from start: Int64, to end: Int64) -> (partialValue: Int64, overflow: Bool) {
        let difference = end.subtractingReportingOverflow(start)
        let product = difference.partialValue.multipliedReportingOverflow(by: nanosecondsPerMillisecond)
        return (product.partialValue, difference.overflow || product.overflow)
    }

    /// The millisecond in which the shifted timestamp lies; in error outside the years 1 to 9999.
    @inline(__always)
    static func shift(_ time: Int64, by duration: Int64, isBack: Bool) -> (partialValue: Int64, overflow: Bool) {
        let whole = duration / nanosecondsPerMillisecond
        let rest = duration % nanosecondsPerMillisecond
        let borrow: Int64 = (isBack ? rest > 0 : rest < 0) ? 1 : 0
        let shifted = isBack ? time.subtractingReportingOverflow(whole) : time.addingReportingOverflow(whole)
        let result = shifted.partialValue.subtractingReportingOverflow(borrow)
        return (result.partialValue, shifted.overflow || result.overflow || result.partialValue < Timestamp.earliest || result.partialValue > Timestamp.latest)
    }
}

/// Keeps what is tried over and over from filling the log: each text is said once, and then again after a while.
struct Complaint {
    /// Milliseconds.
    static let pause: Int64 = 30_000
    /// More texts than this are forgotten and said anew.
    private static let capacity = 16

    /// When each was said last.
    private var said: [String: Int64] = [:]

    /// Whether it is to be said now.
    ///
    /// - Parameter now: milliseconds of a monotonic clock.
    mutating func isDue(_ text: String, now: Int64) -> Bool {
        if let at = said[text], now - at < Self.pause { return false }
        if said.count == Self.capacity { said = [:] }
        said[text] = now
        return true
    }
}

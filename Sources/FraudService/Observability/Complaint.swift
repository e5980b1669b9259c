/// Keeps what is tried over and over from filling the log: the same is said once, and then again after a while.
struct Complaint {
    /// Milliseconds.
    static let pause: Int64 = 30_000

    private var said: (text: String, at: Int64)?

    /// Whether it is to be said now.
    ///
    /// - Parameter now: milliseconds of a monotonic clock.
    mutating func isDue(_ text: String, now: Int64) -> Bool {
        if let said, said.text == text, now - said.at < Self.pause { return false }
        said = (text, now)
        return true
    }
}

/// Keeps what is tried over and over from filling the log: the same is said once, and then again after a while; something else after a shorter one.
struct Complaint {
    /// Milliseconds.
    static let pause: Int64 = 30_000
    /// Milliseconds until another text may follow: two errors may take turns.
    static let pauseForAnother: Int64 = 2_000

    private var said: (text: String, at: Int64)?

    /// Whether it is to be said now.
    ///
    /// - Parameter now: milliseconds of a monotonic clock.
    mutating func isDue(_ text: String, now: Int64) -> Bool {
        if let said, now - said.at < (said.text == text ? Self.pause : Self.pauseForAnother) { return false }
        said = (text, now)
        return true
    }
}

import Kafka

/// How long a start goes on asking brokers that cannot answer for the moment: a controller that moves, a machine under load.
struct StartPatience {
    /// Milliseconds, for all questions of a start together; the last may still take its own timeout.
    static let limit: Int64 = 30_000

    private let log: Log
    private let now: () -> Int64
    private let pause: () -> Void
    private let isStopAsked: () -> Bool
    private let deadline: Int64

    /// Begins now.
    ///
    /// - Parameters:
    ///   - limit: milliseconds; 0 asks once, for somebody who waits for the answer.
    ///   - now: milliseconds of a monotonic clock.
    ///   - pause: between two attempts.
    init(
        log: Log, limit: Int64 = limit, now: @escaping () -> Int64 = Clock.monotonicMilliseconds,
        pause: @escaping () -> Void = { Clock.pause(milliseconds: 500) },
        isStopAsked: @escaping () -> Bool = { ProcessSignals.isStopPending }
    ) {
        self.log = log
        self.now = now
        self.pause = pause
        self.isStopAsked = isStopAsked
        deadline = now() + limit
    }

    /// Asks until there is an answer, an error that asking again does not mend, or the patience is over; then it throws the last error.
    func ask<Answer>(_ question: () throws(KafkaError) -> Answer) throws(KafkaError) -> Answer {
        var complaint = Complaint()
        while true {
            do {
                return try question()
            } catch {
                guard error.isTransient, now() < deadline, !isStopAsked() else { throw error }
                if complaint.isDue(error.name, now: now()) {
                    log.warning("the brokers did not answer; the start asks them again for up to 30 s", [.error: "\(error)"])
                }
                pause()
            }
        }
    }
}

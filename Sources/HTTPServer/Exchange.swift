/// One request and what became of it.
///
/// libmicrohttpd holds it from the request line to the completion of the request, and touches it only on the thread of the
/// connection.
final class Exchange {
    let target: [UInt8]
    let started: MonotonicTime
    /// Nil until the head has come whole and was sound.
    var accepted: (head: RequestHead, target: RequestTarget)?
    private(set) var body: [UInt8] = []
    /// Bytes of the body, also those dropped.
    private(set) var bodyCount = 0
    /// What the observer will be told; nil until an answer is queued.
    var answered: (route: String, status: Int)?
    /// Counted in the ledger as a request at work.
    var isCounted = false

    init(target: [UInt8], started: MonotonicTime) {
        self.target = target
        self.started = started
    }

    /// Takes a piece of the body; what exceeds `limit` is counted and dropped. False: so much that the client must go.
    func append(_ piece: UnsafeRawBufferPointer, limit: Int) -> Bool {
        bodyCount += piece.count
        if bodyCount <= limit {
            body.append(contentsOf: piece)
        } else {
            body = []
        }
        return bodyCount <= limit * 8
    }
}

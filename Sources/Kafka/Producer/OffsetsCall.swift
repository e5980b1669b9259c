internal import CRdKafka
internal import Threads

/// Makes `rd_kafka_send_offsets_to_transaction` on a thread of its own, so that its caller can give up waiting for it.
///
/// The call's timeout bounds the question to the transaction's coordinator. The one to the group's coordinator waits, where that cannot be reached,
/// for the next connection that comes or goes, which may be never (librdkafka issue 5511; seen with 2.12.1 after a broker died).
///
/// Owner and thread take turns: the owner writes before it signals `asked`, the thread before it signals `answered`.
final class OffsetsCall {
    private struct Question: ~Copyable {
        let offsets: PartitionList
        let group: GroupMetadata
        let timeoutMilliseconds: Int32
    }

    private let client: OpaquePointer
    private let asked = Semaphore()
    private let answered = Semaphore()
    private var question: Question?
    private var answer: OpaquePointer?
    private var remains: ClientRemains?
    /// The owner's: the thread may still be inside of the call.
    private(set) var isGivenUp = false
    private var thread: DedicatedThread?

    /// Milliseconds beyond the call's timeout, for an answer on its way.
    private static let patience: Int64 = 5_000

    /// The client outlives the call, or goes with `end(leaving:)`.
    init(client: OpaquePointer) {
        self.client = client
    }

    /// librdkafka's answer: nil for success, else an error to be freed. Waits five seconds longer than the timeout for it.
    /// - Throws: when it is given up; nothing but `end` may be called then.
    func send(_ offsets: consuming PartitionList, _ group: GroupMetadata, timeoutMilliseconds: Int32) throws(KafkaError) -> OpaquePointer? {
        if isGivenUp { throw OffsetsCall.noAnswer }
        if thread == nil { thread = DedicatedThread.startIfPossible("offsets", stackBytes: 1 << 20) { self.run() } }
        if thread == nil { return rd_kafka_send_offsets_to_transaction(client, offsets.pointer, group.pointer, timeoutMilliseconds) }
        question = Question(offsets: offsets, group: group, timeoutMilliseconds: timeoutMilliseconds)
        asked.signal()
        guard answered.wait(milliseconds: Int64(timeoutMilliseconds) + OffsetsCall.patience) else {
            isGivenUp = true
            throw OffsetsCall.noAnswer
        }
        defer { answer = nil }
        return answer
    }

    /// Ends the thread. One that is still inside of the call is left alone, and the client with it: it destroys it when the answer comes.
    /// - Returns: whether the client is still the caller's to destroy.
    func end(leaving handle: ClientHandle) -> Bool {
        guard let thread else { return true }
        self.thread = nil
        if isGivenUp { remains = handle.leave() }
        asked.signal()
        if isGivenUp { thread.detach() } else { thread.join() }
        return !isGivenUp
    }

    /// The thread's body.
    private func run() {
        while true {
            asked.wait()
            guard let question = question.take() else { break }
            answer = rd_kafka_send_offsets_to_transaction(
                client, question.offsets.pointer, question.group.pointer, question.timeoutMilliseconds)
            answered.signal()
        }
        guard let remains else { return }
        if let answer { rd_kafka_error_destroy(answer) }
        remains.destroy()
    }

    private static let noAnswer = KafkaError(
        RD_KAFKA_RESP_ERR__TIMED_OUT, message: "librdkafka does not answer: it waits for the group's coordinator without end; the client is left behind")
}

// Owner and thread take turns, ordered by the semaphores; `isGivenUp` and `thread` are the owner's.
extension OffsetsCall: @unchecked Sendable {}

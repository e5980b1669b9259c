import Testing

@testable import FraudEngine

@Suite struct TransactionMachineTests {
    private static let old = CommittedPosition(offset: 5, metadata: "old")
    private static let new = CommittedPosition(offset: 9, metadata: "new")
    private static let abort = ClientFault(reaction: .abort, isTransient: false, text: "too large")
    private static let late = ClientFault(reaction: .retry, isTransient: true, text: "timed out")
    private static let dead = ClientFault(reaction: .replaceClient, isTransient: true, text: "dead")

    private static func transaction() -> TransactionMachine {
        TransactionMachine(plan: FlushPlan(offsets: [(0, new)], assignmentEpoch: 1), before: [0: old], now: 0)
    }

    /// The calls that these answers lead to, one answer each second.
    private static func calls(_ answers: [TransactionMachine.Answer]) -> [TransactionMachine.Call] {
        var machine = transaction()
        return [machine.call] + answers.enumerated().map { machine.answer($1, now: Int64($0) * 1_000) }
    }

    @Test func `a transaction produces, sends its offsets and commits`() {
        #expect(Self.calls([.done, .done, .done, .done]) == [.begin, .produce, .sendOffsets, .commit, .end(.committed)])
    }

    @Test(arguments: 0..<4) func `an error that asks for it aborts, whatever call it comes from`(at: Int) {
        let answers = Array(repeating: TransactionMachine.Answer.done, count: at) + [.failed(Self.abort), .done]
        #expect(Self.calls(answers).suffix(2) == [.abort(because: Self.abort), .end(.aborted("too large", isTransient: false))])
    }

    @Test(arguments: 0..<4) func `a call is made again while its error allows it, and its producer then gives way to a new one`(at: Int) {
        let before = Array(repeating: TransactionMachine.Answer.done, count: at)
        let calls = Self.calls(before + [.failed(Self.late), .failed(Self.late)] + Array(repeating: .done, count: 5 - at))
        #expect(calls[at] == calls[at + 1] && calls[at] == calls[at + 2])
        #expect(calls.suffix(2) == [.replaceProducer(because: "an answer of the transaction coordinator was late", isOpen: false), .end(.committed)])
    }

    @Test func `a call that fails for twice the transaction timeout is given up`() {
        var machine = Self.transaction()
        for _ in 0..<3 { machine.answer(.done, now: 50_000) }
        #expect(machine.answer(.failed(Self.late), now: 69_999) == .commit)
        #expect(machine.answer(.failed(Self.late), now: 70_000) == .replaceProducer(because: "timed out", isOpen: true))
    }

    @Test(
        arguments: [
            (new, .committed), (old, .aborted("dead", isTransient: true)),
            (CommittedPosition(offset: 9, metadata: "other"), .foreign([0: CommittedPosition(offset: 9, metadata: "other")])),
        ] as [(CommittedPosition, TransactionOutcome)])
    func `an open end is what the broker has committed`(found: CommittedPosition, outcome: TransactionOutcome) {
        let calls = Self.calls([.done, .done, .done, .failed(Self.dead), .done, .positions([0: found])])
        #expect(calls.suffix(3) == [.replaceProducer(because: "dead", isOpen: true), .readCommitted, .end(outcome)])
    }

    @Test func `an abort that fails is settled like a commit, and what it was for still counts`() {
        let calls = Self.calls([.done, .failed(Self.abort), .failed(Self.dead), .done, .positions([0: Self.old])])
        #expect(calls.last == .end(.aborted("too large", isTransient: false)))
    }

    @Test func `who is fenced leaves`() {
        let fenced = ClientFault(reaction: .leave, isTransient: false, text: "fenced")
        for count in 0..<4 { #expect(Self.calls(Array(repeating: .done, count: count) + [.failed(fenced)]).last == .leave("fenced")) }
    }
}

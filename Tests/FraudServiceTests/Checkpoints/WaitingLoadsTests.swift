import Foundation
import Postgres
import RuleFiles
import Synchronization
import Testing
import Threads

@testable import FraudEngine
@testable import FraudService

/// A store without checkpoints that refuses, or hangs, as the test says.
private final class ScriptedStore: CheckpointAccess, Sendable {
    let rules = RuleBundle(files: [RuleBundle.File(path: "rules.yaml", bytes: Array("version: 1\nrules: []\n".utf8))])
    let trouble = Mutex<StoreProblem?>(nil)
    /// The partitions that were asked for, in order.
    let asked = Mutex<[Int32]>([])
    let isWriting = Semaphore()
    let mayWrite = Semaphore()

    func list(_ partition: Int32) throws(StoreProblem) -> [StoredCheckpoint] {
        asked.withLock { $0.append(partition) }
        if let problem = trouble.withLock({ $0 }) { throw problem }
        return []
    }

    func write(_ header: CheckpointHeader, _ bytes: UnsafeRawBufferPointer) throws(StoreProblem) {
        isWriting.signal()
        mayWrite.wait()
    }

    func bundle(of hash: RuleSetHash) throws(StoreProblem) -> [UInt8] { rules.encoded }
    func prepare() throws(StoreProblem) {}
    func partitions() throws(StoreProblem) -> [Int32] { [] }
    func read(_ checkpoint: StoredCheckpoint) throws(StoreProblem) -> [UInt8] { throw .missing("there is none") }
    func look(at checkpoint: StoredCheckpoint, limit: Int) throws(StoreProblem) -> (byteCount: Int, writtenAt: Int64, start: [UInt8]) {
        throw .missing("there is none")
    }
    func store(ruleSet hash: RuleSetHash, bundle: [UInt8]) throws(StoreProblem) {}
}

/// What the checkpoint thread does with those who wait while the store is not well.
struct WaitingLoadsTests {
    private let store = ScriptedStore()
    private let inbox = WorkerInbox()
    private let thread: CheckpointThread

    init() throws {
        let settings = WorkerSettings(
            windows: try TumblingWindows(size: 300_000, grace: 60_000), mapping: InputMapping(),
            output: OutputContext(group: "g", inputTopic: "t", deadLetterMaxBytes: 1_000, lateMaxBytes: 1_000), group: "g", topic: "t", foldHash: "fold",
            partitionCount: 4, seed: 3)
        let store = store
        let thread = CheckpointThread(
            open: { store }, settings: settings, log: Log(level: .error, format: .text, descriptor: -1), metrics: Metrics(version: "test"))
        self.thread = thread
        Thread.detachNewThread { thread.run() }
    }

    private var history: [RuleActivation] { [RuleActivation(sequence: 1, ruleSet: store.rules.hash, fromOffset: 0, streamTime: StreamTime.none)] }

    private func load(_ partition: Int32, claim: UInt64) {
        let metadata = CommitMetadata(
            epoch: 5, streamTime: StreamTime.none, digest: 0, foldHash: "fold", partitionCount: 4, totals: Totals(), anchor: nil, history: history)
        thread.offer(.load(partition: partition, claim: claim, CommittedPosition(offset: 7, metadata: metadata.line), inbox))
    }

    private func eventually(_ condition: () -> Bool) throws {
        for _ in 0..<6_000 where !condition() { Clock.pause(milliseconds: 10) }
        try #require(condition())
    }

    /// What was answered until the thread ended: partition and claim of loads that worked.
    private func answers() -> [[UInt64]] {
        inbox.take().compactMap { event in
            guard case .loaded(let partition, let claim, .success) = event else { return nil }
            return [UInt64(partition), claim]
        }
    }

    @Test func `loads of an assignment that has ended are given up while the store is away`() throws {
        store.trouble.withLock { $0 = .database(.unreachable("away")) }
        inbox.assignmentEpoch = 1
        for partition in [0, 1] as [Int32] { load(partition, claim: 1) }
        try eventually { store.asked.withLock { $0.contains(1) } }
        inbox.assignmentEpoch = 3
        load(2, claim: 3)
        load(0, claim: 3)
        try eventually { store.asked.withLock { $0.contains(2) } }
        store.asked.withLock { $0 = [] }
        store.trouble.withLock { $0 = nil }
        var found: [[UInt64]] = []
        try eventually {
            found += answers()
            return found.count >= 2
        }
        thread.close()
        #expect(thread.waitUntilEnded(milliseconds: 60_000))
        #expect(Set(found + answers()) == [[2, 3], [0, 3]])
        let asked = store.asked.withLock { $0 }
        #expect(!asked.contains(1))
        #expect(thread.lastProblem == nil)
    }

    @Test func `where nobody waits any more the store is no problem`() throws {
        store.trouble.withLock { $0 = .database(.unreachable("away")) }
        inbox.assignmentEpoch = 1
        load(0, claim: 1)
        try eventually { thread.lastProblem != nil }
        inbox.assignmentEpoch = 2
        try eventually { thread.lastProblem == nil }
        thread.close()
    }

    @Test(
        arguments: [
            PostgresError.authentication("password authentication failed (28P01)"),
            .refused(PostgresRefusal(address: "a", sqlState: "28000", message: "role is not permitted to log in")),
            .refused(PostgresRefusal(address: "a", sqlState: "42501", message: "permission denied for table checkpoint")),
        ])
    func `credentials or rights that were changed in the database are waited for, and it is said that they are`(error: PostgresError) throws {
        store.trouble.withLock { $0 = .database(error) }
        inbox.assignmentEpoch = 1
        load(0, claim: 1)
        try eventually { store.asked.withLock { $0.count > 1 } }
        #expect(thread.lastProblem == "\(error)")
        store.trouble.withLock { $0 = nil }
        var found: [[UInt64]] = []
        try eventually {
            found += answers()
            return !found.isEmpty
        }
        #expect(found == [[0, 1]])
        thread.close()
    }

    @Test func `a write that hangs in the store does not keep others waiting for the thread's end`() throws {
        var state = PartitionState(windows: try TumblingWindows(size: 300_000, grace: 60_000), seed: 3)
        let snapshot = state.snapshot()
        let header = CheckpointHeader(
            group: "g", topic: "t", partition: 0, epoch: 5, offset: 7, foldHash: "fold", partitionCount: 4, anchor: nil, history: history,
            digest: snapshot.digest)
        thread.offer(.write(snapshot, header, inbox))
        store.isWriting.wait()
        thread.close()
        #expect(!thread.waitUntilEnded(milliseconds: 0))
        store.mayWrite.signal()
        #expect(thread.waitUntilEnded(milliseconds: 60_000))
    }
}

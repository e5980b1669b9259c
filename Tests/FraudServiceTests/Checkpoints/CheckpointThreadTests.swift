import Foundation
import PostgresServer
import RuleFiles
import Testing

@testable import FraudEngine
@testable import FraudService

/// The thread with a store that comes and goes.
@Suite(.enabled(if: PostgresServer.isInstalled, "\(PostgresServer.missing)"))
struct CheckpointThreadTests {
    private let server: PostgresServer
    private let store: CheckpointStore
    private let thread: CheckpointThread
    private let inbox = WorkerInbox()
    private let rules: RuleBundle

    init() throws {
        server = try PostgresServer()
        let database = try TestDatabase(on: server)
        store = .tables(CheckpointTables(address: try database.address(.service), group: "g", topic: "t", instance: "i"))
        let windows = try TumblingWindows(size: 300_000, grace: 60_000)
        let settings = WorkerSettings(
            windows: windows, mapping: InputMapping(), output: OutputContext(group: "g", inputTopic: "t", deadLetterMaxBytes: 1_000, lateMaxBytes: 1_000),
            group: "g",
            topic: "t", foldHash: "fold", partitionCount: 1, seed: 3)
        let store = store
        thread = CheckpointThread(open: { store.open() }, settings: settings, log: Log(level: .error, format: .text), metrics: Metrics(version: "test"))
        rules = RuleBundle(files: [RuleBundle.File(path: "rules.yaml", bytes: Array("version: 1\nrules: []\n".utf8))])
        try store.open().store(ruleSet: rules.hash, bundle: rules.encoded)
        inbox.assignmentEpoch = 1
        let thread = thread
        Thread.detachNewThread { thread.run() }
    }

    private var history: [RuleActivation] { [RuleActivation(sequence: 1, ruleSet: rules.hash, fromOffset: 0, streamTime: StreamTime.none)] }

    private func write(_ partition: Int32 = 0, offset: Int64) throws {
        var state = PartitionState(windows: try TumblingWindows(size: 300_000, grace: 60_000), seed: 3)
        let snapshot = state.snapshot()
        let header = CheckpointHeader(
            group: "g", topic: "t", partition: partition, epoch: 5, offset: offset, foldHash: "fold", partitionCount: 1, anchor: nil, history: history,
            digest: snapshot.digest)
        thread.offer(.write(snapshot, header, inbox))
    }

    private func load(committed: Int64) {
        let metadata = CommitMetadata(
            epoch: 5, streamTime: StreamTime.none, digest: 0, foldHash: "fold", partitionCount: 1, totals: Totals(), anchor: nil, history: history)
        thread.offer(.load(partition: 0, claim: 1, CommittedPosition(offset: committed, metadata: metadata.line), inbox))
    }

    private func next() throws -> WorkerEvent {
        for _ in 0..<6_000 {
            if let event = inbox.take().first { return event }
            Clock.pause(milliseconds: 10)
        }
        throw StoreProblem.missing("no event came")
    }

    private func wasWritten() throws -> Bool {
        guard case .checkpointed(_, _, _, let succeeded) = try next() else { throw StoreProblem.missing("another event came") }
        return succeeded
    }

    @Test func `a partition waits for a store that is down and is recovered when it is back`() throws {
        try write(offset: 10)
        #expect(try wasWritten())
        #expect(thread.lastProblem == nil)
        server.kill()
        try write(offset: 20)
        #expect(try wasWritten() == false)
        #expect(thread.lastProblem?.contains("PostgreSQL is unreachable") == true)
        load(committed: 12)
        try write(offset: 20)
        #expect(try wasWritten() == false)
        try server.start()
        guard case .loaded(0, 1, .success(let recovered)) = try next() else { throw StoreProblem.missing("another event came") }
        #expect(recovered.start == .checkpoint(offset: 10))
        #expect(recovered.kept == [KeptCheckpoint(offset: 10, sequence: 1)])
        // A load that worked says nothing of writing.
        #expect(thread.lastProblem != nil)
        try write(offset: 20)
        #expect(try wasWritten())
        #expect(thread.lastProblem == nil)
        thread.close()
    }

    @Test func `a partition without its last checkpoint stays known, whatever others write`() throws {
        server.kill()
        try write(0, offset: 10)
        #expect(try wasWritten() == false)
        try server.start()
        // The store asks a server that was away again only after a while.
        var attempts = 0
        repeat {
            attempts += 1
            Clock.pause(milliseconds: 10)
            try write(1, offset: 10)
        } while try !wasWritten() && attempts < 6_000
        #expect(thread.lastProblem == nil)
        #expect(thread.unwritten == [0])
        try write(0, offset: 10)
        #expect(try wasWritten())
        #expect(thread.unwritten == [])
        thread.close()
    }

    @Test func `a store that stays away does not keep the thread from ending`() throws {
        server.kill()
        load(committed: 12)
        while thread.lastProblem == nil { Clock.pause(milliseconds: 10) }
        thread.close()
        try write(offset: 20)
        #expect(try wasWritten() == false)
    }
}

import FraudEngine
import Glibc
import Postgres
import Threads

/// `tripline bench --state`: what a partition's state costs by number of accounts: memory, time per payment, checkpoints, recovery. No Kafka. Checkpoints go to a
/// folder, and with `postgres.url` to PostgreSQL too.
enum StateBench {
    static func run(_ options: Invocation.Bench, _ settings: Settings, _ output: Invocation.OutputFormat) throws(StartFailure) {
        let counts = options.accounts.map { [$0] } ?? [1_000_000, 5_000_000]
        if output == .text {
            Terminal.data(
                "accounts   bytes/account   ns/payment first, last tenth   snapshot   slowest 64 payments (CPU) with, without it   checkpoint   written, read back\n"
            )
        }
        for count in counts {
            let result = try measure(accounts: count, rules: options.rules, settings)
            Terminal.data(output == .json ? result.json : result.text)
        }
    }

    /// Nanoseconds.
    private struct StoreTimes {
        var writing: Int64
        var reading: Int64
    }

    private struct Result {
        var accounts: Int
        var bytesPerAccount: Int
        /// Over the first and the last tenth of the payments.
        var firstNanoseconds: Int
        var lastNanoseconds: Int
        /// Nanoseconds.
        var snapshot: Int64
        var slowestRun: Int64
        var slowestRunDuringSnapshot: Int64
        var checkpointBytes: Int
        var folder: StoreTimes
        var postgres: StoreTimes?

        private func milliseconds(_ nanoseconds: Int64) -> String { "\(nanoseconds / 1_000_000).\(nanoseconds / 100_000 % 10)" }

        var text: String {
            "\(accounts)    \(bytesPerAccount) B    \(firstNanoseconds), \(lastNanoseconds) ns    \(milliseconds(snapshot)) ms    "
                + "\(milliseconds(slowestRunDuringSnapshot)), \(milliseconds(slowestRun)) ms    \(checkpointBytes >> 20) MiB    "
                + "\(milliseconds(folder.writing)), \(milliseconds(folder.reading)) ms"
                + (postgres.map { " (PostgreSQL \(milliseconds($0.writing)), \(milliseconds($0.reading)) ms)" } ?? "") + "\n"
        }

        var json: String {
            "{\"accounts\":\(accounts),\"bytes_per_account\":\(bytesPerAccount),\"ns_per_payment\":{\"first_tenth\":\(firstNanoseconds),"
                + "\"last_tenth\":\(lastNanoseconds)},\"snapshot_ms\":\(milliseconds(snapshot)),\"slowest_run_ms\":\(milliseconds(slowestRun)),"
                + "\"slowest_run_during_snapshot_ms\":\(milliseconds(slowestRunDuringSnapshot)),\"checkpoint_bytes\":\(checkpointBytes),"
                + "\"write_ms\":\(milliseconds(folder.writing)),\"read_ms\":\(milliseconds(folder.reading))"
                + (postgres.map { ",\"postgres\":{\"write_ms\":\(milliseconds($0.writing)),\"read_ms\":\(milliseconds($0.reading))}" } ?? "") + "}\n"
        }
    }

    private static var residentBytes: Int { Int(ProcessStatistics.read().residentBytes ?? 0) }

    private static func measure(accounts: Int, rules: String?, _ settings: Settings) throws(StartFailure) -> Result {
        let folder = try Bench.withFiles { () throws(FileSystem.Problem) in try FileSystem.makeTemporaryFolder("tripline-bench") }
        defer { do throws(FileSystem.Problem) { try FileSystem.removeFolder(folder) } catch { Terminal.note("bench: \(error)\n") } }
        let rulesFolder = if let rules { rules } else { try BenchRules.write(into: "\(folder)/rules") }
        let set = try BenchRules.load(rulesFolder)
        var engine = StateBenchEngine(set)
        Terminal.note("bench: one payment of each of \(accounts) accounts\n")
        let before = residentBytes
        let (first, last, slowest) = engine.payOnce(accounts: accounts)
        let bytes = residentBytes - before
        Terminal.note("bench: a checkpoint, while payments go on\n")
        let directory = CheckpointStore.directory(CheckpointDirectory(root: folder, group: "bench", topic: "bench"))
        let written = try engine.checkpoint(into: directory, accounts: accounts)
        Terminal.note("bench: reading it back\n")
        let reading = try engine.readBack(directory)
        let postgres = try settings.postgres.map { (address) throws(StartFailure) in try measure(&engine, accounts: accounts, at: address) }
        return Result(
            accounts: accounts, bytesPerAccount: bytes / accounts, firstNanoseconds: first, lastNanoseconds: last, snapshot: written.snapshot,
            slowestRun: slowest, slowestRunDuringSnapshot: written.slowest, checkpointBytes: written.bytes,
            folder: StoreTimes(writing: written.nanoseconds, reading: reading), postgres: postgres)
    }

    private static func measure(_ engine: inout StateBenchEngine, accounts: Int, at address: PostgresAddress) throws(StartFailure) -> StoreTimes {
        try Database.check(address)
        Terminal.note("bench: the same with PostgreSQL\n")
        let tables = CheckpointTables(address: address, group: "tripline-bench-\(Clock.wallMilliseconds())", topic: "bench", instance: "bench")
        defer {
            do throws(StoreProblem) { try CheckpointTablesAccess(tables).removeGroup() } catch { Terminal.note("bench: \(error)\n") }
        }
        let written = try engine.checkpoint(into: .tables(tables), accounts: accounts)
        return StoreTimes(writing: written.nanoseconds, reading: try engine.readBack(.tables(tables)))
    }
}

/// One partition's machine fed with made-up payments.
private struct StateBenchEngine: ~Copyable {
    private var machine: PartitionMachine
    private var kit: FoldKit
    private var outbox = Outbox()
    private let windows: TumblingWindows
    private let context = OutputContext(group: "bench", inputTopic: "bench", deadLetterMaxBytes: Int.max, lateMaxBytes: Int.max)
    private let values = UnsafeMutableRawPointer.allocate(byteCount: 1 << 16, alignment: 8)
    private var number: Int64 = 0
    private static let start: Int64 = 1_764_000_000_000

    init(_ set: RuleSet) {
        do throws(TumblingWindows.Refusal) { windows = try TumblingWindows(size: 300_000, grace: 60_000) } catch {
            preconditionFailure("five minutes and a minute make a window: \(error)")
        }
        var mapping = InputMapping()
        mapping.timeStyle = .epochMilliseconds
        machine = PartitionMachine(
            partition: 0, state: PartitionState(windows: windows, seed: 1), next: 0, anchor: nil,
            history: [RuleActivation(sequence: 1, ruleSet: set.hash, fromOffset: 0, streamTime: StreamTime.none)])
        kit = FoldKit(ruleSet: set, mapping: mapping, windows: windows)
        machine.use(kit)
    }

    deinit { values.deallocate() }

    /// Folds 64 payments of consecutive accounts, all within one window; the processor time that took, nanoseconds.
    private mutating func foldRun(from account: Int, accounts: Int) -> Int64 {
        var text = ByteWriter(capacity: 1 << 15)
        var places: [(value: Range<Int>, key: Range<Int>)] = []
        for index in 0..<64 {
            let start = text.count
            text.append("{\"payment_id\":\"p-")
            text.append(decimal: number + Int64(index))
            text.append("\",\"account_id\":\"acc-")
            let keyStart = text.count - 4
            text.append(decimal: Int64((account + index) % accounts), width: 8)
            let key = keyStart..<text.count
            text.append("\",\"amount\":1234,\"currency\":\"EUR\",\"occurred_at\":")
            text.append(decimal: Self.start + number / 100_000)
            text.append("}")
            places.append((start..<text.count, key))
        }
        values.copyMemory(from: text.bytes, byteCount: text.count)
        let records = places.enumerated().map { index, place in
            RawRecord(
                value: UnsafeRawPointer(values) + place.value.lowerBound, valueCount: place.value.count, key: UnsafeRawPointer(values) + place.key.lowerBound,
                keyCount: place.key.count, offset: number + Int64(index), timestamp: Self.start + number / 100_000)
        }
        number += 64
        let began = Clock.threadNanoseconds()
        records.withUnsafeBufferPointer {
            machine.fold($0, kit: &kit, outbox: &outbox, context: context, emits: true) { _, _, _ in }
        }
        let took = Clock.threadNanoseconds() - began
        outbox.removeAll()
        return took
    }

    /// Nanoseconds per payment over the first and the last tenth, and the slowest run of 64.
    mutating func payOnce(accounts: Int) -> (first: Int, last: Int, slowest: Int64) {
        let runs = max(10, accounts / 64)
        var tenths = [Int64](repeating: 0, count: 10)
        var slowest: Int64 = 0
        for run in 0..<runs {
            let took = foldRun(from: run * 64, accounts: accounts)
            tenths[run * 10 / runs] += took
            slowest = max(slowest, took)
        }
        let perTenth = Int64(max(1, runs / 10 * 64))
        return (Int(tenths[0] / perTenth), Int(tenths[9] / perTenth), slowest)
    }

    /// Takes a snapshot, and folds on while another thread writes it.
    mutating func checkpoint(
        into store: CheckpointStore, accounts: Int
    ) throws(StartFailure) -> (snapshot: Int64, slowest: Int64, bytes: Int, nanoseconds: Int64) {
        let began = Clock.monotonicNanoseconds()
        let snapshot = machine.snapshot()
        let taken = Clock.monotonicNanoseconds() - began
        let header = CheckpointHeader(
            group: store.group, topic: store.topic, partition: 0, epoch: 1, offset: machine.next, foldHash: "bench", partitionCount: 1, anchor: machine.anchor,
            history: machine.history, digest: snapshot.digest)
        let result = CheckpointResult()
        let thread = DedicatedThread.start("checkpoints") {
            let start = Clock.monotonicNanoseconds()
            do throws(StoreProblem) {
                let count = try store.open().write(header, snapshot)
                result.set(bytes: count, nanoseconds: Clock.monotonicNanoseconds() - start)
            } catch {
                result.set(problem: "\(error)")
            }
        }
        var slowest: Int64 = 0
        var account = 0
        while !result.isSet {
            slowest = max(slowest, foldRun(from: account, accounts: accounts))
            account = (account + 7_919 * 64) % accounts
        }
        thread.join()
        machine.snapshotEnded()
        if let problem = result.problem { throw StartFailure(.refused, problem) }
        return (taken, slowest, result.bytes, result.nanoseconds)
    }

    /// Nanoseconds from the store to a state in memory.
    func readBack(_ store: CheckpointStore) throws(StartFailure) -> Int64 {
        let began = Clock.monotonicNanoseconds()
        let access = store.open()
        let stored: [UInt8]?
        do throws(StoreProblem) {
            stored = try access.list(0).last.map { (newest) throws(StoreProblem) in try access.read(newest) }
        } catch {
            throw StartFailure(error, store)
        }
        guard let bytes = stored else { throw StartFailure(.refused, "the checkpoint is not there") }
        do throws(CheckpointFile.Problem) {
            let (_, state) = try bytes.withUnsafeBufferPointer { (raw) throws(CheckpointFile.Problem) in
                try CheckpointFile.decode(UnsafeRawBufferPointer(raw), windows: windows, seed: 2)
            }
            precondition(state.take().accountCount > 0, "a state without accounts was written")
        } catch {
            throw StartFailure(.refused, "\(error)")
        }
        return Clock.monotonicNanoseconds() - began
    }
}

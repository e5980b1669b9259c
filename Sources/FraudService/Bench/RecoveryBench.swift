import FraudEngine
import Glibc
import Kafka
import Threads

/// `tripline bench --recovery`: what a crash, a takeover and a change of the number of instances cost, while payments flow.
///
/// Instances are processes of their own, looked at from outside: when all partitions are live again, what was replayed, and how long alerts took
/// meanwhile, those of the partitions apart that stayed where they were.
extension Bench {
    static let recoveryPartitions: Int32 = 12
    /// Records of a partition that are read again at most.
    static let recoveryDebt: Int64 = 50_000

    mutating func measureRecovery() throws(StartFailure) -> RecoveryReport {
        let rules = if let given = options.rules { given } else { try BenchRules.write(into: "\(folder)/rules") }
        try createTopics([inputTopic] + outputs(name), partitions: Self.recoveryPartitions)
        let accounts = options.accounts ?? 2_000_000
        Terminal.note("bench: producing a payment of each of \(accounts) accounts to \(inputTopic) on \(given.kafka.bootstrapServers)\n")
        try produceAccounts(accounts)
        let redis = given.redis == nil ? RedisProcess(folder: folder) : nil
        var fleet = RecoveryFleet { [common, name, inputTopic, folder] (instance) throws(StartFailure) in
            try BenchService(
                common: common, group: name, topic: inputTopic, outputs: ["alerts", "shadow", "late", "dlq"].map { "\(name)-\($0)" }, rules: rules,
                redis: redis?.port, folder: "\(folder)/state", instance: instance, log: "\(folder)/\(instance).log",
                // Nobody's window ends while it is measured.
                settings: ["time.grace=1h", "checkpoint.max_debt=\(Self.recoveryDebt)", "log.level=info", "log.format=json"])
        }
        defer { fleet.stop() }
        try fleet.start("a")
        try fleet.waitUntilLive(["a"])
        try fleet.wait(until: Int64(accounts))
        let reader = AlertReader(
            properties: given.consumerProperties, topic: outputs(name)[0], partitions: Self.recoveryPartitions, from: .end, log: log)
        let reading = DedicatedThread.start("alert-reader") { reader.run() }
        let feed = PaymentFeed(
            .generated(seed: 7, burstEvery: 2, accounts: accounts), rate: options.rate, topic: inputTopic, properties: given.clientProperties,
            headroom: Int64.max, readCount: { 0 })
        let producing = DedicatedThread.start("payments") { feed.run() }
        defer {
            feed.stop()
            producing.join()
            reader.stop()
            reading.join()
        }
        var report = RecoveryReport(accounts: accounts, rate: options.rate)
        try rehearse(&fleet, reader, &report)
        if let problem = feed.problem { throw StartFailure(.unreachable, "payments could not be produced: \(problem)") }
        return report
    }

    private func rehearse(_ fleet: inout RecoveryFleet, _ reader: AlertReader, _ report: inout RecoveryReport) throws(StartFailure) {
        func step(
            _ name: String, _ fleet: inout RecoveryFleet, _ body: (inout RecoveryFleet) throws(StartFailure) -> Void
        ) throws(StartFailure) {
            Terminal.note("bench: \(name)\n")
            report.steps.append(try fleet.measure(name, reader, body))
        }
        try step("20 s without any event", &fleet) { (_) throws(StartFailure) in try Self.pause(seconds: 20) }
        try step("an instance joins", &fleet) { (fleet) throws(StartFailure) in
            try fleet.start("b")
            try fleet.waitUntilLive(["a", "b"])
        }
        try step("kill -9, the same instance again", &fleet) { (fleet) throws(StartFailure) in
            fleet.kill("b")
            try fleet.start("b")
            try fleet.waitUntilLive(["a", "b"])
        }
        try step("kill -9, the same instance again, its checkpoints lost", &fleet) { [name, inputTopic, folder] (fleet) throws(StartFailure) in
            let lost = try fleet.partitions(of: "b")
            fleet.kill("b")
            let checkpoints = CheckpointDirectory(root: "\(folder)/state", group: name, topic: inputTopic)
            do throws(FileSystem.Problem) {
                for partition in lost { try FileSystem.removeFolder(checkpoints.folder(of: partition)) }
            } catch {
                throw StartFailure(.refused, "\(error)")
            }
            try fleet.start("b")
            try fleet.waitUntilLive(["a", "b"])
        }
        try step("kill -9, another takes over", &fleet) { (fleet) throws(StartFailure) in
            fleet.kill("b")
            try fleet.waitUntilLive(["a"])
        }
        try step("1 to 2 instances", &fleet) { (fleet) throws(StartFailure) in
            try fleet.start("b")
            try fleet.waitUntilLive(["a", "b"])
        }
        try step("2 to 3 instances", &fleet) { (fleet) throws(StartFailure) in
            try fleet.start("c")
            try fleet.waitUntilLive(["a", "b", "c"])
        }
        try step("3 to 1 instances", &fleet) { (fleet) throws(StartFailure) in
            fleet.terminate(["b", "c"])
            try fleet.waitUntilLive(["a"])
        }
    }

    static func pause(seconds: Int) throws(StartFailure) {
        for _ in 0..<seconds * 10 { try pause(milliseconds: 100) }
    }

    /// One payment of each account, now.
    private func produceAccounts(_ count: Int) throws(StartFailure) {
        do throws(KafkaError) {
            let producer = try PlainProducer(properties: given.clientProperties)
            let output = try producer.register(topic: inputTopic)
            var generator = PaymentGenerator(seed: 1, rate: 1, accounts: count)
            var key = ByteWriter(capacity: 64)
            var value = ByteWriter(capacity: 512)
            for account in 0..<count {
                key.removeAll()
                value.removeAll()
                generator.next(of: account, at: Clock.wallMilliseconds(), to: &value)
                PaymentGenerator.append(account: account, to: &key)
                try producer.produce(
                    output, key: UnsafeRawBufferPointer(start: key.bytes, count: key.count),
                    value: UnsafeRawBufferPointer(start: value.bytes, count: value.count))
            }
            try producer.flush(timeoutMilliseconds: 60_000)
            producer.destroy()
        } catch {
            throw StartFailure(.unreachable, "the accounts' payments could not be produced: \(error)")
        }
    }
}

/// The instances of one group.
struct RecoveryFleet: ~Copyable {
    private let make: (String) throws(StartFailure) -> BenchService
    private var running: [(name: String, service: BenchService)] = []
    /// Of all that ever ran.
    private var logs: Set<String> = []

    init(make: @escaping (String) throws(StartFailure) -> BenchService) { self.make = make }

    mutating func start(_ name: String) throws(StartFailure) {
        let service = try make(name)
        running.append((name, service))
        logs.insert(service.output)
    }

    mutating func kill(_ name: String) {
        for one in running where one.name == name { one.service.process.kill() }
        running.removeAll { $0.name == name }
    }

    /// All at once, as an orchestrator does.
    mutating func terminate(_ names: [String]) {
        for (name, service) in running where names.contains(name) { Glibc.kill(service.process.process, SIGTERM) }
        for (name, service) in running where names.contains(name) { service.stop() }
        running.removeAll { names.contains($0.name) }
    }

    mutating func stop() { terminate(running.map(\.name)) }

    /// Partition to the instance where it is live.
    private func owners() throws(StartFailure) -> [Int32: String] {
        var owners: [Int32: String] = [:]
        for (name, service) in running { for partition in try service.livePartitions() { owners[partition] = name } }
        return owners
    }

    func partitions(of name: String) throws(StartFailure) -> [Int32] { try owners().filter { $0.value == name }.map(\.key) }

    /// Until every partition is live, and each of these instances has some.
    func waitUntilLive(_ names: [String]) throws(StartFailure) {
        let deadline = Clock.monotonicMilliseconds() + 120_000
        while true {
            let owners = try owners()
            if owners.count == Int(Bench.recoveryPartitions), names.allSatisfy({ owners.values.contains($0) }) { return }
            guard Clock.monotonicMilliseconds() < deadline else { throw StartFailure(.findings, "after two minutes not every partition is live") }
            try Bench.pause(milliseconds: 10)
        }
    }

    /// Until so many records are read, and the checkpoint of each partition holds nearly all of its own.
    func wait(until position: Int64) throws(StartFailure) {
        for (_, service) in running {
            try service.wait(until: position)
            let deadline = Clock.monotonicMilliseconds() + 60_000
            while true {
                let debts = try service.checkpointDebts()
                if !debts.isEmpty, debts.allSatisfy({ $0 <= Bench.recoveryDebt }) { break }
                guard Clock.monotonicMilliseconds() < deadline else { throw StartFailure(.findings, "after a minute not every partition has a new checkpoint") }
                try Bench.pause(milliseconds: 100)
            }
        }
    }

    /// Does the step, and lets alerts on its last payments arrive.
    mutating func measure(
        _ name: String, _ reader: AlertReader, _ body: (inout RecoveryFleet) throws(StartFailure) -> Void
    ) throws(StartFailure) -> RecoveryReport.Step {
        let before = try owners()
        let processes = Dictionary(uniqueKeysWithValues: running.map { ($0.name, $0.service.process.process) })
        let known = Self.replayed(logs)
        let start = (wall: Clock.wallMilliseconds(), monotonic: Clock.monotonicMilliseconds())
        try body(&self)
        let milliseconds = Clock.monotonicMilliseconds() - start.monotonic
        let end = Clock.wallMilliseconds()
        // What waited is judged by then.
        try Bench.pause(seconds: 5)
        let after = try owners()
        let survivors = Set(running.filter { processes[$0.name] == $0.service.process.process }.map(\.name))
        let stayed = Set(before.filter { after[$0.key] == $0.value && survivors.contains($0.value) }.keys)
        let arrivals = reader.latest.arrivals.filter { $0.receivedAt >= start.wall && $0.receivedAt <= end }
        let replayed = Self.replayed(logs).subtracting(known)
        return RecoveryReport.Step(
            name: name, milliseconds: milliseconds, replayed: replayed.reduce(0) { $0 + $1.count },
            replayedWhereStayed: replayed.reduce(0) { $0 + (stayed.contains($1.partition) ? $1.count : 0) }, stayed: stayed.count,
            beside: arrivals.filter { stayed.contains($0.partition) }.map(\.latency).sorted(), all: arrivals.map(\.latency).sorted())
    }

    private static func replayed(_ logs: Set<String>) -> Set<BenchService.Replay> {
        logs.reduce(into: []) { $0.formUnion(BenchService.replays(in: $1)) }
    }
}

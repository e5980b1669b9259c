import FraudEngine
struct PartitionMark: Sendable {
    var partition: Int32; var streamTime: Int64; var offset: Int64; var epoch: Int64; var lag: Int64; var at: Int64; var ruleSet: RuleSetHash;
    var inbox: WorkerInbox
}
final class ScoreWriter: Sendable {
    init(url: RedisURL, group: String, metrics: Metrics, log: Log) {}
    func offer(_ changes: [ScoreChange], epochs: [Int32: Int64], inbox: WorkerInbox) {}
    func mark(_ marks: [PartitionMark]) {}
    func run() {}
    func close() {}
    func waitUntilDrained(milliseconds: Int64) -> Bool { true }
    var isConnected: Bool { true }
    var lastError: String? { nil }
}
final class ScoreReader: Sendable {
    init(url: RedisURL, group: String, topic: String, partitionCount: Int, graceMilliseconds: Int64, policy: @escaping @Sendable () -> DecisionPolicy) {}
    func risk(_ account: [UInt8]) -> RiskAnswer { .notConfigured }
    static func problem(connecting url: RedisURL) -> String? { nil }
}

import FraudEngine
import ReferenceFold
import RuleFiles

/// The rule sets that workers are offered, and the settings of all of them.
package enum SimulationRules {
    private static let features = """
        version: 1
        features:
          account.count_5m: {aggregate: count, window: {tumbling: 5m}}
          account.sum_5m: {aggregate: sum, of: payment.amount, window: {tumbling: 5m}}
        """

    private static let rules = [
        [
            "{id: many, title: many, owner: a@example.com, status: active, score: 30, once_per: 5m, when: 'account.count_5m >= 2'}",
            "{id: large, title: large, owner: a@example.com, status: active, score: 20, once_per: payment, when: 'payment.amount > 70.0'}",
        ],
        [
            "{id: many, title: many, owner: a@example.com, status: active, score: 45, action: block, once_per: 15m, when: 'account.count_5m >= 3'}",
            "{id: sum, title: sum, owner: a@example.com, status: active, score: 25, once_per: 10m, when: 'account.sum_5m > 100.0'}",
            "{id: watch, title: watch, owner: a@example.com, status: shadow, score: 5, once_per: payment, when: 'payment.amount > 50.0'}",
        ],
        [
            "{id: large, title: large, owner: a@example.com, status: active, score: 20, once_per: 5m, when: 'payment.amount > 40.0'}",
            "{id: sum, title: sum, owner: a@example.com, status: active, score: 60, once_per: 5m, when: 'account.sum_5m > 60.0'}",
        ],
    ]

    package static let sets: [RuleSet] = rules.map { rules in
        let text = "version: 1\nrules:\n" + rules.map { "  - \($0)\n" }.joined()
        let files = [
            RuleBundle.File(path: "features.yaml", bytes: Array(features.utf8)), RuleBundle.File(path: "rules.yaml", bytes: Array(text.utf8)),
        ]
        switch RuleFiles.load(bundle: RuleBundle(files: files), baseWindowMilliseconds: 300_000) {
        case .success(let loaded): return loaded.set
        case .failure(let diagnostics): preconditionFailure(diagnostics.text)
        }
    }

    /// In the reference fold's terms.
    static let plain: [RuleSetHash: PlainRuleSet] = Dictionary(uniqueKeysWithValues: sets.map { ($0.hash, PlainRuleSet($0)) })

    static let windows: TumblingWindows = {
        do throws(TumblingWindows.Refusal) { return try TumblingWindows(size: 300_000, grace: 60_000) } catch { preconditionFailure("\(error)") }
    }()

    static let group = "g"
    static let topic = "payments"

    static func settings(_ scenario: Scenario, seed: UInt64) -> WorkerSettings {
        var mapping = InputMapping()
        mapping.timeStyle = .epochMilliseconds
        let output = OutputContext(group: group, inputTopic: topic, deadLetterMaxBytes: 1_000_000, lateMaxBytes: 1_000_000)
        var settings = WorkerSettings(
            windows: windows, mapping: mapping, output: output, group: group, topic: topic, foldHash: FoldHash.text(windows: windows, mapping: mapping),
            partitionCount: scenario.partitions, seed: seed)
        settings.checkpointMaxDebt = scenario.checkpointDebt
        settings.checkpointMaxAge = scenario.checkpointAge
        return settings
    }
}

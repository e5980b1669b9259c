import ReferenceFold
import Testing

@testable import FraudEngine

/// Two implementations of the contract, one stream: the same bytes.
@Suite struct ReferenceFoldTests {
    static let windows: TumblingWindows = {
        do { return try TumblingWindows(size: 300_000, grace: 60_000) } catch { preconditionFailure("\(error)") }
    }()

    /// Every way to map a record.
    static let mappings: [InputMapping] = {
        var mappings: [InputMapping] = []
        for (index, time) in InputMapping.TimeStyle.allCases.enumerated() {
            var mapping = InputMapping()
            mapping.timeStyle = time
            mapping.amountStyle = index % 2 == 0 ? .minor : .decimal
            mapping.keyStyle = index % 3 == 0 ? .string : .json
            mapping.maxBytes = 3_000
            if index == 4 {
                mapping.amountStyle = .decimal
                mapping.amount = "the amount"
                mapping.accountID = "customer"
            }
            mappings.append(mapping)
        }
        return mappings
    }()

    @Test(arguments: 0..<5, 1...4) func `the engine gives out what the reference fold does, byte for byte`(mapping: Int, seed: Int) {
        var maker = StreamMaker(seed: UInt64(seed * 10 + mapping), mapping: Self.mappings[mapping])
        let records = maker.records(1_500)
        let rules = TwinRules.first
        let switches: [Twins.Switch] = [.init(at: 0, rules: rules), .init(at: 800, rules: TwinRules.second), .init(at: 1_200, rules: rules)]
        var twins = Twins(switches, mapping: maker.mapping, windows: Self.windows)
        twins.run(records, random: &maker.random)
        #expect(twins.difference == nil, "seed \(seed)")
        for outcome in PlainOutcome.allCases { #expect(twins.outcomes[outcome, default: 0] > 3, "\(outcome)") }
        for kind in ["alert", "shadowAlert", "late", "deadLetter", "score"] { #expect(twins.reference.count { $0.kind == kind } > 10, "\(kind)") }
    }

    @Test(arguments: 1...6) func `of records in which nearly everything is wrong both say the same`(seed: Int) {
        var maker = StreamMaker(seed: UInt64(100 + seed), mapping: Self.mappings[seed % Self.mappings.count])
        maker.wrong = 900
        let records = maker.records(3_000)
        var twins = Twins([.init(at: 0, rules: TwinRules.first)], mapping: maker.mapping, windows: Self.windows, maxBytes: 2_600)
        twins.run(records, random: &maker.random)
        #expect(twins.difference == nil, "seed \(seed)")
        #expect(twins.outcomes[.invalid, default: 0] > 1_000)
    }

    /// What the comparison is worth: the reference with one thing changed.
    enum Change: CaseIterable {
        case grace, group, topic, maxAhead, maxBytes, outputBytes, timeUnit

        func apply(to configuration: inout ReferenceFold.Configuration) {
            switch self {
            case .grace: configuration.grace -= 1
            case .group: configuration.group = "h"
            case .topic: configuration.topic = "payment"
            case .maxAhead: configuration.mapping.maxAhead = 300_000
            case .maxBytes: configuration.mapping.maxBytes -= 1_000
            case .outputBytes: configuration.deadLetterMaxBytes = 100
            case .timeUnit: configuration.mapping.time = .microseconds
            }
        }
    }

    @Test(arguments: Change.allCases) func `a difference between the two is noticed`(change: Change) {
        var maker = StreamMaker(seed: 77, mapping: Self.mappings[2])
        let records = maker.records(1_500)
        let switches: [Twins.Switch] = [.init(at: 0, rules: TwinRules.first)]
        var twins = Twins(switches, mapping: maker.mapping, windows: Self.windows) { change.apply(to: &$0) }
        twins.run(records, random: &maker.random)
        #expect(twins.difference != nil)
    }

    @Test func `another rule set, or the same one from another record on, is noticed`() {
        for (first, second) in [(Int64(0), Int64(801)), (0, 0)] {
            var maker = StreamMaker(seed: 78, mapping: Self.mappings[2])
            let records = maker.records(1_500)
            var twins = Twins([.init(at: 0, rules: TwinRules.first), .init(at: 800, rules: TwinRules.second)], mapping: maker.mapping, windows: Self.windows)
            twins.replaceHistory([(first, TwinRules.first), (second, TwinRules.second)])
            twins.run(records, random: &maker.random)
            #expect(twins.difference != nil, "\(first) \(second)")
        }
    }
}

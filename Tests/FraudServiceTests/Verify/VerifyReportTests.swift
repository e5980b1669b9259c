import FraudEngine
import RuleFiles
import Testing

@testable import FraudService

/// Reports of partitions that were born at offset 0.
enum Reports {
    static func partition(_ number: Int32, _ compared: Range<Int64>, logStart: Int64 = 0, judgedCount: Int? = nil) throws -> VerifiedPartition {
        let metadata = Lineage.empty(
            at: 0, epoch: 1, ruleSet: RuleSetHash(hexadecimal: ""), windows: try TumblingWindows(size: 300_000, grace: 60_000), foldHash: "f",
            partitionCount: 4)
        let committed = CommittedPosition(offset: compared.upperBound, metadata: metadata.line)
        let facts = PartitionFacts(
            partition: number, committed: committed, logStart: logStart, logEnd: compared.upperBound, partitionCount: 4, checkpoints: [])
        return VerifiedPartition(
            facts: facts, committed: committed, metadata: metadata, history: metadata.history, start: logStart, compared: compared, recordCount: compared.count,
            judgedCount: judgedCount ?? compared.count)
    }

    static func report(
        _ partitions: [VerifiedPartition], uncommitted: [Int32] = [], isInputEmpty: Bool = false, isRange: Bool = false,
        comparison: OutputComparison = OutputTopics().compare()
    ) -> VerifyReport {
        VerifyReport(
            group: "g", topic: "payments", topics: OutputTopics.names, partitions: partitions, uncommitted: uncommitted, isInputEmpty: isInputEmpty,
            isRange: isRange, comparison: comparison)
    }
}

/// Nothing that was not compared may look clean.
@Suite struct VerifyReportTests {
    @Test func `what was compared whole has no differences`() throws {
        let report = try Reports.report([Reports.partition(0, 0..<9)])
        #expect(report.emptiness == nil)
        #expect(report.text.hasSuffix("\nno differences\n"))
        #expect(report.json.contains("\"ok\":true,"))
        #expect(report.json.contains("\"not_compared\":[]"))
    }

    @Test func `partitions without a committed offset or a record are counted`() throws {
        let partitions = try [Reports.partition(0, 0..<9), Reports.partition(1, 0..<0), Reports.partition(2, 9..<9, logStart: 9)]
        let report = Reports.report(partitions, uncommitted: [3, 4])
        #expect(report.emptiness == nil)
        #expect(
            report.text.hasSuffix(
                "\nno differences; no outputs compared in 4 of 5 partitions: nothing is committed (2), no record was read since its birth (1), "
                    + "the log no longer holds what was read (1)\n"))
        #expect(report.json.contains("\"ok\":true,"))
        #expect(
            report.json.contains(
                "\"not_compared\":[{\"partition\":3,\"why\":\"nothing is committed\"},{\"partition\":4,\"why\":\"nothing is committed\"},"
                    + "{\"partition\":1,\"why\":\"no record was read since its birth\"},{\"partition\":2,\"why\":\"the log no longer holds what was read\"}]"))
    }

    @Test func `where nothing was compared, that is said, with why and what to do`() throws {
        let absent = Reports.report([], uncommitted: [0, 1])
        let future = try Reports.report([Reports.partition(0, 9..<9)], isRange: true)
        let deleted = try Reports.report([Reports.partition(0, 9..<9, logStart: 9)], uncommitted: [1])
        // That one partition is new excuses no other.
        let idle = try Reports.report([Reports.partition(0, 0..<0), Reports.partition(1, 9..<9, logStart: 9)])
        let unjudged = try Reports.report([Reports.partition(0, 4..<9, logStart: 4, judgedCount: 0)])
        let reports = [
            (absent, "see that `group` and `input.topic` are the service's"), (future, "in the range of --from and --to (Kafka timestamps); choose another"),
            (deleted, "verify before records are deleted, or raise retention.ms"), (unjudged, "verify again when payments of a later window have been read"),
            (idle, "no longer holds what the group 'g' has read"),
            (Reports.report([], uncommitted: [0], isInputEmpty: true), "holds no payments, and the group 'g' has committed nothing"),
        ]
        for (report, words) in reports {
            let why = try #require(report.emptiness)
            #expect(why.hasPrefix("nothing was compared: "))
            #expect(why.contains(words))
            #expect(report.text.hasSuffix("\nnothing compared\n"))
            #expect(report.json.hasPrefix("{\"ok\":false,"))
        }
    }

    @Test func `a partition of whose outputs none can be told is counted`() throws {
        let report = try Reports.report([
            Reports.partition(0, 4..<9, logStart: 4, judgedCount: 1), Reports.partition(1, 4..<9, logStart: 4, judgedCount: 0),
        ])
        #expect(report.emptiness == nil)
        #expect(
            report.text.hasSuffix(
                "\nno differences; no outputs compared in 1 of 2 partitions: what was read needs windows that began before what was folded (1)\n"))
        #expect(report.text.contains("\npartition 0: 5 records folded, offsets 4 to 8; outputs compared from offset 4 on; "))
        #expect(report.text.contains("\npartition 1: 5 records folded, offsets 4 to 8; no outputs compared; "))
    }

    @Test func `that a group has read nothing yet is compared`() throws {
        let report = try Reports.report([Reports.partition(0, 0..<0), Reports.partition(1, 0..<0)], isInputEmpty: true)
        #expect(report.emptiness == nil)
        #expect(report.text.hasSuffix("\nno differences; no outputs compared in 2 of 2 partitions: no record was read since its birth (2)\n"))
    }
}

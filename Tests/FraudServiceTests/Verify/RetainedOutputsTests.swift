import ReferenceFold
import Testing

@testable import FraudService

/// Retention excuses what is older than what a partition still holds, and nothing else.
@Suite struct RetainedOutputsTests {
    let clean = OutputTopics()

    private func input(_ found: FoundOutput) -> Int32? { found.origin(topic: "payments")?.partition }

    @Test func `what is lost in a partition that holds older records is missing, however late its input is heard of there`() throws {
        var topics = clean
        let places = topics.places(.alert).filter { input(topics.found[$0]) == 1 && topics.found[$0].partition == 0 }
        let gone = Set(places.dropLast())
        topics.found = topics.found.enumerated().filter { !gone.contains($0.offset) }.map(\.element)
        let comparison = topics.compare(starts: [.alert: [1, 1]])
        #expect(comparison.differences.allSatisfy { $0.kind == .missing && $0.origin?.partition == 1 })
        // Those of the first 72 s, as long as transactions and clocks may make a difference, may be older.
        #expect(comparison.differences.count + comparison.perhapsDeletedCount + comparison.deletedCount == gone.count)
        #expect(comparison.differences.count > gone.count * 9 / 10)
    }

    @Test func `an input whose alerts are all lost is missing`() {
        var topics = clean
        let count = topics.places(.alert).count { input(topics.found[$0]) == 1 }
        topics.found.removeAll { $0.kind == .alert && input($0) == 1 }
        let comparison = topics.compare(starts: [.alert: [1, 1]])
        #expect(comparison.differences.allSatisfy { $0.kind == .missing && $0.origin?.partition == 1 })
        #expect(comparison.differences.count > count * 9 / 10)
    }

    @Test func `a partition that has deleted nothing excuses nothing, whatever another has deleted`() {
        var topics = clean
        let count = topics.places(.alert).prefix(100).count { topics.found[$0].partition == 1 }
        let gone = Set(topics.places(.alert).prefix(100).filter { topics.found[$0].partition == 1 })
        topics.found = topics.found.enumerated().filter { !gone.contains($0.offset) }.map(\.element)
        #expect(topics.compare(starts: [.alert: [1, 0]]).differences.map(\.kind) == Array(repeating: .missing, count: count))
    }

    @Test func `what a partition has deleted to its end is counted apart`() throws {
        var topics = clean
        let count = topics.places(.deadLetter).count
        topics.found.removeAll { $0.kind == .deadLetter }
        let comparison = topics.compare(starts: [.deadLetter: [9, 9]])
        #expect(comparison.brief == [])
        #expect(comparison.perhapsDeletedCount == count)
        #expect(!topics.read(starts: [.deadLetter: [9, 9]]).isIncomplete)
        let report = try Reports.report([Reports.partition(0, 0..<9)], comparison: comparison)
        #expect(report.text.contains("passed over: \(count) NOT CHECKED, missing and perhaps deleted"))
        #expect(report.text.hasSuffix("\nno differences in what was checked; \(count) not checked\n"))
        #expect(report.json.contains("\"deleted\":0,\"perhaps_deleted\":\(count),\"repeated\":0,\"unsigned\":0}"))
    }

    // MARK: By itself

    private static let hour: Int64 = 3_600_000

    /// An alert of a payment, as it stands in partition 0 of its topic.
    private func alert(_ time: Int64) -> FoundOutput {
        FoundOutput(kind: .alert, partition: 0, offset: 0, timestamp: time, key: nil, value: nil, headers: [])
    }

    /// Partition 0 begins at a time with a record of others.
    private func retained(from time: Int64, _ outputs: [(offset: Int64, time: Int64)] = [], epoch: Int64 = 0) -> RetainedOutputs {
        var retained = RetainedOutputs(openTransaction: 10_000)
        retained.noteShortened(.alert, partition: 0)
        retained.noteRecord(alert(time))
        for output in outputs { retained.noteWritten(alert(output.time), of: .init(partition: 3, offset: output.offset)) }
        retained.prepare(epochs: [3: epoch])
        return retained
    }

    private func deletion(_ retained: RetainedOutputs, of offset: Int64, received: Int64? = nil, in partitions: Set<Int32> = [0]) -> RetainedOutputs.Deletion {
        retained.deletion(.alert, in: partitions, of: .init(partition: 3, offset: offset), received: received, isOwn: true)
    }

    @Test func `the payment's time tells that it was written later`() {
        let retained = retained(from: 10 * Self.hour)
        #expect(deletion(retained, of: 7, received: 9 * Self.hour) == .possible)
        #expect(deletion(retained, of: 7, received: 11 * Self.hour) == .possible)
        #expect(deletion(retained, of: 7, received: 11 * Self.hour + 10_001) == .impossible)
        #expect(deletion(retained, of: 7) == .possible)
    }

    @Test func `outputs before and behind it tell when it was written`() {
        let retained = retained(from: Self.hour, [(2, Self.hour / 2), (10, Self.hour), (20, 2 * Self.hour)])
        #expect(deletion(retained, of: 1) == .certain)
        #expect(deletion(retained, of: 9) == .certain)
        #expect(deletion(retained, of: 15) == .possible)
        #expect(deletion(retained, of: 21) == .impossible)
    }

    @Test func `what an earlier lineage wrote does not tell how early the present one did`() {
        #expect(deletion(retained(from: Self.hour, [(10, 5)], epoch: 6), of: 9) == .possible)
    }

    @Test func `where it can have stood in two partitions, either may have deleted it`() {
        #expect(deletion(retained(from: Self.hour), of: 9, in: [0, 1]) == .possible)
        #expect(deletion(retained(from: Self.hour), of: 9, in: [1]) == .impossible)
    }

    @Test func `what comes behind an output of its input in the partition is still there`() {
        var retained = RetainedOutputs(openTransaction: 10_000)
        retained.noteShortened(.alert, partition: 0)
        retained.noteRecord(alert(Self.hour))
        retained.noteOutput(alert(Self.hour), of: .init(partition: 3, offset: 8))
        #expect(deletion(retained, of: 9) == .impossible)
        #expect(deletion(retained, of: 8) == .possible)
        #expect(retained.deletion(.alert, in: [0], of: .init(partition: 3, offset: 9), received: nil, isOwn: false) == .possible)
    }
}

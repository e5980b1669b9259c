import ReferenceFold
import Testing

@testable import FraudService

/// Keys move when partitions are added to an output topic.
@Suite struct OutputPlacementTests {
    /// Partitions were added when the outputs of the 100th payment had been written.
    private var grown: OutputTopics {
        var topics = OutputTopics()
        for place in topics.found.indices where topics.found[place].timestamp < OutputTopics.writtenAt + 100 * 4_000 { topics.found[place].partition = 0 }
        return topics
    }

    private func origin(_ found: FoundOutput) -> String { found.origin(topic: "payments").map { "\($0.partition)@\($0.offset)" } ?? "?" }

    @Test func `a topic that got more partitions has no difference`() {
        #expect(grown.compare().brief == [])
    }

    @Test func `a producer that hears late of new partitions has done nothing wrong`() {
        var topics = grown
        for place in topics.found.indices {
            let found = topics.found[place]
            let input = found.origin(topic: "payments")?.partition ?? 0
            let since = (found.timestamp - OutputTopics.writtenAt) / 4_000
            if (70..<100).contains(since) { topics.found[place].partition = OutputTopics.home(found.key, input, among: since % 2 == 0 ? 2 : 1) }
        }
        #expect(topics.compare().brief == [])
    }

    @Test(arguments: [260, 380]) func `one in another partition than its key's is noticed, also in a topic that grew`(payment: Int64) throws {
        for var topics in [OutputTopics(), grown] {
            let from = OutputTopics.writtenAt + payment * 4_000
            let place = try #require(topics.places(.alert).first { topics.found[$0].timestamp >= from && topics.found[$0].partition == 1 })
            topics.found[place].partition = 0
            let comparison = topics.compare()
            #expect(comparison.brief == ["out_of_order \(origin(topics.found[place]))"])
            #expect(try #require(comparison.differences.first).text.hasSuffix("belongs in partition 1"))
        }
    }

    @Test func `order is judged within a partition, whatever it was before the topic grew`() {
        var topics = grown
        let first = topics.places(.alert)[0]
        topics.swapFirstTwo()
        #expect(topics.compare().brief == ["out_of_order \(origin(grown.found[first]))"])
    }

    @Test func `what was deleted from a partition before others were added is not missing`() {
        var topics = grown
        topics.found.removeAll { $0.kind == .alert && $0.timestamp < OutputTopics.writtenAt + 60 * 4_000 }
        let comparison = topics.compare(starts: [.alert: [1, 0]])
        #expect(comparison.brief == [])
        #expect(comparison.deletedCount + comparison.perhapsDeletedCount > 50)
    }

    @Test func `without a key the input partition decides`() throws {
        var topics = OutputTopics()
        let place = try #require(topics.found.lastIndex { ($0.kind == .late || $0.kind == .deadLetter) && $0.key == nil })
        topics.found[place].partition = 1 - topics.found[place].partition
        #expect(topics.compare().differences.map(\.kind) == [.outOfOrder])
    }
}

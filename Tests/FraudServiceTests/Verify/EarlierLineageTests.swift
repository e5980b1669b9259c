import ReferenceFold
import Testing

@testable import FraudService

/// What stands in the topics from before the present lineage is judged as far as no command can have brought it about.
@Suite struct EarlierLineageTests {
    let clean = OutputTopics()

    /// The outputs of the first 200 payments are of an earlier lineage, whose state the present one has.
    private var migrated: OutputTopics {
        var topics = clean
        for place in topics.found.indices where topics.found[place].timestamp < OutputTopics.writtenAt + 200 * 4_000 {
            topics.found[place].timestamp += OutputTopics.epoch - OutputTopics.writtenAt - 1_000_000
        }
        return topics
    }

    private func origin(_ found: FoundOutput) -> String { found.origin(topic: "payments").map { "\($0.partition)@\($0.offset)" } ?? "?" }

    private func isEarlier(_ found: FoundOutput) -> Bool { found.timestamp < OutputTopics.epoch }

    @Test func `a state that went on in a new lineage leaves nothing unchecked`() {
        let comparison = migrated.compare()
        #expect(!migrated.read().isIncomplete)
        #expect(comparison.brief == [])
        #expect(comparison.repeatedCount + comparison.olderCount == 0)
        #expect(comparison.counts[.alert]!.matched == comparison.counts[.alert]!.expected)
    }

    @Test(arguments: [PlainOutput.Kind.alert, .shadowAlert, .deadLetter]) func `one that an earlier lineage sent twice is surplus`(kind: PlainOutput.Kind) {
        var topics = migrated
        let places = topics.places(kind).filter { isEarlier(topics.found[$0]) }
        let same = places.filter { topics.found[$0].partition == topics.found[places[0]].partition }
        topics.found.insert(topics.found[same[0]], at: same[same.count - 1] + 1)
        let comparison = topics.compare()
        #expect(comparison.differences.contains { $0.kind == .surplus && $0.origin.map { "\($0.partition)@\($0.offset)" } == origin(topics.found[same[0]]) })
    }

    @Test func `two of an account that an earlier lineage sent in the wrong order are out of order`() {
        var topics = migrated
        topics.swapFirstTwo()
        #expect(topics.compare().brief == ["out_of_order \(origin(clean.found[clean.places(.alert)[0]]))"])
    }

    @Test func `one that the present lineage sent behind its time is out of order`() {
        var topics = migrated
        var late = topics.found.remove(at: topics.places(.alert)[0])
        late.timestamp = OutputTopics.writtenAt + 1_000_000
        topics.found.append(late)
        #expect(topics.compare().brief == ["out_of_order \(origin(late))"])
    }

    @Test func `one that the present lineage sent again alone is surplus`() {
        var topics = migrated
        var again = topics.found[topics.places(.alert)[0]]
        again.timestamp = OutputTopics.writtenAt + 1_000_000
        topics.found.append(again)
        #expect(topics.compare().differences.contains { $0.kind == .surplus })
    }

    @Test func `what an earlier lineage sent again from some offset on may come of a reset, and is counted`() {
        var topics = migrated
        let count = topics.found.prefix { isEarlier($0) }.count
        topics.found.insert(contentsOf: topics.found[50..<count], at: count)
        let comparison = topics.compare()
        #expect(comparison.brief == [])
        #expect(comparison.repeatedCount == count - 50)
    }

    @Test func `after a reset all is there again, and one that is not is missing though it was sent before`() throws {
        var topics = clean
        var before = clean.found.filter { $0.timestamp < OutputTopics.writtenAt + 200 * 4_000 }
        for place in before.indices { before[place].timestamp += OutputTopics.epoch - OutputTopics.writtenAt - 1_000_000 }
        topics.found.insert(contentsOf: before, at: 0)
        var comparison = topics.compare()
        #expect(comparison.brief == [])
        #expect(comparison.olderCount == before.count)
        let lost = try #require(topics.places(.alert).first { topics.found[$0].timestamp > OutputTopics.writtenAt + 100 * 4_000 })
        let gone = topics.found.remove(at: lost)
        #expect(topics.read().isIncomplete)
        comparison = topics.compare()
        #expect(comparison.brief == ["missing \(origin(gone))"])
        #expect(try #require(comparison.differences.first).text.contains("but for a copy from before the present lineage"))
    }

    @Test func `another group's late payments and dead letters are no copies of an earlier lineage`() {
        var topics = migrated
        var alert = topics.found[topics.places(.alert)[0]]
        alert.headers[2].value = Array("/tripline/h/payments".utf8)
        // The other group is behind, and its dead letters are smaller.
        var others = clean.found.filter { ($0.kind == .late || $0.kind == .deadLetter) && $0.timestamp < OutputTopics.writtenAt + 150 * 4_000 }
        for place in others.indices where others[place].kind == .deadLetter { others[place].value = nil }
        topics.found = [alert] + topics.found + others
        #expect(topics.compare().brief == [])
        for place in others.indices { others[place].timestamp = OutputTopics.epoch - 1 }
        topics.found = [alert] + migrated.found + others
        #expect(topics.compare().brief == [])
    }
}

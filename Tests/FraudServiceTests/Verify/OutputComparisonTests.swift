import FraudEngine
import ReferenceFold
import Testing

@testable import FraudService

/// `tripline verify` must be able to fail: one thing is broken, and exactly that is said.
@Suite struct OutputComparisonTests {
    let clean = OutputTopics()

    private func origin(_ place: Int, in topics: OutputTopics) -> String {
        let found = topics.found[place]
        let wanted = topics.results.first { $0.result.outputs.contains { $0.kind == found.kind && $0.value == found.value && $0.key == found.key } }
        return wanted.map { "\($0.origin.partition)@\($0.origin.offset)" } ?? "?"
    }

    @Test func `what is as it must be has no difference`() {
        let comparison = clean.compare()
        #expect(comparison.brief == [])
        for kind in PlainOutput.Kind.allCases {
            let count = clean.places(kind).count
            #expect(count > 5)
            #expect(comparison.counts[kind] == .init(expected: count, matched: count))
        }
        #expect(comparison.outsideCount + comparison.foreignCount + comparison.olderCount + comparison.unjudgedCount + comparison.deletedCount == 0)
        #expect(comparison.perhapsDeletedCount + comparison.repeatedCount + comparison.unsignedCount == 0)
    }

    @Test(arguments: PlainOutput.Kind.allCases) func `one that is not there is missing`(kind: PlainOutput.Kind) throws {
        var topics = clean
        let place = topics.places(kind)[3]
        let gone = topics.found.remove(at: place)
        let comparison = topics.compare()
        #expect(comparison.brief == ["missing \(origin(place, in: clean))"])
        #expect(comparison.isIncomplete)
        let text = try #require(comparison.differences.first).text
        #expect(text.hasPrefix("\(OutputTopics.names[kind]!) lacks the "))
        if let id = gone.alertID { #expect(text.contains(id)) }
    }

    @Test(arguments: PlainOutput.Kind.allCases) func `one that stands twice is surplus`(kind: PlainOutput.Kind) throws {
        var topics = clean
        let place = topics.places(kind)[3]
        topics.found.append(topics.found[place])
        let comparison = topics.compare()
        #expect(comparison.brief == ["surplus \(origin(place, in: clean))"])
        #expect(try #require(comparison.differences.first).text.hasSuffix(" once more"))
    }

    @Test(arguments: PlainOutput.Kind.allCases) func `one with another byte is different, and it is said where`(kind: PlainOutput.Kind) throws {
        var topics = clean
        let place = topics.places(kind)[3]
        if kind == .late {
            topics.found[place].headers[3].value = Array("1".utf8)
        } else {
            topics.changeByte(at: place)
        }
        let comparison = topics.compare()
        #expect(comparison.brief == ["different \(origin(place, in: clean))"])
        let text = try #require(comparison.differences.first).text
        #expect(text.contains(kind == .late ? "the header \"tripline.late.lateness_ms\" is \"1\", must be " : "the value differs from byte "))
    }

    @Test func `a late payment with another value is one too many, and the right one is missing`() {
        var topics = clean
        let place = topics.places(.late)[0]
        topics.changeByte(at: place)
        #expect(topics.compare().brief == ["missing \(origin(place, in: clean))", "surplus"])
    }

    @Test func `another key, header or partition is noticed`() throws {
        var topics = clean
        topics.found[topics.places(.alert)[0]].key = Array("other".utf8)
        #expect(try #require(topics.compare().differences.first).text.contains("the key is \"other\", must be \"acc-0-0\""))
        topics = clean
        topics.found[topics.places(.deadLetter)[0]].headers.removeLast()
        #expect(try #require(topics.compare().differences.first).text.contains("headers, must be"))
        topics = clean
        let last = topics.places(.alert).last!
        topics.found[last].partition = 1 - topics.found[last].partition
        #expect(topics.compare().brief == ["out_of_order \(origin(last, in: clean))"])
    }

    @Test func `two of an account in the wrong order are out of order, those of two accounts are not`() {
        var topics = clean
        topics.swapFirstTwo()
        #expect(topics.compare().brief == ["out_of_order \(origin(clean.places(.alert)[0], in: clean))"])
        topics = clean
        let (first, second) = (topics.places(.alert)[0], topics.places(.alert)[1])
        #expect(topics.found[first].key != topics.found[second].key)
        topics.found.swapAt(first, second)
        #expect(topics.compare().brief == [])
    }

    @Test func `what is no output of the service at all is surplus`() {
        var topics = clean
        for kind in [PlainOutput.Kind.alert, .deadLetter] {
            topics.found.append(FoundOutput(kind: kind, partition: 0, offset: 9_000, timestamp: OutputTopics.writtenAt, key: nil, value: [1], headers: []))
        }
        #expect(topics.compare().brief == ["surplus", "surplus"])
    }

    @Test func `outputs of other services are passed over`() {
        var topics = clean
        var alert = topics.found[topics.places(.alert)[0]]
        alert.headers[2].value = Array("/tripline/h/payments".utf8)
        topics.found.append(alert)
        let comparison = topics.compare()
        #expect(comparison.brief == [])
        #expect(comparison.foreignCount == 1)
    }

    @Test func `late payments and dead letters of a group that shares the topics are not held against this one, and are counted`() {
        var topics = clean
        var alert = topics.found[topics.places(.alert)[0]]
        alert.headers[2].value = Array("/tripline/h/payments".utf8)
        // The other group began later, is ahead, and has another grace and smaller dead letters.
        var others = topics.found.filter { ($0.kind == .late || $0.kind == .deadLetter) && $0.timestamp > OutputTopics.writtenAt + 200 * 4_000 }
        for place in others.indices where others[place].kind == .late && place % 2 == 0 { others[place].headers[3].value = Array("1".utf8) }
        for place in others.indices where others[place].kind == .deadLetter && place % 2 == 0 { others[place].value = nil }
        #expect(others.count > 6)
        topics.found = [alert] + others + topics.found
        var comparison = topics.compare()
        #expect(comparison.brief == [])
        #expect(comparison.foreignCount == 1)
        #expect(comparison.unsignedCount >= others.count)
        // What is lost, and what is wrong with alerts, is found all the same.
        topics.found.removeAll { $0 == clean.found[clean.places(.late)[0]] || $0 == clean.found[clean.places(.deadLetter)[0]] }
        topics.found.append(topics.found[topics.places(.alert)[3]])
        comparison = topics.compare()
        #expect(comparison.differences.count { $0.kind == .missing } == 2)
        #expect(comparison.differences.count { $0.kind == .surplus } == 1)
        // Alerts of other payments tell of no such group.
        topics = clean
        alert.headers[2].value = Array("/tripline/h/others".utf8)
        topics.found = [alert] + topics.found + [topics.found[topics.places(.late)[0]]]
        #expect(topics.compare().differences.map(\.kind) == [.surplus])
    }

    @Test func `what an earlier lineage wrote is passed over, and stands for what nothing newer does`() {
        var topics = clean
        let place = topics.places(.alert)[0]
        var older = topics.found[place]
        older.timestamp = OutputTopics.epoch - 1
        topics.found.insert(older, at: 0)
        var comparison = topics.compare()
        #expect(comparison.brief == [])
        #expect(comparison.olderCount == 1)
        topics = clean
        for index in topics.found.indices.prefix(100) { topics.found[index].timestamp = OutputTopics.epoch - 1 }
        comparison = topics.compare()
        #expect(comparison.brief == [])
        #expect(comparison.olderCount == 0)
        // No open transaction is waited for then; one that is gone altogether may be in one.
        #expect(!topics.read().isIncomplete)
        topics.found.remove(at: place)
        #expect(topics.read().isIncomplete)
    }

    @Test func `in a range only its outputs are compared`() {
        let comparison = clean.compare(100..<300)
        #expect(comparison.brief == [])
        #expect(comparison.outsideCount > 100)
        #expect(comparison.counts[.alert]!.expected < clean.places(.alert).count)
        var topics = clean
        let inside = topics.places(.alert).first { self.origin($0, in: clean) == "0@200" }!
        let outside = topics.places(.alert).first { self.origin($0, in: clean) == "0@20" }!
        topics.found.remove(at: inside)
        topics.found.remove(at: outside)
        #expect(topics.compare(100..<300).brief == ["missing 0@200"])
    }

    @Test func `an output of a record that was not committed with it is surplus, and nobody else's is`() {
        // Both stood at 300 at first; partition 0 at 350 and partition 1 at the end when all was read.
        let positions: [Int32: Int64] = [0: 350, 1: OutputTopics.count]
        let wanted = clean.results.filter { $0.origin.partition == 0 && $0.origin.offset >= 350 }.flatMap { one in
            one.result.outputs.filter { $0.kind != .late }.map { _ in "surplus 0@\(one.origin.offset)" }
        }
        let comparison = clean.compare(0..<300, positions: positions)
        #expect(comparison.brief == wanted)
        #expect(wanted.count > 50)
        #expect(comparison.outsideCount == clean.compare(0..<300).outsideCount - wanted.count)
        #expect(comparison.differences.allSatisfy { $0.text.hasSuffix(", but only offsets up to 349 are committed: it was written without its own") })
        // Another lineage is committed by now.
        #expect(clean.compare(0..<300, positions: [1: OutputTopics.count]).brief == [])
        // Written by an earlier lineage, by another group.
        var topics = clean
        for place in topics.found.indices where topics.found[place].timestamp >= OutputTopics.writtenAt + 300 * 4_000 {
            topics.found[place].timestamp = OutputTopics.epoch - 1
        }
        #expect(topics.compare(0..<300, positions: positions).brief == [])
        topics = clean
        for place in topics.places(.alert) + topics.places(.shadowAlert) where topics.found[place].timestamp >= OutputTopics.writtenAt + 300 * 4_000 {
            topics.found[place].headers[2].value = Array("/tripline/h/payments".utf8)
        }
        let others = topics.compare(0..<300, positions: positions)
        #expect(others.brief == [])
        #expect(others.unsignedCount > 0)
    }

    @Test func `where the log does not reach back, what is certain is compared and nothing is accused wrongly`() {
        for first in stride(from: Int64(3), to: 200, by: 17) {
            var topics = clean
            let horizon = topics.forget(before: first)
            let comparison = topics.compare(first..<OutputTopics.count, horizon: horizon)
            #expect(comparison.brief == [], "from \(first)")
            #expect(comparison.unjudgedCount > 0)
            #expect(comparison.counts[.alert]!.expected > 100)
            let gone = topics.places(.alert).last!
            topics.found.remove(at: gone)
            #expect(topics.compare(first..<OutputTopics.count, horizon: horizon).brief == ["missing \(origin(gone, in: clean))"], "from \(first)")
        }
    }

    @Test func `what a topic has deleted at its beginning is not missing, what is gone later is`() {
        var topics = clean
        let gone = Set(topics.places(.alert).filter { topics.found[$0].offset < 60 })
        topics.found = topics.found.enumerated().filter { !gone.contains($0.offset) }.map(\.element)
        var comparison = topics.compare(starts: [.alert: [40, 40]])
        #expect(comparison.brief == [])
        #expect(comparison.deletedCount == gone.count)
        let last = topics.places(.alert).last!
        topics.found.remove(at: last)
        comparison = topics.compare(starts: [.alert: [40, 40]])
        #expect(comparison.differences.map(\.kind) == [.missing])
    }

    @Test func `totals and stream time are compared one by one`() throws {
        let totals = clean.fold.totals
        func metadata(_ change: (inout [UInt64], inout [UInt64], inout Int64) -> Void) throws -> CommitMetadata {
            var records = PlainOutcome.allCases.map { totals.count($0) }
            var amounts = PlainOutcome.allCases.map { totals.amount($0) }
            var streamTime = try #require(clean.fold.streamTime)
            change(&records, &amounts, &streamTime)
            var metadata = Lineage.empty(
                at: 0, epoch: 1, ruleSet: RuleSetHash(hexadecimal: ""), windows: try TumblingWindows(size: 300_000, grace: 60_000), foldHash: "f",
                partitionCount: 2)
            metadata.totals = Totals(records: records, amounts: amounts)
            metadata.streamTime = streamTime
            return metadata
        }
        func problems(_ change: (inout [UInt64], inout [UInt64], inout Int64) -> Void) throws -> [String] {
            try metadata(change).problems(against: totals, streamTime: clean.fold.streamTime)
        }
        #expect(try problems { _, _, _ in } == [])
        #expect(try problems { records, _, _ in records[1] += 1 } == ["9 records late, must be 8"])
        #expect(try problems { _, amounts, _ in amounts[3] -= 1 } == ["amounts invalid of 799, must be 800"])
        #expect(try problems { _, _, time in time -= 1 }.first?.hasPrefix("stream time 2027-") == true)
    }
}

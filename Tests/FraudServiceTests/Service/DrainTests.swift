import Testing

@testable import FraudService

/// A drain ends with 0 where everything is read and committed, and nowhere else.
@Suite struct DrainTests {
    private static func progress(_ remaining: [Int64?], isSettled: Bool = true, next: Int64 = 0) -> DrainProgress {
        let parts = remaining.enumerated().map { (Int32($0.offset), DrainProgress.Part(next: next, remaining: $0.element)) }
        return DrainProgress(isSettled: isSettled, partitions: Dictionary(uniqueKeysWithValues: parts))
    }

    // MARK: One partition

    @Test func `an end that is not known yet is not reached`() {
        var ends = DrainEnds()
        #expect(!ends.isKnown(0))
        #expect(ends.remaining(0, next: 5, committed: 5) == nil)
        ends.note(end: 9, of: 0)
        #expect(ends.isKnown(0))
        #expect(!ends.isKnown(1))
        // Its birth is not committed.
        #expect(ends.remaining(0, next: 9, committed: nil) == nil)
    }

    @Test func `a partition is read when its end is committed, whatever comes behind it`() {
        var ends = DrainEnds()
        ends.note(end: 9, of: 0)
        #expect(ends.remaining(0, next: 5, committed: 3) == 6)
        #expect(ends.remaining(0, next: 9, committed: 3) == 6)
        #expect(ends.remaining(0, next: 9, committed: 9) == 0)
        #expect(ends.remaining(0, next: 40, committed: 3) == 37)
        #expect(ends.remaining(0, next: 40, committed: 10) == 0)
    }

    @Test func `records that only the consumer sees are read when it says so, and what is before them is committed`() {
        var ends = DrainEnds()
        ends.note(end: 9, of: 0)
        ends.note(read: 8, of: 0)
        #expect(ends.remaining(0, next: 5, committed: 5) == 4)
        ends.note(read: 9, of: 0)
        #expect(ends.remaining(0, next: 5, committed: 3) == 2)
        #expect(ends.remaining(0, next: 5, committed: 5) == 0)
        // The records are read again from elsewhere: what was read before says nothing.
        ends.forgetRead()
        #expect(ends.remaining(0, next: 5, committed: 5) == 4)
    }

    // MARK: All of them

    @Test func `it is over when every partition is live and read, at once`() {
        var watch = DrainWatch(takeover: 15_000)
        #expect(watch.look(Self.progress([0, nil]), now: 0) == .goesOn)
        #expect(watch.look(Self.progress([0, 1]), now: 200) == .goesOn)
        #expect(watch.look(Self.progress([0, 0], isSettled: false), now: 400) == .goesOn)
        #expect(watch.look(Self.progress([0, 0]), now: 600) == .isOver)
        #expect(watch.look(Self.progress([]), now: 800) == .isOver)
    }

    @Test func `it waits for what comes slowly, and gives up on what does not come`() {
        var watch = DrainWatch(takeover: 15_000)
        let slow = DrainWatch.patience - 1
        for turn in 0..<5 as Range<Int64> { #expect(watch.look(Self.progress([5], next: turn), now: turn * slow) == .goesOn) }
        #expect(watch.look(Self.progress([5], next: 4), now: 5 * slow) == .goesOn)
        #expect(watch.look(Self.progress([5], next: 4), now: 5 * slow + 1) == .isStuck)
    }

    @Test func `payments behind the ends are no progress`() {
        var watch = DrainWatch(takeover: 15_000)
        func progress(_ next: Int64) -> DrainProgress {
            DrainProgress(isSettled: true, partitions: [0: .init(next: next, remaining: 0), 1: .init(next: 5, remaining: 3)])
        }
        #expect(watch.look(progress(1), now: 0) == .goesOn)
        #expect(watch.look(progress(2), now: DrainWatch.patience - 1) == .goesOn)
        #expect(watch.look(progress(3), now: DrainWatch.patience) == .isStuck)
    }

    @Test func `where others may have partitions, or have died with them, it waits until these would have been given over`() {
        var watch = DrainWatch(takeover: 15_000)
        var progress = Self.progress([0, 0])
        progress.isWhole = false
        #expect(watch.look(progress, now: 0) == .goesOn)
        #expect(watch.look(progress, now: 14_999) == .goesOn)
        // They come.
        #expect(watch.look(Self.progress([0, 0, 9]), now: 14_999) == .goesOn)
        #expect(watch.look(progress, now: 20_000) == .goesOn)
        #expect(watch.look(progress, now: 35_000) == .isOver)
    }

    @Test func `what is left after a long wait for others has its own time`() {
        var watch = DrainWatch(takeover: 2 * DrainWatch.patience)
        var done = Self.progress([0])
        done.isWhole = false
        let left = Self.progress([3])
        #expect(watch.look(left, now: 0) == .goesOn)
        #expect(watch.look(done, now: 1_000) == .goesOn)
        let later = DrainWatch.patience + 1_000
        #expect(watch.look(done, now: later) == .goesOn)
        #expect(watch.look(left, now: later) == .goesOn)
        #expect(watch.look(left, now: later + DrainWatch.patience - 1) == .goesOn)
        #expect(watch.look(left, now: later + DrainWatch.patience) == .isStuck)
    }

    @Test func `it says what is left`() {
        #expect(Self.progress([0, 17, nil]).leftText == "partition 1 is 17 offsets before its end, partition 2 does not tell where it ends")
        #expect(Self.progress([0], isSettled: false).leftText == "not every partition is there and live")
    }
}

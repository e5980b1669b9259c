import Glibc
import Testing
import Threads

@testable import FraudService

/// The last words of a process; each test is a process of its own.
@Suite struct CrashNoteTests {
    private static func install() throws { CrashNote(CureContext(try Given(sets: ["group=fraud"]).load().get())).install() }

    private static func text(_ result: ExitTest.Result?) throws -> String { String(decoding: try #require(result).standardErrorContent, as: UTF8.self) }

    @Test func `a trap while records are processed tells which they were, and how to get past them`() async throws {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            try Self.install()
            CrashNote.begin(3, first: 120, last: 1_000_000_000_124)
            precondition(getpid() == 0)
        }
        let text = try Self.text(result)
        #expect(text.contains("tripline: this process died while it processed offsets 120 to 1000000000124 of partition 3. "))
        #expect(text.contains("run: tripline offsets skip --partition 3 --to-offset 1000000000125 --set group=fraud ; then start them\n"))
    }

    @Test func `records that were processed before are not to be skipped`() async throws {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            try Self.install()
            CrashNote.begin(3, first: 120, last: 124, isReplay: true)
            precondition(getpid() == 0)
        }
        let text = try Self.text(result)
        #expect(text.contains("while it replayed offsets 120 to 124 of partition 3, "))
        #expect(!text.contains("offsets skip"))
    }

    @Test func `a stack that overflows is told of too`() async throws {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            try Self.install()
            let thread = DedicatedThread.start("deep", stackBytes: 1 << 18) {
                CrashNote.prepareThread()
                CrashNote.begin(3, first: 120, last: 124)
                print(Self.depth(0))
            }
            thread.join()
        }
        #expect(try Self.text(result).contains("offsets 120 to 124 of partition 3. "))
    }

    /// Never comes to an end.
    private static func depth(_ level: Int) -> Int { level < 0 ? level : depth(level + 1) + withExtendedLifetime(level) { 1 } }

    @Test func `a signal that is sent ends it all the same`() async throws {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            try Self.install()
            CrashNote.begin(0, first: 0, last: 0)
            raise(SIGSEGV)
        }
        #expect(try Self.text(result).contains("offsets 0 to 0 of partition 0. "))
    }

    @Test func `a crash at another time says nothing of records`() async throws {
        let result = await #expect(processExitsWith: .signal(SIGABRT), observing: [\.standardErrorContent]) {
            try Self.install()
            CrashNote.begin(3, first: 120, last: 124)
            CrashNote.end()
            abort()
        }
        #expect(try !Self.text(result).contains("offsets"))
    }
}

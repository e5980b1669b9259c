import Foundation
import Glibc
import RuleFiles
import Synchronization
import Testing
import Threads

@testable import FraudEngine
@testable import FraudService

struct RuleWatcherTests {
    private static let rules = "version: 1\nrules: []\n"

    private func write(_ text: String, in folder: String) throws {
        let bytes = Array(text.utf8)
        try bytes.withUnsafeBufferPointer { (bytes) throws(FileSystem.Problem) in
            try FileSystem.write(UnsafeRawBufferPointer(bytes), to: "\(folder)/rules.yaml")
        }
    }

    @Test func `a store that does not take the rules for long is complained of once, and again where it says something else`() throws {
        let folder = try FileSystem.makeTemporaryFolder("tripline-rules")
        try write(Self.rules, in: folder)
        var settings = try Given().load().get()
        settings.rules.directory = folder
        settings.rules.poll = 1
        let initial = try RuleFiles.load(directory: folder, baseWindowMilliseconds: settings.windows.size).get()
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        let attempts = Mutex(0)
        let offered = Semaphore()
        let watcher = RuleWatcher(
            settings, initial: initial, log: Log(level: .warning, format: .text, descriptor: ends[1]), metrics: Metrics(version: "test"),
            store: { _ in
                switch attempts.withLock({
                    $0 += 1
                    return $0
                }) {
                case ...20: "the database is away"
                case ...40: "the database refuses"
                case _: nil
                }
            }, offer: { _ in offered.signal() })
        try write("# changed\n" + Self.rules, in: folder)
        Thread.detachNewThread { watcher.run() }
        try #require(offered.wait(milliseconds: 60_000))
        watcher.close()
        #expect(watcher.waitUntilEnded(milliseconds: 60_000))
        close(ends[1])
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = read(ends[0], &bytes, bytes.count)
        close(ends[0])
        let lines = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self).split(separator: "\n").map { $0.drop { $0 != " " }.dropFirst() }
        let attempted = attempts.withLock { $0 }
        #expect(attempted == 41)
        #expect(
            lines == [
                "ERROR rules refused; the last good set stays in force error=\"the database is away\"",
                "ERROR rules refused; the last good set stays in force error=\"the database refuses\"",
            ])
        try FileSystem.removeFolder(folder)
    }

    @Test func `who asked for a reload that hangs in the store is not kept when the service stops`() throws {
        let folder = try FileSystem.makeTemporaryFolder("tripline-rules")
        try write(Self.rules, in: folder)
        var settings = try Given().load().get()
        settings.rules.directory = folder
        let initial = try RuleFiles.load(directory: folder, baseWindowMilliseconds: settings.windows.size).get()
        let (isStoring, mayStore) = (Semaphore(), Semaphore())
        let watcher = RuleWatcher(
            settings, initial: initial, log: Log(level: .warning, format: .text, descriptor: -1), metrics: Metrics(version: "test"),
            store: { _ in
                isStoring.signal()
                mayStore.wait()
                return nil
            }, offer: { _ in })
        Thread.detachNewThread { watcher.run() }
        let answered = Semaphore()
        let answer = Mutex<ReloadAnswer?>(nil)
        Thread.detachNewThread {
            let given = watcher.reload()
            answer.withLock { $0 = given }
            answered.signal()
        }
        try #require(isStoring.wait(milliseconds: 60_000))
        watcher.close()
        #expect(!watcher.waitUntilEnded(milliseconds: 0))
        try #require(answered.wait(milliseconds: 60_000))
        guard case .failed(let messages) = answer.withLock({ $0 }) else { throw FileSystem.Problem(operation: "no answer", path: folder, code: 0) }
        #expect(messages == ["the service is stopping"])
        mayStore.signal()
        #expect(watcher.waitUntilEnded(milliseconds: 60_000))
        try FileSystem.removeFolder(folder)
    }
}

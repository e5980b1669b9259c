import Glibc
import Testing

@testable import FraudService
@testable import Kafka

struct StartPatienceTests {
    /// Time that passes by asking and pausing alone.
    private final class Watch {
        var milliseconds: Int64 = 0
        var questions = 0
        var isStopAsked = false
    }

    private let watch = Watch()

    private static func error(_ code: Int32, _ message: String) -> KafkaError {
        KafkaError(code: code, name: "E", message: message, isFatal: false, isRetriable: false, requiresAbort: false, partition: nil, offset: nil)
    }

    private static let timedOut = error(-185, "Failed while waiting for controller: Local: Timed out")

    private func patience(_ descriptor: Int32 = -1) -> StartPatience {
        StartPatience(
            log: Log(level: .warning, format: .text, descriptor: descriptor), now: { [watch] in watch.milliseconds },
            pause: { [watch] in watch.milliseconds += 500 }, isStopAsked: { [watch] in watch.isStopAsked })
    }

    /// Asks a broker that takes a second for each answer and fails so often.
    private func ask(_ patience: StartPatience, failing times: Int, with error: (Int) -> KafkaError = { _ in timedOut }) throws(KafkaError) -> Int {
        try patience.ask { () throws(KafkaError) in
            watch.questions += 1
            watch.milliseconds += 1_000
            if watch.questions <= times { throw error(watch.questions) }
            return 4
        }
    }

    @Test(arguments: [-185, -195, -187, 7, 14, 15, 16] as [Int32])
    func `a start asks again what brokers could not answer for the moment, and says so once`(code: Int32) throws {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        #expect(try ask(patience(ends[1]), failing: 5, with: { Self.error(code, "not now, attempt \($0)") }) == 4)
        close(ends[1])
        var bytes = [UInt8](repeating: 0, count: 4_096)
        let count = read(ends[0], &bytes, bytes.count)
        close(ends[0])
        let lines = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self).split(separator: "\n")
        #expect(lines.count == 1)
        #expect(lines.first?.hasSuffix("WARNING the brokers did not answer; the start asks them again for up to 30 s error=\"E: not now, attempt 1\"") == true)
    }

    @Test func `the patience is one for all questions, and ends with the brokers' last error`() throws {
        let patience = patience()
        #expect(try ask(patience, failing: 10) == 4)
        let error = #expect(throws: KafkaError.self) { try ask(patience, failing: .max) }
        #expect(error == Self.timedOut)
        #expect((30_000...31_500).contains(watch.milliseconds))
    }

    @Test(arguments: [-169, 29, 3, -186] as [Int32])
    func `what asking again does not mend ends a start at once`(code: Int32) {
        #expect(throws: KafkaError.self) { try ask(patience(), failing: .max, with: { _ in Self.error(code, "no") }) }
        #expect(watch.questions == 1)
    }

    @Test func `a start that is to stop asks no more`() {
        watch.isStopAsked = true
        #expect(throws: KafkaError.self) { try ask(patience(), failing: .max) }
        #expect(watch.questions == 1)
    }
}

import FraudEngine
import Testing

@testable import FraudService

struct RefusalCureTests {
    static let refusals: [Refusal] = [
        .metadataUnreadable("empty"), .checkpointWithoutOffset(checkpoint: 7, logEnd: 9), .checkpointWithoutOffset(checkpoint: 7, logEnd: 6),
        .partitionCountChanged(committed: 4, now: 6), .foldChanged(committed: "a", now: "b"), .anchorMismatch(offset: 1),
        .offsetBeyondLog(committed: 9, end: 3), .logStartsLater(needed: 1, start: 5), .noUsableCheckpoint("none"), .ruleSetMissing("x"),
        .digestMismatch(expected: 1, found: 2), .abortedThrice(offset: 4, end: 9, cause: "too large"),
    ]

    private static func context(_ given: Given = Given(), path: String? = nil) throws -> CureContext { CureContext(try given.load(path: path).get()) }

    /// The command between `run: ` and ` ; then`.
    private static func command(_ cure: String) throws -> String {
        let begin = try #require(cure.ranges(of: "run: tripline ").first).upperBound
        let end = try #require(cure.ranges(of: " ; then").first).lowerBound
        return String(cure[begin..<end])
    }

    @Test(arguments: refusals) func `every refusal prints a command that the parser takes, for its partition`(refusal: Refusal) throws {
        let given = Given(sets: ["group=fraud", "time.grace=30s"], files: ["/etc/tripline.yaml": ""])
        let words = try Self.command(refusal.cure(try Self.context(given, path: "/etc/tripline.yaml"), 3)).split(separator: " ").map(String.init)
        guard case .run(let invocation) = CommandLineParser.parse(words, version: "1") else {
            Issue.record("not a command: \(words)")
            return
        }
        #expect(invocation.config == "/etc/tripline.yaml")
        #expect(invocation.settings.map(\.text) == ["group=fraud", "time.grace=30s"])
        let expected: Operation =
            switch refusal.command {
            case .reset(let target): .offsetsReset(target, .init(partitions: [3]))
            case .acceptGap: .offsetsAcceptGap(.init(partitions: [3]))
            case .skip(let offset): .offsetsSkip(to: offset, .init(partitions: [3]))
            case .migrate: .stateMigrate(.init(partitions: [3]))
            }
        #expect(invocation.command == .operation(expected))
    }

    @Test(arguments: refusals) func `without an offset no cure leads back to accept-gap or to an offset that is not there`(refusal: Refusal) throws {
        let cure = refusal.cureWithoutOffset(try Self.context(), 3)
        #expect(try Self.command(cure) == "offsets reset --partition 3 --to-earliest")
        guard case .foldChanged = refusal else { return }
        #expect(cure.contains("run `offsets accept-gap` with the time.* and input.* settings and the version it was made with, then `state migrate`"))
    }

    @Test func `a file is named from the root on, words are quoted, secrets and logging are left out`() throws {
        func options(_ sets: [String], path: String? = nil, file: String? = nil) throws -> String {
            try Given(file: file, sets: sets, files: ["my conf.yaml": ""]).load(path: path).get().commandOptions
        }
        #expect(try options([]) == "")
        #expect(try options([], file: "group: g") == " --config /work/tripline.yaml")
        #expect(try options([], path: "my conf.yaml") == " --config '/work/my conf.yaml'")
        #expect(try options(["redis.url=redis://:hidden@h:1", "kafka.properties.sasl.password=hidden", "log.level=debug"]) == "")
        #expect(try options(["kafka.properties.client.id=it's me"]) == " --set 'kafka.properties.client.id=it'\\''s me'")
    }

    @Test(
        arguments: [("", "''"), ("a-b_c/d.e:f=1,@+%", "a-b_c/d.e:f=1,@+%"), ("a b", "'a b'"), ("$(x)", "'$(x)'"), ("'", "''\\'''")] as [(String, String)])
    func `a word is quoted where a shell would change it`(word: String, quoted: String) {
        #expect(ShellWord.quoted(word) == quoted)
    }
}

import Testing

@testable import FraudEngine

/// Stored bytes that no version ever wrote, sealed as if one had: found by reading and by fuzzing (`make fuzz`).
@Suite struct CraftedStateTests {
    private static let windows = WorkerLife.settings.windows

    /// A state of one account as text of its numbers.
    private struct Crafted {
        var rules = ["r"]
        var cells: [(window: Int64, tag: UInt32)] = []
        var marks: [(start: Int64, end: Int64)] = []
        var streamTime: Int64 = 0
        var digest: UInt64 = 0

        var bytes: [UInt8] {
            var out = ByteWriter()
            out.append(little: 0x5453_4c54 as UInt32)
            out.append(little: 1 as UInt32)
            out.append(little: windows.size)
            out.append(little: streamTime)
            for _ in Outcome.allCases { out.append([UInt8](repeating: 0, count: 16)) }
            out.append(little: digest)
            out.append(little: UInt32(rules.count))
            for rule in rules {
                out.append(little: UInt16(rule.utf8.count))
                out.append(Array(rule.utf8))
            }
            out.append(little: 1 as UInt16)
            out.append(UInt8(ascii: "a"))
            out.append(little: UInt32(cells.count))
            out.append(little: UInt32(marks.count))
            for cell in cells {
                out.append(little: cell.window)
                out.append(little: 100 as Int64)
                out.append(little: 1 as Int64)
                out.append(little: cell.tag)
            }
            for mark in marks {
                out.append(little: 0 as UInt32)
                out.append(little: mark.start)
                out.append(little: mark.end)
                out.append(little: 1 as Int64)
                out.append([20, 0, 0, 0])
            }
            out.append(little: 0 as UInt16)
            out.append(little: 0 as UInt32)
            return out.array()
        }

        /// The state, read with the digest that it has.
        func read() throws(StateCodec.Problem) -> PartitionStateBox {
            do throws(StateCodec.Problem) { return try Self.decode(bytes) } catch {
                guard case .digest(_, let digest) = error else { throw error }
                var sealed = self
                sealed.digest = digest
                return try Self.decode(sealed.bytes)
            }
        }

        private static func decode(_ bytes: [UInt8]) throws(StateCodec.Problem) -> PartitionStateBox {
            try bytes.withUnsafeBufferPointer { (bytes) throws(StateCodec.Problem) in
                PartitionStateBox(try StateCodec.decode(UnsafeRawBufferPointer(bytes), windows: windows, seed: 4))
            }
        }
    }

    private static let euro = UInt32(0x455552)

    @Test func `what cannot be in a state is refused by name`() throws {
        #expect(throws: StateCodec.Problem.inconsistent("a rule stands twice")) { try Crafted(rules: ["r", "s", "r"]).read() }
        #expect(throws: StateCodec.Problem.inconsistent("a cell of no currency")) { try Crafted(cells: [(0, 0)]).read() }
        #expect(throws: StateCodec.Problem.inconsistent("a mark of no period")) { try Crafted(marks: [(0, Int64.min)]).read() }
        #expect(throws: StateCodec.Problem.inconsistent("a mark of no period")) { try Crafted(marks: [(5, 5)]).read() }
        _ = try Crafted(cells: [(0, Self.euro)], marks: [(0, 300_000)]).read()
    }

    @Test(arguments: [Int64.min, Int64.min + 1, -300_000, -1, 0, Int64.max - 1])
    func `a period or a window at the ends of time is stored again as it was read`(time: Int64) throws {
        let crafted = Crafted(cells: [(time, Self.euro)], marks: [(time, time + 1)], streamTime: StreamTime.none)
        var state = try crafted.read().take()
        state.closeElapsed()
        let (snapshot, digest) = (state.snapshot(), state.digest)
        var bytes = ByteWriter()
        StateCodec.encode(snapshot, to: &bytes) { _ in }
        let again = try StateCodec.decode(UnsafeRawBufferPointer(start: bytes.bytes, count: bytes.count), windows: Self.windows, seed: 9).digest
        #expect(again == digest)
    }

    @Test func `a size that a checkpoint's frame cannot have costs no memory`() {
        for size in [1 << 40, UInt64(Int64.max), UInt64.max] {
            var file = ByteWriter()
            let header = "group=g\ntopic=t\npartition=0\nepoch=1\noffset=3\nfold=f\npartitions=1\ndigest=0\nrules=1:ab:0:0"
            file.append(Array("TLCP2\n".utf8))
            file.append(little: UInt32(header.utf8.count))
            file.append(Array(header.utf8))
            file.append([0x28, 0xb5, 0x2f, 0xfd, 0, 0])
            file.append(little: size)
            file.append(file.withBytes { CheckpointFile.sha256($0) })
            #expect(throws: CheckpointFile.Problem.compression) {
                try file.array().withUnsafeBytes { try CheckpointFile.decode($0, windows: Self.windows, seed: 1) }
            }
        }
    }

    @Test func `a checkpoint of the layout before is said to be an older version's, not damaged`() throws {
        var file = ByteWriter()
        file.append(Array("TLCP1\n".utf8))
        file.append([UInt8](repeating: 0, count: 64))
        let bytes = file.array()
        #expect(throws: CheckpointFile.Problem.olderVersion) { try bytes.withUnsafeBytes { try CheckpointFile.uncheckedHeader($0) } }
        #expect(throws: CheckpointFile.Problem.olderVersion) {
            try bytes.withUnsafeBytes { try CheckpointFile.decode($0, windows: Self.windows, seed: 1) }
        }
        #expect("\(CheckpointFile.Problem.olderVersion)".hasPrefix("it was written by an older version"))
    }

    @Test func `a header is read line by line as bytes, its numbers within their range`() throws {
        func read(partition: String, group: String) throws -> CheckpointHeader {
            let text = "group=\(group)\ntopic=t\npartition=\(partition)\nepoch=1\noffset=3\nfold=f\npartitions=1\ndigest=0\nrules=1:ab:0:0"
            var file = ByteWriter()
            file.append(Array("TLCP2\n".utf8))
            file.append(little: UInt32(text.utf8.count))
            file.append(Array(text.utf8))
            return try file.array().withUnsafeBytes { try CheckpointFile.uncheckedHeader($0) }
        }
        #expect(throws: CheckpointFile.Problem.header("'partition' is no partition")) { try read(partition: "4294967296", group: "g") }
        // A carriage return and the line feed behind it are one Character.
        #expect(try read(partition: "7", group: "g\r").group == "g\r")
        #expect(try read(partition: "7", group: "g\r").topic == "t")
    }

    @Test(
        arguments: [
            ("e=9", "e=+9"), ("e=9", "e=09"), ("d=00000000000000ab", "d=00000000000000AB"), ("n=1", "n=+1"), ("f=fold", "f=föld"), ("f=fold", "f=f\u{1}d"),
            ("a=-", "a=-0:0000000000000000"), ("st=-", "st=-9223372036854775808"),
        ])
    func `metadata that are not written so are refused, whatever their checksum`(written: String, other: String) throws {
        let metadata = CommitMetadata(
            epoch: 9, streamTime: StreamTime.none, digest: 0xab, foldHash: "fold", partitionCount: 1, totals: Totals(), anchor: nil,
            history: [
                RuleActivation(sequence: 1, ruleSet: RuleSetHash(hexadecimal: String(repeating: "a", count: 64)), fromOffset: 0, streamTime: StreamTime.none)
            ])
        func sealed(_ body: String) -> String { body + " c=" + hexadecimal(Array(body.utf8).withUnsafeBytes { Hashing.hash(ByteSlice($0)) }) }
        let body = String(metadata.line.dropLast(" c=0123456789abcdef".count))
        #expect(try CommitMetadata(line: sealed(body)) == metadata)
        #expect(body.contains(written))
        let crafted = sealed(body.replacing(written, with: other))
        do throws(CommitMetadata.Problem) {
            let accepted = try CommitMetadata(line: crafted)
            Issue.record("accepted: \(accepted)")
        } catch {
            guard case .malformed = error else {
                Issue.record("\(error)")
                return
            }
        }
    }
}

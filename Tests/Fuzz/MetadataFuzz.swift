@testable import FraudEngine

/// A metadata line is what `CommitMetadata.line` writes, byte for byte, or refused.
///
/// Each input is tried as it is, and again with the checksum that its fields want: most of the reading stands behind the checksum.
enum MetadataFuzz {
    static func take(_ input: UnsafeRawBufferPointer) {
        let line = String(decoding: input, as: UTF8.self)
        check(line)
        var body = Array(line.utf8)
        if let at = body.lastIndex(of: UInt8(ascii: " ")) { body.removeSubrange(at...) }
        check(sealed(String(decoding: body, as: UTF8.self)))
    }

    private static func check(_ line: String) {
        do throws(CommitMetadata.Problem) {
            let metadata = try CommitMetadata(line: line)
            demand(metadata.line.utf8.elementsEqual(line.utf8), "what is read is written as it was: \(metadata.line)")
            demand(metadata.line.utf8.allSatisfy { $0 > 0x1f && $0 < 0x7f }, "a line is printable ASCII")
            demand(!metadata.history.isEmpty, "a partition has rules")
            do throws(CommitMetadata.Problem) {
                demand(try CommitMetadata(line: metadata.line) == metadata, "what is written is read as it was")
            } catch {
                fail("what is written is refused: \(error)")
            }
        } catch {
            demand(!"\(error)".isEmpty, "an error has a name")
        }
    }

    private static func sealed(_ body: String) -> String {
        body + " c=" + hexadecimal(Array(body.utf8).withUnsafeBytes { Hashing.hash(ByteSlice($0)) })
    }

    static var seeds: [(name: String, bytes: [UInt8])] {
        let hash = String(repeating: "0123456789abcdef", count: 4)
        return [0, 1, CommitMetadata.historyLimit].map { count in
            let history = (0..<max(1, count)).map { number in
                RuleActivation(
                    sequence: UInt64(number + 1), ruleSet: RuleSetHash(hexadecimal: hash), fromOffset: Int64(number) * 1_000,
                    streamTime: number == 0 ? StreamTime.none : 1_763_892_000_000)
            }
            let metadata = CommitMetadata(
                epoch: 1_763_892_000_000, streamTime: count == 0 ? StreamTime.none : 1_763_892_000_000, digest: 0xfedc_ba98_7654_3210, foldHash: "a1b2c3",
                partitionCount: 4, totals: Totals(records: [9, 1, 2, 3, 0], amounts: [1_250, 1, 0, UInt64.max, 0]),
                anchor: count == 0 ? nil : Anchor(offset: 99, hash: 7), history: history)
            return ("seed-\(count)", Array(metadata.line.utf8))
        }
    }
}

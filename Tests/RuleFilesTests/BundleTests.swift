import FraudEngine
import RuleFiles
import Testing

struct BundleTests {
    private let bundle = RuleBundle(files: [
        .init(path: "velocity.yaml", bytes: Array("version: 1\n".utf8)), .init(path: "Ä.yaml", bytes: []),
        .init(path: "lists/a.txt", bytes: Array("KP\n".utf8)),
    ])

    @Test func `a set's name is the SHA-256 of its canonical content`() {
        #expect(bundle.hash.hexadecimal == "28f36a47438850f3e43249f07c05cdba2ef1244961f02b55cffed5be37d60fcb")
        #expect(RuleBundle(files: []).hash.hexadecimal == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    }

    @Test func `canonical content is length, path, length, content of each file in order of path bytes`() {
        var expected: [UInt8] = []
        for (path, content) in [("lists/a.txt", "KP\n"), ("velocity.yaml", "version: 1\n"), ("Ä.yaml", "")] {
            expected += [0, 0, 0, 0, 0, 0, 0, UInt8(path.utf8.count)] + path.utf8 + [0, 0, 0, 0, 0, 0, 0, UInt8(content.utf8.count)] + content.utf8
        }
        #expect(bundle.encoded == expected)
    }

    @Test func `a stored set comes back as it was`() throws {
        #expect(try RuleBundle(decoding: bundle.encoded) == bundle)
        #expect(try RuleBundle(decoding: []).files.isEmpty)
        #expect(RuleBundle.hash(ofEncoded: bundle.encoded) == bundle.hash)
    }

    @Test func `a damaged set is refused at every length`() {
        let encoded = bundle.encoded
        let boundaries = [0, 8 + 11 + 8 + 3, 8 + 11 + 8 + 3 + 8 + 13 + 8 + 11]
        for count in 0..<encoded.count where !boundaries.contains(count) {
            #expect(throws: RuleBundle.DecodingError.truncated) { try RuleBundle(decoding: Array(encoded.prefix(count))) }
        }
        #expect(throws: RuleBundle.DecodingError.truncated) { try RuleBundle(decoding: [255, 255, 255, 255, 255, 255, 255, 255, 1]) }
    }

    @Test func `no bit of a stored set can turn over unnoticed`() {
        let encoded = bundle.encoded
        for bit in 0..<encoded.count * 8 {
            var damaged = encoded
            damaged[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(RuleBundle.hash(ofEncoded: damaged) != bundle.hash, "bit \(bit)")
            do throws(RuleBundle.DecodingError) {
                let other = try RuleBundle(decoding: damaged)
                #expect(other.hash != bundle.hash && other.encoded == damaged, "bit \(bit) makes another set under its own name")
            } catch {
                #expect([.truncated, .invalidPath, .unordered].contains(error), "bit \(bit)")
            }
        }
    }

    @Test func `only canonical bytes are accepted`() {
        func field(_ text: String) -> [UInt8] { [0, 0, 0, 0, 0, 0, 0, UInt8(text.utf8.count)] + text.utf8 }
        #expect(throws: RuleBundle.DecodingError.unordered) { try RuleBundle(decoding: field("b") + field("") + field("a") + field("")) }
        #expect(throws: RuleBundle.DecodingError.unordered) { try RuleBundle(decoding: field("a") + field("") + field("a") + field("")) }
        #expect(throws: RuleBundle.DecodingError.invalidPath) { try RuleBundle(decoding: field("") + field("")) }
        #expect(throws: RuleBundle.DecodingError.invalidPath) { try RuleBundle(decoding: [0, 0, 0, 0, 0, 0, 0, 1, 0xFF] + field("")) }
    }
}

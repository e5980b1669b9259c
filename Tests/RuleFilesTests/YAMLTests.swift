import RuleFiles
import Testing

struct YAMLTests {
    private func parse(_ text: String) -> Result<YAMLNode, RuleDiagnostics> { YAML.parse(bytes: Array(text.utf8), file: "f.yaml") }

    private func codes(_ text: String) -> [String] { codes(Array(text.utf8)) }

    private func codes(_ bytes: [UInt8]) -> [String] {
        switch YAML.parse(bytes: bytes, file: "f.yaml") {
        case .success: []
        case .failure(let diagnostics): diagnostics.all.map { "\($0.code)@\($0.position?.line ?? 0):\($0.position?.column ?? 0)" }
        }
    }

    @Test func `scalars stay text with their style`() throws {
        let node = try parse("a: NO\nb: '12:30'\nc: \"x\\ty\"\nd: |\n  l1\n  l2\ne: >\n  f1\n  f2\n").get()
        #expect(node["a"]?.scalar?.text == "NO")
        #expect(node["a"]?.scalar?.style == .plain)
        #expect(node["b"]?.scalar?.style == .singleQuoted)
        #expect(node["c"]?.text == "x\ty")
        #expect(node["d"]?.text == "l1\nl2\n")
        #expect(node["e"]?.text == "f1 f2\n")
        #expect(node["e"]?.scalar?.style == .folded)
    }

    @Test func `positions count lines and code points from 1`() throws {
        let node = try parse("# häh\nkey: [ä, é, {x: y}]\n").get()
        let items = try #require(node["key"]?.sequence)
        #expect(items.map(\.position) == [SourcePosition(line: 2, column: 7), SourcePosition(line: 2, column: 10), SourcePosition(line: 2, column: 13)])
        #expect(items[2]["x"]?.position == SourcePosition(line: 2, column: 17))
    }

    @Test func `an empty file is an empty mapping`() throws {
        for text in ["", "# nothing\n", "---\n", "\u{FEFF}", "~\n"] {
            #expect(try parse(text).get().mapping?.isEmpty == true, "\(text)")
        }
    }

    @Test func `a byte order mark and carriage returns are no part of the text`() throws {
        let node = try parse("\u{FEFF}a: 1\r\nb: 2\r\n").get()
        #expect(node["a"]?.text == "1")
        #expect(node["b"]?.position == SourcePosition(line: 2, column: 4))
        #expect(node.source.text(ofLine: 1) == "a: 1")
    }

    @Test func `what a person would misread is refused where it stands`() {
        #expect(codes("a: &x 1\nb: *x\n") == ["E004@1:4", "E004@2:4"])
        #expect(codes("when: !has(x)\n") == ["E005@1:7"])
        #expect(codes("a: !!str 1\n") == ["E005@1:4"])
        #expect(codes("a: 1\nb: 2\na: 3\n") == ["E006@3:1"])
        #expect(codes("a: 1\n---\nb: 2\n") == ["E007@2:1"])
        #expect(codes("a:\n\tb: 1\n") == ["E002@2:1"])
        #expect(codes("{a: 1}: 2\n") == ["E001@1:1"])
        #expect(codes("a: 'open\nb: 2\n") == ["E001@1:4"])
        #expect(codes("a: b: c\n") == ["E001@1:5"])
        #expect(codes("a: @x\n") == ["E001@1:4"])
    }

    @Test func `bytes that are not UTF-8 are shown where they stand`() {
        #expect(codes([0xFF, 0xFE, 0x61, 0x00]) == ["E003@1:1"])
        #expect(codes(Array("a: 1\nb: ".utf8) + [0xE9, 0x0A]) == ["E003@2:4"])
        #expect(codes(Array("a: ".utf8) + [0]) == ["E003@1:4"])
        #expect(codes(Array("a: ".utf8) + [0xC0, 0x80]) == ["E003@1:4"])
        #expect(codes(Array("a: ".utf8) + [0xED, 0xA0, 0x80]) == ["E003@1:4"])
        #expect(codes("ab: \u{1}") == ["E003@1:5"])
    }

    @Test func `depth and size are bounded`() {
        #expect(codes(String(repeating: "[", count: 64) + String(repeating: "]", count: 64)) == [])
        #expect(codes(String(repeating: "[", count: 65) + String(repeating: "]", count: 65)) == ["E008@1:65"])
        #expect(codes(String(repeating: "[", count: 1_000_000)) == ["E008@1:65"])
        #expect(codes(String(repeating: "#", count: 1 << 20)) == [])
        #expect(codes(String(repeating: "#", count: 1 << 20 + 1)) == ["E009@1:1"])
    }

    @Test func `keys that are equal only to Swift are two keys`() throws {
        #expect(try parse("\"e\\u0301\": 1\n\"\\u00e9\": 2\n").get().mapping?.count == 2)
    }

    @Test(arguments: [
        "when: abc X\n", "when: |\n  abc\n    d X\n", "when: |2\n    abc\n  X\n", "when: >-\n  abc\n  def X\n", "when: 'it''s X'\n",
        "when: \"a\\tb \\\"q\\\" X\"\n", "when: \"a\\\n   b X\"\n", "when: \"\\u00e9é X\"\n", "when: ab\n  cd\n  X\n", "when: |\r\n  ab\r\n  X\r\n",
    ])
    func `a byte of the text is found in the file`(_ text: String) throws {
        let node = try parse(text).get()
        let value = try #require(node["when"])
        let scalar = try #require(value.scalar)
        let index = try #require(Array(scalar.text.utf8).firstIndex(of: UInt8(ascii: "X")))
        let found = ScalarOffsets(value, scalar).byte(ofText: index)
        #expect(node.source.bytes[found] == UInt8(ascii: "X"))
        #expect(node.source.bytes.firstIndex(of: UInt8(ascii: "X")) == found)
    }

    @Test(
        arguments: [
            ("30s", 30_000), ("5m", 300_000), ("1h30m", 5_400_000), ("30d", 2_592_000_000), ("250ms", 250), ("1d2h3m4s5ms", 93_784_005), ("0s", 0),
        ] as [(String, Int64)])
    func `durations are read and written`(_ text: String, _ milliseconds: Int64) {
        #expect(DurationText.milliseconds(text) == milliseconds)
        #expect(DurationText.text(milliseconds: milliseconds) == text)
    }

    @Test(arguments: ["", "5", "m", "-5m", "5 m", "1.5h", "5m1h", "1m1m", "5M", "9223372036854775807d", "99999999999999999999s", "5m "])
    func `what is no duration is refused`(_ text: String) {
        #expect(DurationText.milliseconds(text) == nil)
    }

    @Test func `the closest name is suggested within two edits`() {
        #expect(Suggestion.closest(to: "scroe", among: ["title", "score"]) == "score")
        #expect(Suggestion.closest(to: "acount.count_5m", among: ["account.sum_5m", "account.count_5m"]) == "account.count_5m")
        #expect(Suggestion.closest(to: "id", among: ["of"]) == nil)
        #expect(Suggestion.closest(to: "colour", among: ["score"]) == nil)
    }
}

import FoundationEssentials
import RuleFiles
import Testing

/// Golden files: each folder of Fixtures is a rules folder; `expected.txt` in it is what a person reads.
/// `TRIPLINE_RECORD=1` in the environment writes them anew.
struct MessageTests {
    private static let fixtures = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures").path

    static func folders() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: fixtures).sorted()
    }

    @Test(arguments: try folders())
    func `messages read as recorded`(_ folder: String) throws {
        let directory = "\(Self.fixtures)/\(folder)"
        let diagnostics =
            switch RuleFiles.load(directory: directory, baseWindowMilliseconds: 300_000) {
            case .success(let loaded): loaded.warnings
            case .failure(let errors): errors
            }
        let text = diagnostics.all.isEmpty ? "nothing to say\n" : diagnostics.text.replacing(directory, with: "rules")
        let expected = "\(directory)/expected.txt"
        if ProcessInfo.processInfo.environment["TRIPLINE_RECORD"] == "1" {
            try text.write(toFile: expected, atomically: true, encoding: .utf8)
        }
        #expect(try text == String(contentsOfFile: expected, encoding: .utf8))
    }
}

import Testing

/// docs/operations.md says of everything that people may meet what it means and what to do.
@Suite struct OperationsTests {
    let repository = Repository()

    private func document(_ name: String) throws -> String {
        let file = try #require(try repository.files(under: "docs").first { $0.path == "docs/\(name)" })
        return file.lines.joined(separator: "\n")
    }

    /// What stands between quotes after each place of the text, a line break and spaces between them allowed.
    private func literals(after marks: [String], in folder: String) throws -> [String] {
        var found: [String] = []
        for file in try repository.files(under: folder, suffix: ".swift") {
            let text = file.lines.map { $0.drop { $0 == " " } }.joined(separator: " ")
            for mark in marks { found += literals(after: mark, in: text) }
        }
        return found
    }

    private func literals(after mark: String, in text: String) -> [String] {
        var found: [String] = []
        var rest = text[...]
        while let place = rest.firstRange(of: mark) {
            rest = rest[place.upperBound...].drop { $0 == " " }
            guard rest.first == "\"" else { continue }
            found.append(String(rest.dropFirst().prefix { $0 != "\"" && $0 != "\\" }))
        }
        return found
    }

    @Test func `every reason for a refusal has its row`() throws {
        let document = try document("operations.md")
        let source = try #require(try repository.files(under: "Sources/FraudEngine/Pipeline").first { $0.path.hasSuffix("/Refusal.swift") })
        let cases = source.lines.compactMap { line -> Substring? in
            let words = line.drop { $0 == " " }
            return words.hasPrefix("case ") && !words.hasPrefix("case .") ? words.dropFirst(5).prefix { $0 != "(" } : nil
        }
        // The stable word of a case is its name in lower-case words.
        let words = cases.map { name in name.map { $0.isUppercase ? "_\($0.lowercased())" : String($0) }.joined() }
        #expect(words.count > 5)
        for word in words { #expect(document.contains("\n| `\(word)` | "), "\(word)") }
    }

    @Test func `every readiness check has its row`() throws {
        let document = try document("operations.md")
        let names = try literals(after: ["Readiness.Check(name: "], in: "Sources/FraudService")
        #expect(names.count > 3)
        for name in names { #expect(document.contains(name.hasSuffix("-") ? "\n| `\(name)<" : "\n| `\(name)` |"), "\(name)") }
    }

    @Test func `every warning and error of a running service has its row`() throws {
        let document = try document("operations.md")
        for (level, mark) in [("warning", "log.warning("), ("error", "log.error(")] {
            for folder in ["Service", "Stream", "Scores", "Checkpoints"] {
                for message in try literals(after: [mark], in: "Sources/FraudService/\(folder)") {
                    #expect(document.contains("\n| \(level) | `\(message)` | "), "\(message)")
                }
            }
        }
    }

    @Test func `every exit code has its row`() throws {
        let document = try document("operations.md")
        for code in 0...5 { #expect(document.contains("\n| \(code) | "), "\(code)") }
    }

    @Test func `every alert for Prometheus has its row, and no other`() throws {
        let rules = try document("prometheus-rules.yaml")
        let alerts = rules.split(separator: "\n").compactMap { line in line.firstRange(of: "- alert: ").map { String(line[$0.upperBound...]) } }
        let rows = try document("operations.md").split(separator: "\n").filter { $0.hasPrefix("| `Tripline") }
        #expect(rows.map { String($0.dropFirst(3).prefix { $0 != "`" }) } == alerts)
    }

    @Test func `alerts for Prometheus ask for metrics that exist`() throws {
        let metrics = try document("metrics.md")
        for line in try document("prometheus-rules.yaml").split(separator: "\n") where line.contains("expr: ") {
            for word in line.split(whereSeparator: { !$0.isLetter && !$0.isNumber && $0 != "_" }) where word.hasPrefix("tripline_") {
                let name = word.hasSuffix("_bucket") ? word.dropLast("_bucket".count) : word
                #expect(metrics.contains("\n| `\(name)` | "), "\(name)")
            }
        }
    }
}

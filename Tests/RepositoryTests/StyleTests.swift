import Testing

@Suite struct StyleTests {
    let repository = Repository()

    @Test func `a file has one subject and at most 600 lines`() throws {
        for file in try repository.files(under: "Sources", suffix: ".swift") + repository.files(under: "Tests", suffix: ".swift") {
            #expect(file.lines.count <= 600, "\(file.path) has \(file.lines.count) lines")
        }
    }

    @Test func `a function fits a screen`() throws {
        for file in try repository.files(under: "Sources", suffix: ".swift") {
            for function in functions(in: file.lines) {
                #expect(function.length <= 70, "\(file.path):\(function.line): \(function.length) lines")
            }
        }
    }

    @Test func `no source swallows an error, dies of the world or is left for later`() throws {
        // Written in two parts so that this file does not name them itself.
        let forbidden = ["try" + "?", "fatal" + "Error(", "TO" + "DO", "FIX" + "ME"]
        for file in try repository.files(under: "Sources") {
            for (index, line) in file.lines.enumerated() {
                for word in forbidden where line.contains(word) {
                    Issue.record("\(file.path):\(index + 1): \(word)")
                }
            }
        }
    }

    /// The leak checker takes what a checked rule points to for lost where only a global has it.
    @Test func `no test keeps a rule set for ever`() throws {
        for file in try repository.files(under: "Tests", suffix: ".swift") {
            for (index, line) in file.lines.enumerated() where line.contains("static let") && line.contains("= TestRules" + ".set(") {
                Issue.record("\(file.path):\(index + 1): make it a `static var` that is computed")
            }
        }
    }

    @Test func `nothing but the entry of continuous integration looks outside the repository`() throws {
        let outside = ".." + "/shared"
        for file in try repository.files() where file.path != ".ci/run" {
            for (index, line) in file.lines.enumerated() where line.contains(outside) {
                Issue.record("\(file.path):\(index + 1)")
            }
        }
    }

    @Test func `a function's length is counted from its signature to its closing brace`() {
        let text = """
            struct A {
                func short() { 1 }
                func long(
                    _ a: Int
                ) -> Int {
                    let text = "}"
                    return a
                }
                init(_ a: Int) {
                }
            }
            """
        let found = functions(in: text.split(separator: "\n", omittingEmptySubsequences: false))
        #expect(found.map(\.line) == [2, 3, 9])
        #expect(found.map(\.length) == [1, 6, 2])
    }
}

private struct Function {
    let line: Int
    let length: Int
}

/// Functions and initialisers by indentation: one ends with the first line that is its closing brace at its own indentation,
/// which the formatter guarantees.
private func functions(in lines: [Substring]) -> [Function] {
    var found: [Function] = []
    for (index, line) in lines.enumerated() {
        let indentation = line.prefix { $0 == " " }
        let words = line.split { $0 == " " || $0 == "(" || $0 == "<" || $0 == "?" }
        let isDeclaration = words.prefix(6).contains("func") || words.first { !modifiers.contains($0) } == "init"
        guard isDeclaration, !line.drop(while: { $0 == " " }).hasPrefix("//") else { continue }
        let isOneLine = line.hasSuffix("}")
        let hasBody = isOneLine || bodyOpens(lines[index...], indentation: indentation)
        guard hasBody else { continue }
        let end = isOneLine ? index : lines[index...].firstIndex { $0 == indentation + "}" } ?? index
        found.append(Function(line: index + 1, length: end - index + 1))
    }
    return found
}

private let modifiers: Set<Substring> = ["package", "public", "private", "internal", "fileprivate", "convenience", "required", "override"]

/// A requirement of a protocol has no body: its last line ends without a brace.
private func bodyOpens(_ lines: ArraySlice<Substring>, indentation: Substring) -> Bool {
    for line in lines {
        if line.hasSuffix("{") { return true }
        let isContinued = line.hasSuffix("(") || line.hasSuffix(",") || line.prefix { $0 == " " }.count > indentation.count
        if !isContinued { return line.hasPrefix(indentation + ")") && line.hasSuffix("{") }
    }
    return false
}

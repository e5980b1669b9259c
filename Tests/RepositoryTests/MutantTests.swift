import Testing

/// The bugs that `scripts/mutants` plants.
@Suite struct MutantTests {
    let repository = Repository()

    /// One piece of a patch: what it wants to find in a file, context and removed lines.
    private struct Piece {
        var path: String
        var wanted: [Substring]
    }

    private func pieces(of patch: Repository.File) throws -> [Piece] {
        var pieces: [Piece] = []
        var path = ""
        for line in patch.lines.dropFirst() {
            if line.hasPrefix("--- a/") {
                path = String(line.dropFirst(6))
            } else if line.hasPrefix("@@") {
                pieces.append(Piece(path: path, wanted: []))
            } else if line.hasPrefix(" ") || line.hasPrefix("-") {
                try #require(!pieces.isEmpty, "\(patch.path): a line before the first piece")
                pieces[pieces.count - 1].wanted.append(line.dropFirst())
            }
        }
        return pieces
    }

    @Test func `there are at least twelve, each with a sentence on what is wrong`() throws {
        let patches = try repository.files(under: "Tests/Mutants", suffix: ".patch")
        #expect(patches.count >= 12)
        for patch in patches { #expect(patch.lines[0].hasSuffix(".") && !patch.lines[0].hasPrefix("---"), "\(patch.path) begins with no sentence") }
    }

    @Test func `each still applies to the engine's source`() throws {
        let sources = try repository.files(under: "Sources/FraudEngine", suffix: ".swift")
        for patch in try repository.files(under: "Tests/Mutants", suffix: ".patch") {
            let pieces = try pieces(of: patch)
            #expect(!pieces.isEmpty, "\(patch.path) changes nothing")
            for piece in pieces {
                let file = try #require(sources.first { $0.path == piece.path }, "\(patch.path) changes \(piece.path), which is not there")
                let places = file.lines.indices.filter { file.lines[$0...].starts(with: piece.wanted) }
                #expect(places.count == 1, "\(patch.path) no longer applies to \(piece.path): make it anew")
            }
        }
    }
}

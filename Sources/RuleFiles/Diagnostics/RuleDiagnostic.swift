/// One message about a rule set or configuration file: where, what, and what to do about it.
package struct RuleDiagnostic: Sendable, Equatable {
    package enum Severity: String, Sendable {
        case error, warning
        /// A test in a rule file did not hold: the set does not load.
        case testFailure = "test_failure"
    }

    package var severity: Severity
    /// Stable: E0xx for files, E1xx for expressions, W2xx for warnings, T001 for failing tests.
    package var code: String
    /// As shown to people; empty where no file is to blame.
    package var file: String
    /// nil: the message is about the file or folder as a whole.
    package var position: SourcePosition?
    /// Code points that the caret underlines, at least 1.
    package var length: Int
    package var message: String
    /// The line that `position` is in; nil: the line is not shown.
    package var sourceLine: String?
    /// Stands behind the caret.
    package var caretNote: String?
    /// Each is shown on a line of its own.
    package var hints: [String]

    package init(
        severity: Severity = .error, code: String, file: String, position: SourcePosition? = nil, length: Int = 1, message: String,
        sourceLine: String? = nil, caretNote: String? = nil, hints: [String] = []
    ) {
        self.severity = severity
        self.code = code
        self.file = file
        self.position = position
        self.length = max(1, length)
        self.message = message
        self.sourceLine = sourceLine
        self.caretNote = caretNote
        self.hints = hints
    }

    /// A message that points at a byte of a file.
    package init(
        severity: Severity = .error, code: String, source: SourceFile, at offset: Int, length: Int = 1, message: String, caretNote: String? = nil,
        hint: String? = nil
    ) {
        let position = source.position(ofByte: offset)
        self.init(
            severity: severity, code: code, file: source.path, position: position, length: length, message: message,
            sourceLine: source.text(ofLine: position.line), caretNote: caretNote, hints: hint.map { [$0] } ?? [])
    }
}

/// Messages of a load, in the order they are shown; thrown where a load fails.
package struct RuleDiagnostics: Error, Sendable, Equatable {
    package private(set) var all: [RuleDiagnostic] = []

    package init(_ all: [RuleDiagnostic] = []) { self.all = all }

    package mutating func add(_ diagnostic: RuleDiagnostic) { all.append(diagnostic) }

    package mutating func add(_ others: RuleDiagnostics) { all += others.all }

    /// True if anything keeps the set from loading: an error or a failing test.
    package var hasErrors: Bool { all.contains { $0.severity != .warning } }

    package var errorCount: Int { all.count { $0.severity != .warning } }

    package var warnings: RuleDiagnostics { RuleDiagnostics(all.filter { $0.severity == .warning }) }

    /// By file (bytes), line and column; messages of one place keep their order.
    package func sorted() -> RuleDiagnostics {
        let ordered = all.enumerated().sorted { left, right in
            let (a, b) = (left.element, right.element)
            if a.file != b.file { return a.file.utf8.lexicographicallyPrecedes(b.file.utf8) }
            let (p, q) = (a.position ?? SourcePosition(line: 0, column: 0), b.position ?? SourcePosition(line: 0, column: 0))
            if p.line != q.line { return p.line < q.line }
            return p.column != q.column ? p.column < q.column : left.offset < right.offset
        }
        return RuleDiagnostics(ordered.map(\.element))
    }
}

extension YAMLNode {
    /// A message that underlines this node, or the first line of a block or collection.
    package func diagnostic(_ code: String, _ message: String, severity: RuleDiagnostic.Severity = .error, hints: [String] = []) -> RuleDiagnostic {
        var diagnostic = RuleDiagnostic(severity: severity, code: code, source: source, at: range.lowerBound, length: underlineLength, message: message)
        diagnostic.hints = hints
        return diagnostic
    }

    private var underlineLength: Int {
        guard let scalar, scalar.style != .literal, scalar.style != .folded else { return 1 }
        let line = source.restOfLine(from: range.lowerBound)
        return source.codePoints(in: range.lowerBound..<min(line.upperBound, range.upperBound))
    }
}

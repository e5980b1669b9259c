/// How messages are shown to people: `file:line:column: error[E101]: …`, the line with a caret, hints.
extension RuleDiagnostics {
    /// All messages, each ending with a line feed.
    package var text: String { all.map(\.text).joined() }
}

extension RuleDiagnostic {
    /// Lines longer than this are cut around the caret, code points.
    private static let shownColumns = 160

    package var text: String {
        var lines = [heading]
        var gutterWidth = 3
        if let position, let sourceLine {
            let number = String(position.line)
            gutterWidth = number.utf8.count + 1
            let (shown, column) = Self.cut(sourceLine, around: position.column)
            let padding = String(repeating: " ", count: column - 1)
            let underline = "^" + String(repeating: "~", count: min(length, max(1, shown.unicodeScalars.count - column + 1)) - 1)
            lines.append(" \(number) |\(shown)")
            lines.append(String(repeating: " ", count: gutterWidth) + " |" + padding + underline + (caretNote.map { " " + $0 } ?? ""))
        } else if let caretNote {
            lines.append("    " + caretNote)
        }
        let hintLead = severity == .testFailure ? "    " : String(repeating: " ", count: gutterWidth + 1) + "= "
        lines += hints.map { hintLead + $0 }
        return lines.joined(separator: "\n") + "\n"
    }

    private var heading: String {
        var place = file
        if let position { place += ":\(position.line):\(position.column)" }
        if !place.isEmpty { place += ": " }
        switch severity {
        case .error, .warning: return "\(place)\(severity.rawValue)[\(code)]: \(message)"
        case .testFailure: return "\(place)test failed: \(message)"
        }
    }

    /// The line with tabs as single spaces, cut if it is long, and the column within what is left.
    private static func cut(_ line: String, around column: Int) -> (String, Int) {
        let scalars = line.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? " " : $0 }
        let column = min(max(1, column), scalars.count + 1)
        guard scalars.count > shownColumns else { return (string(scalars[...]), column) }
        let start = max(0, min(column - 1 - shownColumns / 2, scalars.count - shownColumns))
        let end = min(scalars.count, start + shownColumns)
        let (before, after) = (start > 0 ? "…" : "", end < scalars.count ? "…" : "")
        return (before + string(scalars[start..<end]) + after, column - start + before.unicodeScalars.count)
    }

    private static func string(_ scalars: ArraySlice<Unicode.Scalar>) -> String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars)
        return String(view)
    }
}

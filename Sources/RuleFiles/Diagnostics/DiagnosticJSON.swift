/// How messages are shown to programs (`-o json`): an array of objects whose member names are stable.
extension RuleDiagnostics {
    package var json: String {
        guard !all.isEmpty else { return "[]\n" }
        return "[\n" + all.map { "  " + $0.json }.joined(separator: ",\n") + "\n]\n"
    }
}

extension RuleDiagnostic {
    /// One object on one line: severity, code, file, line, column, length, message, note, hints; absent members are left out.
    package var json: String {
        var members = ["\"severity\":\(JSONText.quoted(severity.rawValue))", "\"code\":\(JSONText.quoted(code))"]
        if !file.isEmpty { members.append("\"file\":\(JSONText.quoted(file))") }
        if let position { members.append("\"line\":\(position.line),\"column\":\(position.column),\"length\":\(length)") }
        members.append("\"message\":\(JSONText.quoted(message))")
        if let caretNote { members.append("\"note\":\(JSONText.quoted(caretNote))") }
        if !hints.isEmpty { members.append("\"hints\":[\(hints.map(JSONText.quoted).joined(separator: ","))]") }
        return "{" + members.joined(separator: ",") + "}"
    }
}

/// JSON string literals.
enum JSONText {
    static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\r": quoted += "\\r"
            case "\t": quoted += "\\t"
            default:
                if scalar.value < 0x20 {
                    let digits = String(scalar.value, radix: 16)
                    quoted += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
                } else {
                    quoted.unicodeScalars.append(scalar)
                }
            }
        }
        return quoted + "\""
    }
}

import FraudEngine

/// The report for programs (`-o json`): one object whose member names are stable.
extension RuleCheckReport {
    /// `{"rule_set": …, "rules": …, "features": …, "lists": …, "tests": …, "diagnostics": …}`; ends with a line feed. `rule_set` and the counts are null
    /// where the set does not load.
    package var json: String {
        var members: [String] = []
        if let contents {
            members.append("\"rule_set\":\"sha256:\(contents.hash.hexadecimal)\"")
            members.append("\"rules\":{\"active\":\(contents.active),\"shadow\":\(contents.shadow),\"disabled\":\(contents.disabled)}")
            members.append("\"features\":\(contents.features)")
            members.append("\"lists\":\(contents.lists)")
        } else {
            members += ["\"rule_set\":null", "\"rules\":null", "\"features\":null", "\"lists\":null"]
        }
        members.append("\"tests\":[\(outcomes.map(\.json).joined(separator: ","))]")
        members.append("\"diagnostics\":[\(diagnostics.all.map(\.json).joined(separator: ","))]")
        return "{" + members.joined(separator: ",") + "}\n"
    }
}

extension TestOutcome {
    /// Name, place and whether it passed.
    var json: String {
        let position = test.node.position
        return "{\"name\":\(JSONText.quoted(test.name)),\"file\":\(JSONText.quoted(test.node.source.path)),\"line\":\(position.line),\"passed\":\(passed)}"
    }
}

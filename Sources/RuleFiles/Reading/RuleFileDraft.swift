import FraudEngine

/// What one rule file says, read but not yet checked against the other files.
struct RuleFileDraft: Sendable {
    var lists: [ListDraft] = []
    var features: [FeatureDraft] = []
    var decision: DecisionDraft?
    var rules: [RuleDraft] = []
    var tests: [RuleTest] = []
    /// Features and lists whose declaration is refused, as rules read them: `account.avg_24h`, `lists.Bad`.
    var refusedNames: [String] = []
}

struct ListDraft: Sendable {
    enum Source: Sendable {
        /// The path is relative to the rules folder.
        case file(String, node: YAMLNode)
        /// Scalars.
        case entries([YAMLNode])
    }

    let name: String
    let nameNode: YAMLNode
    let source: Source
}

struct FeatureDraft: Sendable {
    let nameNode: YAMLNode
    let feature: Feature
}

struct DecisionDraft: Sendable {
    let node: YAMLNode
    let policy: DecisionPolicy
}

/// A rule whose expressions are still text.
struct RuleDraft: Sendable {
    let id: String
    let idNode: YAMLNode
    let node: YAMLNode
    let title: String
    let when: YAMLNode
    /// nil: the title is the reason.
    let reason: YAMLNode?
    var severity = Severity.low
    var action = Action.review
    var score = 0
    var status = RuleStatus.active
    var oncePer = OncePer.period(milliseconds: 300_000)
    var effectiveFrom = Int64.min
    var effectiveUntil = Int64.max
    var notes: RuleNotes
}

/// What a rule file says about a rule for people; it changes no decision.
package struct RuleNotes: Sendable, Equatable {
    package var ruleID: String
    /// File and line of the rule's id, as shown in messages.
    package var file: String
    package var line: Int
    /// The condition's text as written.
    package var condition: String
    package var owner: String
    package var tags: [String] = []
    package var description: String?
    package var references: [String] = []
    package var falsePositives: [String] = []
}

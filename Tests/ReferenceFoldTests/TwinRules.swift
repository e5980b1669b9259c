import FraudEngine
import RuleFiles

/// Rule sets that use what rules may use. Made anew each time: to the leak checker what a global holds through an enum's tagged pointer looks lost.
enum TwinRules {
    static func load(_ rules: String) -> RuleSet {
        let files = [("schema.yaml", schema), ("features.yaml", features), ("rules.yaml", "version: 1\n" + rules)].map {
            RuleBundle.File(path: $0, bytes: Array($1.utf8))
        }
        switch RuleFiles.load(bundle: RuleBundle(files: files), baseWindowMilliseconds: 300_000) {
        case .success(let loaded): return loaded.set
        case .failure(let diagnostics): preconditionFailure(diagnostics.text)
        }
    }

    private static let schema = """
        version: 1
        fields:
          country: {type: string, max_length: 6}
          items: {type: int}
          ratio: {type: double}
          is_online: {type: bool}
          opened_at: {type: timestamp}
        """

    private static let features = """
        version: 1
        features:
          account.count_5m: {aggregate: count, window: {tumbling: 5m}}
          account.sum_5m: {aggregate: sum, of: payment.amount, window: {tumbling: 5m}}
          account.earlier_count_5m: {aggregate: count, current: exclude, window: {tumbling: 5m}}
          account.earlier_sum_5m: {aggregate: sum, of: payment.amount, current: exclude, window: {tumbling: 5m}}
        lists:
          risky: {entries: [VN, "seven77", é]}
        """

    private static func rule(_ id: String, _ score: Int, _ condition: String, _ reason: String = "", _ more: String = "status: active") -> String {
        let reason = reason.isEmpty ? "" : "reason: '\(reason)', "
        return "  - {id: \(id), title: 'The \"\(id)\" rule', owner: a@example.com, score: \(score), \(reason)\(more), when: '\(condition)'}\n"
    }

    static var first: RuleSet {
        load(
            "decision: {bands: {medium: 20, high: 50, critical: 80}, review: medium, block: critical}\nrules:\n"
                + rule("busy", 30, "account.count_5m > 2", "{account.count_5m} payments, {account.sum_5m:.2f} {payment.currency}")
                + rule("rich", 40, "account.sum_5m > 900 || account.earlier_sum_5m > 500", "", "status: active, action: block, once_per: 15m")
                + rule("odd", 5, "account.earlier_count_5m >= 1 && !(payment.currency == \"VND\")", "", "status: active, once_per: 7m, severity: high")
                + rule(
                    "each", 10, "payment.amount > 500", "{payment.amount} {payment.amount:.0f} {payment.amount:.3f} {payment.occurred_at}",
                    "status: active, once_per: payment")
                + rule("trusted", 3, "has(payment.items) && payment.items == 3", "", "status: active, action: allow")
                + rule("quiet", 90, "has(payment.country) && payment.country in lists.risky", "", "status: shadow, action: block, once_per: 24h")
                + rule("never", 90, "true", "", "status: disabled"))
    }

    static var second: RuleSet {
        load(
            "rules:\n"
                + rule("busy", 25, "account.count_5m >= 2", "", "status: active, once_per: 15m")
                + rule("rich", 40, "account.sum_5m > 100.5", "", "status: shadow")
                + rule("each", 60, "payment.amount * 2.0 > account.sum_5m + 3.0", "", "status: active, once_per: payment")
                + rule(
                    "times", 11, "payment.occurred_at - payment.opened_at > duration(\"10h\")",
                    "{payment.occurred_at - payment.opened_at} {payment.country} {payment.ratio} {payment.ratio:.2f}",
                    "status: active, once_per: payment, effective: {until: 2026-11-24T10:00:00Z}")
                + rule(
                    "texts", 12, "size(payment.account_id) > 2 && payment.account_id.startsWith(\"acc\") && payment.payment_id.contains(\"1\")", "",
                    "status: active, once_per: 1m")
                + rule(
                    "numbers", 13, "payment.items / (payment.items - 3) < 2 || payment.ratio < 0.2",
                    "{payment.items} {payment.items:.1f} {payment.is_online}", "status: active, once_per: payment")
                + rule("choice", 2, "(payment.is_online ? payment.items : int(payment.ratio)) in [0, 3, 100]"))
    }
}

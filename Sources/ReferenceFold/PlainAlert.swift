import CEL

extension PlainJudge {
    /// The alert of a rule's hit: its body, and its headers but those that differ from run to run.
    func alert(_ rule: PlainRule, _ period: Range<Int64>, _ judged: Case, isCertain: Bool) -> PlainOutput {
        let payment = judged.payment
        let id = alertID(rule, period, payment)
        var headers = [
            PlainHeader("ce_specversion", "1.0"), PlainHeader("ce_id", id), PlainHeader("ce_source", "/tripline/\(configuration.group)/\(configuration.topic)"),
            PlainHeader("ce_type", "io.tripline.alert.v1"), PlainHeader("ce_time", PlainTime.text(payment.occurredAt)),
            PlainHeader("ce_subject", payment.account), PlainHeader("content-type", "application/json"),
        ]
        // The last of its name counts (KIP-82); one that is too long is none (W3C Trace Context).
        if let trace = judged.moment.record.headers.last(where: { $0.name == Bytes("traceparent".utf8) })?.value, trace.count <= 256 {
            headers.append(PlainHeader("traceparent", trace))
        }
        return PlainOutput(
            kind: rule.status == .shadow ? .shadowAlert : .alert, alertID: id, key: payment.account, value: Bytes(body(rule, id, judged).utf8),
            headers: headers, isCertain: isCertain)
    }

    private func alertID(_ rule: PlainRule, _ period: Range<Int64>, _ payment: PlainPayment) -> String {
        let who = [Bytes(configuration.group.utf8), Bytes(rule.id.utf8), payment.account]
        switch rule.oncePer {
        case .period(let length): return PlainIdentity.alertID(who + [Bytes(String(length).utf8), Bytes(String(period.lowerBound).utf8)])
        case .payment: return PlainIdentity.alertID(who + [Bytes("payment".utf8), Bytes(String(period.lowerBound).utf8), payment.paymentID])
        }
    }

    private func body(_ rule: PlainRule, _ id: String, _ judged: Case) -> String {
        let payment = judged.payment
        let moment = judged.moment
        let currency = PlainText.quoted(payment.currency)
        let occurredAt = PlainTime.text(payment.occurredAt)
        let window = [
            "\"start\":\"\(PlainTime.text(moment.window))\"", "\"end\":\"\(PlainTime.text(moment.window + configuration.window))\"",
            "\"count\":\(judged.count)", "\"sum\":\(judged.sum.map { "\($0)" } ?? "null")", "\"currency\":\(currency)",
        ]
        let paid = [
            "\"payment_id\":\(PlainText.quoted(payment.paymentID))", "\"amount\":\(payment.amount)", "\"currency\":\(currency)",
            "\"occurred_at\":\"\(occurredAt)\"",
        ]
        let origin = [
            "\"topic\":\(PlainText.quoted(configuration.topic))", "\"partition\":\(partition)", "\"offset\":\(moment.record.offset)",
        ]
        let members = [
            "\"schema\":\"alert/1\"", "\"alert_id\":\"\(id)\"", "\"rule_id\":\(PlainText.quoted(rule.id))", "\"rule_title\":\(PlainText.quoted(rule.title))",
            "\"severity\":\(PlainText.quoted(rule.severity))", "\"action\":\"\(rule.action.rawValue)\"", "\"score\":\(rule.score)",
            "\"account_id\":\(PlainText.quoted(payment.account))", "\"reason\":\"\(reason(rule, judged.evaluation))\"",
            "\"evidence\":[\(evidence(rule.condition, judged.evaluation).joined(separator: ","))]", "\"window\":{\(window.joined(separator: ","))}",
            "\"payment\":{\(paid.joined(separator: ","))}", "\"payment_score\":\(judged.score)", "\"decision\":\"\(judged.decision.rawValue)\"",
            "\"rule_set\":\"sha256:\(rules.hash)\"", "\"origin\":{\(origin.joined(separator: ","))}", "\"occurred_at\":\"\(occurredAt)\"",
            "\"received_at\":\"\(PlainTime.text(moment.timestamp))\"",
        ]
        return "{\(members.joined(separator: ","))}"
    }

    private func reason(_ rule: PlainRule, _ evaluation: PlainEvaluation) -> String {
        rule.reason.map { part in
            switch part {
            case .text(let text): PlainText.escaped(Bytes(text.utf8))
            case .value(let expression, let decimals): PlainText.reason(evaluation.value(expression.root), decimals: decimals)
            }
        }.joined()
    }

    // MARK: Evidence

    /// The true comparisons on the deciding path, in source order.
    private func evidence(_ condition: CEL.CheckedExpression, _ evaluation: PlainEvaluation) -> [String] {
        let source = Bytes(condition.source.utf8)
        func written(_ tree: CEL.Plan) -> String { PlainText.quoted(Bytes(source[tree.range.clamped(to: 0..<source.count)])) }
        func rows(_ tree: CEL.Plan) -> [String] {
            let observed = "\"observed\":"
            switch tree.form {
            case .and(let a, let b): return rows(a) + rows(b)
            case .or(let a, let b): return [a, b].filter { evaluation.isTrue($0) }.flatMap(rows)
            case .comparison(let comparison, let a, let b):
                return [
                    "{\"name\":\(written(a)),\(observed)\(PlainText.json(evaluation.value(a))),\"operator\":\"\(comparison.rawValue)\","
                        + "\"threshold\":\(PlainText.json(evaluation.value(b)))}"
                ]
            case .constant, .variable, .has, .not, .arithmetic, .negate, .conditional, .inNamedList, .inConstants, .intToDouble, .doubleToInt, .size,
                .startsWith, .endsWith, .contains:
                return ["{\"name\":\(written(tree)),\(observed)\(PlainText.json(evaluation.value(tree)))}"]
            }
        }
        return rows(condition.root)
    }
}

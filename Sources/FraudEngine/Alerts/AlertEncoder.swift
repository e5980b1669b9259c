/// A rule's hit that becomes an alert.
struct AlertOccasion {
    /// Index in the rule set.
    var rule: Int
    /// In the columns.
    var row: Int
    /// Of the payment.
    var verdict: Verdict
    var periodStart: Int64
}

extension PartitionMachine {
    /// Appends an alert to the outbox: a body that is a pure function of the input and the rule-set history, and its CloudEvents headers.
    func emit(
        _ alert: AlertOccasion, _ record: RawRecord, lane: Int, kit: inout FoldKit, outbox: inout Outbox, context: borrowing OutputContext,
        headers: HeaderSource
    ) {
        let isShadow = kit.rules[alert.rule].status == .shadow
        let payment = kit.batch.payments[lane]
        let key = outbox.append { $0.append(payment.account) }
        let id =
            kit.rules[alert.rule].isPerPayment
            ? AlertID.Occasion.payment(windowStart: alert.periodStart, paymentID: payment.paymentID)
            : AlertID.Occasion.period(length: kit.rules[alert.rule].periodLength, start: alert.periodStart)
        var idText = ByteWriter(capacity: 64)
        AlertID.append(group: context.group, rule: kit.ruleIDs[alert.rule], account: payment.account, occasion: id, to: &idText)
        let idBytes = idText.array()
        let value = outbox.bytes.count
        appendBody(alert, id: idBytes, payment, record, kit: &kit, context: context, to: &outbox.bytes)
        let valueRange = value..<outbox.bytes.count
        let start = outbox.bytes.count
        var time = ByteWriter(capacity: 64)
        time.append(timestamp: payment.occurredAt)
        HeaderBlock.append("ce_specversion", utf8: "1.0", to: &outbox.bytes)
        HeaderBlock.append("ce_id", idBytes, to: &outbox.bytes)
        HeaderBlock.append("ce_source", context.source, to: &outbox.bytes)
        HeaderBlock.append("ce_type", utf8: "io.tripline.alert.v1", to: &outbox.bytes)
        HeaderBlock.append("ce_time", time.array(), to: &outbox.bytes)
        HeaderBlock.append("ce_subject", payment.account, to: &outbox.bytes)
        HeaderBlock.append("content-type", utf8: "application/json", to: &outbox.bytes)
        headers(lane, true, &outbox.bytes)
        outbox.entries.append(
            Outbox.Entry(
                kind: isShadow ? .shadowAlert : .alert, partition: partition, key: key, value: valueRange, headers: start..<outbox.bytes.count,
                receivedAt: record.timestamp))
    }

    private func appendBody(
        _ alert: AlertOccasion, id: [UInt8], _ payment: Payment, _ record: RawRecord, kit: inout FoldKit, context: borrowing OutputContext,
        to json: inout ByteWriter
    ) {
        let rule = kit.ruleSet.rules[alert.rule]
        json.append("{\"schema\":\"alert/1\",\"alert_id\":\"")
        json.append(id)
        json.append("\",\"rule_id\":")
        json.append(jsonString: rule.id)
        json.append(",\"rule_title\":")
        json.append(jsonString: rule.title)
        json.append(",\"severity\":\"")
        json.append(utf8: rule.severity.rawValue)
        json.append("\",\"action\":\"")
        json.append(rule.action.name)
        json.append("\",\"score\":")
        json.append(decimal: Int64(rule.score))
        json.append(",\"account_id\":")
        json.append(jsonString: payment.account)
        json.append(",\"reason\":")
        kit.evaluator.appendReason(rule: alert.rule, row: alert.row, columns: kit.columns, batch: kit.batch, to: &json)
        json.append(",\"evidence\":")
        kit.evaluator.appendEvidence(rule: alert.rule, row: alert.row, columns: kit.columns, batch: kit.batch, to: &json)
        appendWindow(payment, row: alert.row, kit: kit, to: &json)
        appendPayment(payment, to: &json)
        json.append(",\"payment_score\":")
        json.append(decimal: Int64(alert.verdict.score))
        json.append(",\"decision\":\"")
        json.append(alert.verdict.decision(kit.ruleSet.policy).name)
        json.append("\",\"rule_set\":\"sha256:")
        json.append(utf8: kit.ruleSet.hash.hexadecimal)
        json.append("\",\"origin\":{\"topic\":")
        context.inputTopic.withUnsafeBytes { json.append(jsonString: ByteSlice($0)) }
        json.append(",\"partition\":")
        json.append(decimal: Int64(partition))
        json.append(",\"offset\":")
        json.append(decimal: record.offset)
        json.append("},\"occurred_at\":\"")
        json.append(timestamp: payment.occurredAt)
        json.append("\",\"received_at\":\"")
        json.append(timestamp: record.timestamp)
        json.append("\"}")
    }

    private func appendWindow(_ payment: Payment, row: Int, kit: borrowing FoldKit, to json: inout ByteWriter) {
        let window = state.windows.number(of: payment.occurredAt)
        json.append(",\"window\":{\"start\":\"")
        json.append(timestamp: state.windows.start(of: window))
        json.append("\",\"end\":\"")
        json.append(timestamp: state.windows.end(of: window))
        json.append("\",\"count\":")
        json.append(decimal: kit.columns.windowCount[row])
        json.append(",\"sum\":")
        if kit.columns.windowSumOverflow >> UInt64(row) & 1 != 0 {
            json.append("null")
        } else {
            json.append(decimal: kit.columns.windowSum[row])
        }
        json.append(",\"currency\":\"")
        json.append(utf8: payment.currency.text)
        json.append("\"}")
    }

    private func appendPayment(_ payment: Payment, to json: inout ByteWriter) {
        json.append(",\"payment\":{\"payment_id\":")
        json.append(jsonString: payment.paymentID)
        json.append(",\"amount\":")
        json.append(decimal: payment.amount)
        json.append(",\"currency\":\"")
        json.append(utf8: payment.currency.text)
        json.append("\",\"occurred_at\":\"")
        json.append(timestamp: payment.occurredAt)
        json.append("\"}")
    }
}

extension Outbox {
    /// Appends bytes and says where they stand.
    mutating func append(_ body: (inout ByteWriter) -> Void) -> Range<Int> {
        let start = bytes.count
        body(&bytes)
        return start..<bytes.count
    }
}

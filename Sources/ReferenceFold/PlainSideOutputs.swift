/// Late payments and dead letters: the original bytes and headers, and why they stand there.
extension ReferenceFold {
    /// Section 2.4.
    func latePayment(_ record: PlainRecord, window: Int64, _ streamTime: Int64, isCertain: Bool) -> PlainOutput {
        let end = window + configuration.window
        let closedAt = end + configuration.grace
        let headers = [
            PlainHeader("tripline.late.window_start", PlainTime.text(window)), PlainHeader("tripline.late.window_end", PlainTime.text(end)),
            PlainHeader("tripline.late.closed_at", PlainTime.text(closedAt)), PlainHeader("tripline.late.lateness_ms", "\(streamTime - closedAt)"),
        ]
        return output(.late, record, headers, limit: configuration.lateMaxBytes, isCertain: isCertain)
    }

    /// Section 1.4.
    func deadLetter(_ record: PlainRecord, _ problem: PlainProblem) -> PlainOutput {
        let headers = [
            PlainHeader("__streams.errors.exception", "io.tripline.InvalidPayment"), PlainHeader("__streams.errors.message", problem.text),
            PlainHeader("__streams.errors.topic", configuration.topic), PlainHeader("__streams.errors.partition", "\(partition)"),
            PlainHeader("__streams.errors.offset", "\(record.offset)"), PlainHeader("tripline.error.reason", problem.reason.name),
        ]
        return output(.deadLetter, record, headers, limit: configuration.deadLetterMaxBytes, isCertain: true)
    }

    /// What would be too large for its topic goes without the value, then the headers, then the key, and says so; a late payment's value stays.
    private func output(_ kind: PlainOutput.Kind, _ record: PlainRecord, _ headers: [PlainHeader], limit: Int, isCertain: Bool) -> PlainOutput {
        let own = headers + (record.timestamp.map { [PlainHeader("tripline.timestamp", "\($0)")] } ?? [])
        var output = PlainOutput(kind: kind, alertID: nil, key: record.key, value: record.value, headers: record.headers + own, isCertain: isCertain)
        func size(_ headers: [PlainHeader]) -> Int { headers.reduce(0) { $0 + $1.size } }
        func isTooLarge() -> Bool { (output.key?.count ?? 0) + (output.value?.count ?? 0) + size(output.headers) > limit }
        guard isTooLarge() else { return output }
        if kind == .deadLetter { output.value = nil }
        if isTooLarge() { output.headers = own }
        if kind == .deadLetter, isTooLarge() { output.key = nil }
        output.headers.append(PlainHeader(kind == .late ? "tripline.late.truncated" : "tripline.error.truncated", "true"))
        return output
    }
}

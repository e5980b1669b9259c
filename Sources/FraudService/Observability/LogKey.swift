/// The names that log lines may carry beside their message; all there are, so that a search for one finds every use.
package enum LogKey: String, Sendable, CaseIterable {
    /// An account, masked: `Log.masked`.
    case account
    case address
    case bytes
    /// A librdkafka client.
    case client
    case count
    /// What to do about it.
    case cure
    case error
    /// librdkafka's short code of a line.
    case facility
    case file
    case from
    case instance
    case milliseconds
    case offset
    case partition
    case path
    case reason
    /// A rule's id.
    case rule
    /// A rule set's SHA-256.
    case ruleSet = "rule_set"
    case seconds
    case setting
    case signal
    case source
    case state
    case topic
    case until
    case version
    case worker

    /// Values that are numbers stand bare in JSON.
    var isNumber: Bool {
        switch self {
        case .bytes, .count, .from, .until, .milliseconds, .offset, .partition, .seconds, .worker: true
        case .account, .address, .client, .cure, .error, .facility, .file, .instance, .path, .reason, .rule, .ruleSet, .setting, .signal, .source,
            .state, .topic, .version:
            false
        }
    }
}

/// A metric as it is exposed and documented.
package struct MetricDescription: Sendable, Equatable {
    package enum Kind: String, Sendable {
        case counter, gauge, histogram
    }

    /// With its prefix.
    package let name: String
    package let kind: Kind
    package let help: String
    package let labels: [String]

    init(_ name: String, _ kind: Kind, _ help: String, labels: [String] = []) {
        self.name = name
        self.kind = kind
        self.help = help
        self.labels = labels
    }
}

/// Every metric there is; names are stable. The exposition and its documentation follow this table.
extension MetricDescription {
    static let records = MetricDescription("tripline_records_total", .counter, "Records read by this process, by what became of them.", labels: ["outcome"])
    static let invalidRecords = MetricDescription("tripline_invalid_records_total", .counter, "Invalid records, by reason.", labels: ["reason"])
    static let alerts = MetricDescription("tripline_alerts_total", .counter, "Alerts made, by rule and its mode (active, shadow).", labels: ["rule", "mode"])
    static let suppressed = MetricDescription(
        "tripline_alerts_suppressed_total", .counter, "Matches without an alert because the account was alerted on in this period already.", labels: ["rule"])
    static let matches = MetricDescription("tripline_rule_matches_total", .counter, "Payments a rule's condition held for.", labels: ["rule", "mode"])
    static let ruleErrors = MetricDescription(
        "tripline_rule_errors_total", .counter, "Payments a rule's condition could not be computed for.", labels: ["rule"])
    static let eventLatency = MetricDescription(
        "tripline_event_latency_seconds", .histogram, "From a payment's Kafka timestamp to its output's commit acknowledged.")
    static let scoreLatency = MetricDescription("tripline_score_latency_seconds", .histogram, "From a commit acknowledged to its scores written to Redis.")
    static let transactionDuration = MetricDescription("tripline_transaction_duration_seconds", .histogram, "From begin to a known end of a transaction.")
    static let transactions = MetricDescription(
        "tripline_transactions_total", .counter, "Transactions, by result (committed, aborted, foreign).", labels: ["result"])
    static let producerRecycles = MetricDescription(
        "tripline_kafka_producer_recycles_total", .counter, "Producers replaced because a transaction's end was in doubt.")
    static let rebalances = MetricDescription("tripline_kafka_rebalances_total", .counter, "Assignments and revocations of partitions.")
    static let partitionRecords = MetricDescription(
        "tripline_partition_records", .gauge, "Records since the partition's birth, of its folded state, by outcome.", labels: ["partition", "outcome"])
    static let lag = MetricDescription(
        "tripline_partition_lag_records", .gauge, "Records between the position and the end of the partition.", labels: ["partition"])
    static let streamTime = MetricDescription(
        "tripline_partition_stream_time_seconds", .gauge, "The largest event time folded, Unix seconds.", labels: ["partition"])
    static let replayDebt = MetricDescription(
        "tripline_partition_replay_debt_records", .gauge, "Records to replay if the process died now.", labels: ["partition"])
    static let partitionState = MetricDescription(
        "tripline_partition_state", .gauge, "1 for the state that the partition is in (loading, born, replaying, live, refused), 0 for the others.",
        labels: ["partition", "state"])
    static let unstable = MetricDescription(
        "tripline_partition_unstable_records", .gauge, "Records behind a transaction of the input that is still open.", labels: ["partition"])
    static let stateAccounts = MetricDescription("tripline_state_accounts", .gauge, "Accounts in the state of this process's partitions.")
    static let stateBytes = MetricDescription("tripline_state_bytes", .gauge, "Memory held by the state of this process's partitions.")
    static let checkpoints = MetricDescription("tripline_checkpoints_total", .counter, "Checkpoints, by result (success, failure).", labels: ["result"])
    static let checkpointDuration = MetricDescription("tripline_checkpoint_duration_seconds", .histogram, "From encoding a checkpoint to it being durable.")
    static let recoveries = MetricDescription(
        "tripline_recoveries_total", .counter, "Partitions that went live, by what they started from (birth, checkpoint, log).", labels: ["source"])
    static let recoveryDuration = MetricDescription(
        "tripline_recovery_duration_seconds", .histogram, "From a partition's assignment, or an aborted transaction, to it being live.")
    static let digestMismatches = MetricDescription(
        "tripline_digest_mismatches_total", .counter, "Replays that did not give the committed state; such a partition is refused.")
    static let redisWrites = MetricDescription(
        "tripline_redis_writes_total", .counter, "Scores offered to Redis, by result (applied, stale, failed).", labels: ["result"])
    static let redisPending = MetricDescription("tripline_redis_pending", .gauge, "Accounts whose score waits to be written.")
    static let rules = MetricDescription("tripline_rules_info", .gauge, "1; the label is the SHA-256 of the rule set this process read last.", labels: ["sha"])
    static let rulesSequence = MetricDescription(
        "tripline_rules_active_seq", .gauge, "Sequence number of the rule set in force: the lowest over this process's partitions.")
    static let reloads = MetricDescription("tripline_rules_reloads_total", .counter, "Readings of the rules, by result (success, failure).", labels: ["result"])
    static let lastReload = MetricDescription(
        "tripline_rules_last_reload_success_timestamp_seconds", .gauge, "When the rules were last read without an error, Unix seconds.")
    static let requests = MetricDescription("tripline_http_requests_total", .counter, "HTTP requests, by route and status code.", labels: ["route", "code"])
    static let requestDuration = MetricDescription("tripline_http_request_duration_seconds", .histogram, "Time to answer a request.", labels: ["route"])
    static let build = MetricDescription("tripline_build_info", .gauge, "1; the label is the version of the program.", labels: ["version"])
    static let cpu = MetricDescription("process_cpu_seconds_total", .counter, "User and system time of the process.")
    static let resident = MetricDescription("process_resident_memory_bytes", .gauge, "Resident memory.")
    static let virtual = MetricDescription("process_virtual_memory_bytes", .gauge, "Virtual memory.")
    static let openFiles = MetricDescription("process_open_fds", .gauge, "Open file descriptors.")
    static let maxFiles = MetricDescription("process_max_fds", .gauge, "The limit of open file descriptors.")
    static let threads = MetricDescription("process_threads", .gauge, "Threads of the process.")
    static let startTime = MetricDescription("process_start_time_seconds", .gauge, "When the process started, Unix seconds.")

    /// In the order of the exposition.
    package static let all: [MetricDescription] = [
        records, invalidRecords, alerts, suppressed, matches, ruleErrors, eventLatency, scoreLatency, transactionDuration, transactions, producerRecycles,
        rebalances, partitionRecords, lag, streamTime, replayDebt, partitionState, unstable, stateAccounts, stateBytes, checkpoints, checkpointDuration,
        recoveries, recoveryDuration, digestMismatches, redisWrites, redisPending, rules, rulesSequence, reloads, lastReload, requests, requestDuration, build,
        cpu,
        resident, virtual, openFiles, maxFiles, threads, startTime,
    ]
}

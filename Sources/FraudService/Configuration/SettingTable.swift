import FraudEngine
import Postgres

/// Every setting there is: what is read, checked, suggested and documented follows this table.
enum SettingTable {
    static let group = Setting<String>.name(
        "group", limit: 100, default: "tripline", example: "tripline",
        help: "The name of this service's state: consumer group, transactional ids, Redis keys and checkpoints carry it.")
    static let instance = Setting<String>.name(
        "instance", limit: 100, absence: "the host's name", example: "tripline-0",
        help: "This process among those of the group; it must be its own, and the same after a restart.")
    static let workers = Setting<Int>.integer(
        "workers", 1...256, absence: "one per CPU core", example: "4", help: "Stream workers, each a thread; more than partitions are idle.")

    static let bootstrapServers = Setting<String>(
        "kafka.bootstrap_servers", takes: "addresses host:port, separated by commas", default: "127.0.0.1:9092", example: "kafka-1:9092,kafka-2:9092",
        help: "Brokers to ask first."
    ) { text throws(SettingRefusal) in
        let addresses = try text.split(separator: ",", omittingEmptySubsequences: false).map { (part) throws(SettingRefusal) in
            let address = try HostPort(String(part.drop { $0 == " " }))
            guard address.port > 0 else { throw SettingRefusal(what: "has port 0") }
            return "\(address)"
        }
        return addresses.joined(separator: ",")
    }

    static let topic = Setting<String>.name(
        "input.topic", limit: 249, default: "payments", example: "payments", help: "The topic of the payments, keyed by account.")
    static let format = Setting<Settings.InputFormat>.choice(
        "input.format", default: "json", later: ["debezium", "cloudevents", "confluent"], help: "How a record's value is written.")
    static let key = Setting<InputMapping.KeyStyle>.choice(
        "input.key", default: "string", help: "How a record's key holds the account: its bytes, or a JSON string as Kafka Connect writes it.")
    static let start = Setting<Settings.InputStart>(
        "input.start", takes: "earliest, latest or an RFC 3339 time", default: "earliest", example: "2026-11-23T00:00:00Z",
        help: "Where a group without committed offsets begins."
    ) { text throws(SettingRefusal) in
        if text == "earliest" { return .earliest }
        if text == "latest" { return .latest }
        guard let time = Array(text.utf8).withUnsafeBytes({ Timestamp.parse(ByteSlice($0)) }) else { throw SettingRefusal(what: "is none of them") }
        return .time(time)
    }
    static let maxBytes = Setting<Int>.size(
        "input.max_bytes", 1 << 10...16 << 20, default: "262144", example: "1MiB",
        help: "Records whose key and value together are longer are invalid (`oversize`).")
    static let paymentID = Setting<String>.field("input.fields.payment_id", default: "payment_id")
    static let accountID = Setting<String>.field("input.fields.account_id", default: "account_id")
    static let amountField = Setting<String>.field("input.fields.amount", default: "amount")
    static let currency = Setting<String>.field("input.fields.currency", default: "currency")
    static let occurredAt = Setting<String>.field("input.fields.occurred_at", default: "occurred_at")
    static let amount = Setting<InputMapping.AmountStyle>.choice(
        "input.amount", default: "minor", help: "Amounts are whole minor units (`12500`), or major units with decimals (`\"125.00\"`).")
    static let time = Setting<InputMapping.TimeStyle>.choice("input.time", default: "rfc3339", help: "How the payment's time is written.")

    static let window = Setting<Int64>.duration("time.window", 1_000...86_400_000, default: "5m", help: "The base window's length. A change needs a new group.")
    static let grace = Setting<Int64>.duration(
        "time.grace", 0...86_400_000, default: "60s", help: "How long a window stays open after its end, in stream time.")
    static let maxAhead = Setting<Int64>.duration(
        "time.max_ahead", 0...86_400_000, default: "5s", help: "A payment further ahead of its Kafka timestamp is invalid (`from_future`).")

    static let rulesSource = Setting<Settings.RulesSource>.choice("rules.source", default: "directory", later: ["postgres"], help: "Where rules come from.")
    static let rulesDirectory = Setting<String>.path("rules.directory", default: "rules", help: "The folder with the rule files.")
    static let rulesPoll = Setting<Int64>.duration("rules.poll", 100...3_600_000, default: "1s", help: "How often the rules are looked at for changes.")

    static let alerts = Setting<String>.name("output.alerts", limit: 249, default: "fraud-alerts", example: "fraud-alerts", help: "The topic of alerts.")
    static let shadow = Setting<String>.name(
        "output.shadow", limit: 249, default: "fraud-alerts-shadow", example: "fraud-alerts-shadow", help: "The topic of alerts from shadow rules.")
    static let late = Setting<String>.name("output.late", limit: 249, default: "payments-late", example: "payments-late", help: "The topic of late payments.")
    static let deadLetters = Setting<String>.name(
        "output.dead_letters", limit: 249, default: "payments-dlq", example: "payments-dlq", help: "The topic of invalid records.")

    static let outputDelay = Setting<Int64>.duration(
        "commit.output_delay", 0...10_000, default: "12ms",
        help: "The least time from the end of a transaction with outputs to the next: outputs in between share it, others do not wait.")
    static let commitInterval = Setting<Int64>.duration(
        "commit.interval", 10...60_000, default: "1s", help: "How often offsets are committed where there is no output.")
    static let commitMaxRecords = Setting<Int>.integer(
        "commit.max_records", 1...1_000_000, default: "50000", example: "50000", help: "Pending outputs that make a transaction due at once.")

    static let store = Setting<Settings.CheckpointPlace>(
        "checkpoint.store", takes: "directory:PATH or postgres", default: "directory:/var/lib/tripline", example: "directory:/mnt/shared/tripline",
        help: "Where checkpoints are kept: a folder, which several instances share, or the database of `postgres.url`."
    ) { text throws(SettingRefusal) in
        if text == "postgres" { return .postgres }
        let path = text.dropFirst("directory:".count)
        guard text.hasPrefix("directory:"), !path.isEmpty, !path.utf8.contains(0) else { throw SettingRefusal(what: "is not a store") }
        return .directory(String(path))
    }
    static let maxAge = Setting<Int64>.duration(
        "checkpoint.max_age", 1_000...3_600_000, default: "60s", help: "A partition's checkpoint is never older, while there are records.")
    static let maxDebt = Setting<Int>.integer(
        "checkpoint.max_debt", 1_000...1_000_000_000, default: "1000000", example: "1000000", help: "Records to replay that make a checkpoint due at once.")

    static let redis = Setting<RedisURL>(
        "redis.url", takes: "redis://[user:password@]host[:port][/database] or redis+unix:///path[?db=N]", absence: "no scores are written or served",
        example: "redis://127.0.0.1:6379", isSecret: true, help: "Where scores are kept for reading."
    ) { text throws(SettingRefusal) in try RedisURL(text) }

    static let httpListen = Setting<HostPort>.address("http.listen", default: "127.0.0.1:8080", help: "Where the API listens.")
    static let postgres = Setting<PostgresAddress>(
        "postgres.url", takes: "postgresql://[user[:password]@]host[:port]/database", absence: "no database is used",
        example: "postgresql://tripline_service@127.0.0.1/tripline", isSecret: true, help: "The database for checkpoints, rule sets and the audit."
    ) { text throws(SettingRefusal) in
        do throws(PostgresAddress.Malformed) { return try PostgresAddress(url: text) } catch { throw SettingRefusal(what: error.what) }
    }

    static let adminListen = Setting<HostPort>.address("admin.listen", default: "127.0.0.1:9464", help: "Where health, metrics and status listen.")
    static let logLevel = Setting<LogLevel>.choice("log.level", default: "info", help: "The least important lines that are logged.")
    static let logFormat = Setting<LogFormat>.choice("log.format", absence: "json; text on a terminal", help: "How log lines look.")
    static let shutdownGrace = Setting<Int64>.duration(
        "shutdown.grace", 1_000...600_000, default: "25s", help: "How long a stopping service may take to write its last checkpoints.")

    /// Mappings of librdkafka's properties.
    static let properties: [SettingKey] = [
        ("kafka.properties", "Properties of all Kafka clients."), ("kafka.consumer_properties", "Properties of consumers, laid over the above."),
        ("kafka.producer_properties", "Properties of producers, laid over the above."),
    ].map { path, help in
        SettingKey(
            path: path, takes: "a mapping of librdkafka properties", defaultText: nil, absence: "none", help: help,
            example: path == "kafka.properties"
                ? "{security.protocol: ssl}" : path == "kafka.consumer_properties" ? "{fetch.min.bytes: 1}" : "{compression.type: zstd}",
            isSecret: false)
    }

    /// In the order of the documentation.
    static let all: [SettingKey] =
        [group.key, instance.key, workers.key, bootstrapServers.key] + properties + [
            topic.key, format.key, key.key, start.key, maxBytes.key, paymentID.key, accountID.key, amountField.key, currency.key, occurredAt.key, amount.key,
            time.key, window.key, grace.key, maxAhead.key, rulesSource.key, rulesDirectory.key, rulesPoll.key, alerts.key, shadow.key, late.key,
            deadLetters.key, outputDelay.key, commitInterval.key, commitMaxRecords.key, store.key, maxAge.key, maxDebt.key, redis.key, postgres.key,
            httpListen.key,
            adminListen.key, logLevel.key, logFormat.key, shutdownGrace.key,
        ]

    /// Names that a future version takes; said so rather than called unknown.
    static let later = ["rules.approvals", "http.tls.cert", "http.tls.key", "http.tls.key_file", "http.tokens_file"]

    static let paths = all.map(\.path)
    /// `x_file` of secrets: the path of the file that holds the value.
    static let filePaths = all.filter(\.isSecret).map { $0.path + "_file" }

    static func key(_ path: String) -> SettingKey? { all.first { $0.path == path } }

    static func isProperties(_ path: String) -> Bool { properties.contains { $0.path == path } }

    /// Whether keys stand below the name.
    static func isGroup(_ path: String) -> Bool { (paths + later).contains { $0.hasPrefix(path + ".") } }

    /// The names that may stand in a mapping at the path, `""` for the outermost.
    static func names(in path: String) -> [String] {
        var names: [String] = []
        for known in paths + filePaths where path.isEmpty || known.hasPrefix(path + ".") {
            let name = String(known.dropFirst(path.isEmpty ? 0 : path.count + 1).prefix { $0 != "." })
            if !names.contains(name) { names.append(name) }
        }
        return names
    }
}

extension SettingKey {
    /// Every key of `tripline.yaml`, in the order of the documentation.
    package static var all: [SettingKey] { SettingTable.all }
}

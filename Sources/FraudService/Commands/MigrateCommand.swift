import Migrations
import Postgres

/// `tripline migrate up` and `tripline migrate status`.
enum MigrateCommand {
    enum Action: Sendable, Equatable {
        case status
        /// Shows what would be applied where `isDry`.
        case up(isDry: Bool)
    }

    static func run(_ action: Action, _ settings: Settings, _ output: Invocation.OutputFormat, known: [Migration] = .tripline) -> ExitCode {
        guard let address = settings.postgres else {
            Terminal.note("tripline: postgres.url is not set; for example: --set postgres.url=postgresql://tripline_migrate@127.0.0.1/tripline\n")
            return .usage
        }
        do throws(PostgresError) {
            let connection = try Database.connect(address, statementMilliseconds: SchemaMigrations.statementMilliseconds)
            switch action {
            case .status: return status(SchemaStanding(known: known, applied: try SchemaMigrations.applied(connection)), address, output)
            case .up(true): return preview(SchemaStanding(known: known, applied: try SchemaMigrations.applied(connection)), address, output)
            case .up(false): return report(try SchemaMigrations.apply(known, connection, address), address, output)
            }
        } catch {
            return ServeCommand.fail(StartFailure(error))
        }
    }

    /// 0 where every migration is applied, 1 where some are pending.
    private static func status(_ standing: SchemaStanding, _ address: PostgresAddress, _ output: Invocation.OutputFormat) -> ExitCode {
        switch output {
        case .json:
            let rows = standing.rows.map { row in
                let appliedAt = row.appliedAt.map { ",\"applied_at\":\(jsonQuoted($0))" } ?? ""
                return "{\"version\":\(row.version),\"name\":\(jsonQuoted(row.name)),\"state\":\"\(row.state.rawValue)\"\(appliedAt)}"
            }
            Terminal.data("{\"version\":\(standing.version),\"migrations\":[\(rows.joined(separator: ","))]}\n")
        case .text:
            let width = standing.rows.map(\.name.utf8.count).max() ?? 0
            for row in standing.rows {
                let name = row.name + String(repeating: " ", count: width - row.name.utf8.count)
                Terminal.data("\(row.version)  \(name)  \(row.state.rawValue)\(row.appliedAt.map { "  \($0)" } ?? "")\n")
            }
        }
        if let problem = standing.problem(address) { return ServeCommand.fail(StartFailure(.refused, problem)) }
        guard !standing.pending.isEmpty else { return .ok }
        Terminal.note("\(standing.pending.count) pending; run: tripline migrate up\n")
        return .findings
    }

    private static func preview(_ standing: SchemaStanding, _ address: PostgresAddress, _ output: Invocation.OutputFormat) -> ExitCode {
        if let problem = standing.problem(address) { return ServeCommand.fail(StartFailure(.refused, problem)) }
        show(standing.pending, "would apply", "pending", standing.version, output)
        return .ok
    }

    private static func report(_ outcome: SchemaMigrations.Outcome, _ address: PostgresAddress, _ output: Invocation.OutputFormat) -> ExitCode {
        if let problem = outcome.standing.problem(address) { return ServeCommand.fail(StartFailure(.refused, problem)) }
        let version = outcome.applied.last?.version ?? outcome.standing.version
        if outcome.failure == nil || !outcome.applied.isEmpty { show(outcome.applied, "applied", "applied", version, output) }
        guard let failure = outcome.failure else { return .ok }
        var start = StartFailure(failure.error)
        if let place = failure.place { start.message = "\(place): \(start.message); nothing of this file took effect" }
        return ServeCommand.fail(start)
    }

    private static func show(_ migrations: [Migration], _ verb: String, _ member: String, _ version: Int, _ output: Invocation.OutputFormat) {
        switch output {
        case .json:
            Terminal.data("{\"\(member)\":[\(migrations.map { "\($0.version)" }.joined(separator: ","))],\"version\":\(version)}\n")
        case .text:
            for migration in migrations { Terminal.data("\(verb) \(migration.version) \(migration.name)\n") }
            if migrations.isEmpty { Terminal.data("the schema is up to date (version \(version))\n") }
        }
    }
}

import Postgres

/// PostgreSQL's schema, and whether checkpoints can be written where they are kept there.
enum DoctorPostgres {
    static func look(_ settings: Settings, _ report: inout DoctorReport) {
        guard let address = settings.postgres else { return }
        do throws(StartFailure) {
            try Database.check(address)
            report.add(.ok("postgres", "the schema at \(address) is one that this version works with"))
        } catch {
            let cure = "see docs/postgresql.md"
            guard error.code == .unreachable, settings.checkpoint.store != .postgres else {
                return report.add(.fail("postgres", error.code, error.message, cure))
            }
            return report.add(.warn("postgres", "\(error.message); the service starts without it", cure))
        }
        guard settings.checkpoint.store == .postgres else { return }
        let store = CheckpointStore(settings)
        do throws(StoreProblem) {
            try store.open().prepare()
            report.add(.ok("checkpoint store", "checkpoints can be written to \(store.place)"))
        } catch {
            let failure = StartFailure(error, store)
            report.add(.fail("checkpoint store", failure.code, failure.message, "see docs/postgresql.md"))
        }
    }
}

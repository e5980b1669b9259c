import FraudEngine
import Glibc

/// A command that changes what is committed, from its plan to its end: shown, asked about, audited, done.
struct OperationRun {
    let context: OperationContext
    let change: Operation.Change
    let output: Invocation.OutputFormat

    /// - Parameter plan: looks at everything, and changes nothing.
    static func run(
        _ change: Operation.Change, _ settings: Settings, _ output: Invocation.OutputFormat,
        plan: (OperationContext) throws(StartFailure) -> OperationPlan
    ) throws(StartFailure) {
        guard change.isDry || change.isConfirmed || isatty(STDIN_FILENO) == 1 else {
            throw StartFailure(.usage, "there is no terminal to ask whether to proceed: add --yes to do it, or --dry-run to see what would change")
        }
        let access = try GroupAccess(settings)
        defer { access.end() }
        try access.requireNoMembers()
        let context = try OperationContext(settings, access)
        try OperationRun(context: context, change: change, output: output).finish(try plan(context))
    }

    private func finish(_ plan: OperationPlan) throws(StartFailure) {
        if output == .text { Terminal.data(plan.text) } else if !change.isDry, !change.isConfirmed { Terminal.note(plan.text) }
        guard !change.isDry, !plan.changes.isEmpty else {
            Terminal.note("nothing was changed\n")
            return report(plan, isDone: false)
        }
        guard change.isConfirmed || isAgreed() else {
            Terminal.note("nothing was changed\n")
            return report(plan, isDone: false)
        }
        try apply(plan)
        if output == .text { Terminal.data("done\n") }
        report(plan, isDone: true)
    }

    private func report(_ plan: OperationPlan, isDone: Bool) {
        guard output == .json else { return }
        Terminal.data("{\"action\":\(jsonQuoted(plan.action)),\"done\":\(isDone),\"dry_run\":\(change.isDry),\(plan.members)}\n")
    }

    private func isAgreed() -> Bool {
        Terminal.note("Proceed? [y/N] ")
        let answer = readLine(strippingNewline: true) ?? ""
        return ["y", "yes"].contains(answer.lowercased())
    }

    // MARK: Doing it

    /// In this order: audit, rule set, checkpoints, offsets. What stands before the offsets has no effect without them.
    private func apply(_ plan: OperationPlan) throws(StartFailure) {
        try context.access.requireNoMembers()
        let committed = try context.access.committed(plan.changes.map(\.partition))
        for change in plan.changes where committed[change.partition] != change.before {
            throw StartFailure(.refused, "partition \(change.partition): another position was committed meanwhile; nothing was changed, run the command again")
        }
        let audit = AuditLog(context.settings)
        try audit.append(entry(plan, outcome: nil))
        do throws(StartFailure) {
            try store(plan)
            try context.access.commit(plan.changes.map { ($0.partition, $0.after) })
        } catch {
            try audit.append(entry(plan, outcome: error.message))
            throw error
        }
    }

    private func store(_ plan: OperationPlan) throws(StartFailure) {
        do throws(StoreProblem) {
            try context.checkpoints.prepare()
            if let (hash, bundle) = plan.ruleSet { try context.checkpoints.store(ruleSet: hash, bundle: bundle) }
            for change in plan.changes {
                guard let (header, snapshot) = change.checkpoint else { continue }
                _ = try context.checkpoints.write(header, snapshot)
            }
        } catch {
            var failure = StartFailure(error, context.store)
            failure.message += "; no offset was changed"
            throw failure
        }
    }

    /// - Parameter outcome: why it failed; nil: it is about to be done.
    private func entry(_ plan: OperationPlan, outcome: String?) -> AuditEntry {
        let failed = outcome.map { ",\"failed\":\(jsonQuoted($0))" } ?? ""
        return AuditEntry(
            at: Clock.wallMilliseconds(), actor: AuditEntry.currentActor, action: plan.action,
            detail: "{\"reason\":\(jsonQuoted(change.reason)),\(plan.members)\(failed)}")
    }
}

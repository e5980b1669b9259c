import FraudEngine
import RuleFiles

/// `tripline doctor`: looks at everything the service depends on, changes nothing, and says of each thing how it is and what to do about it.
///
/// It goes through them as a start does, so that the first failure is the one `serve` would end with.
enum Doctor {
    static func run(_ settings: Settings, printsACLs: Bool, _ output: Invocation.OutputFormat) -> ExitCode {
        if printsACLs {
            Terminal.data(AccessRights(settings: settings).text)
            return .ok
        }
        var report = DoctorReport(output)
        lookAtSettings(settings, &report)
        lookAtRules(settings, &report)
        DoctorMachine(settings: settings).look(&report)
        DoctorKafka.look(settings, &report)
        DoctorRedis.look(settings, &report)
        DoctorPostgres.look(settings, &report)
        return report.end()
    }

    /// Where the settings do not even load.
    static func run(failing diagnostics: RuleDiagnostics, _ output: Invocation.OutputFormat) -> ExitCode {
        var report = DoctorReport(output)
        for diagnostic in diagnostics.all where diagnostic.severity != .warning {
            let cure = diagnostic.code == "C005" ? "name a file that this user can read" : "docs/configuration.md lists all keys and what they take"
            report.add(.fail("settings", .usage, diagnostic.line, cure))
        }
        return report.end()
    }

    private static func lookAtSettings(_ settings: Settings, _ report: inout DoctorReport) {
        let given = settings.shown.count { $0.origin != .standard }
        report.add(.ok("settings", "\(given) given, the rest are defaults; group '\(settings.group)', instance '\(settings.instance)'"))
        if settings.redis == nil { report.add(.ok("redis", "not configured: no scores are written or served")) }
    }

    private static func lookAtRules(_ settings: Settings, _ report: inout DoctorReport) {
        let directory = settings.rules.directory
        switch DeepStack.run({ RuleFiles.load(directory: directory, baseWindowMilliseconds: settings.windows.size) }) {
        case .failure(let diagnostics):
            let first = diagnostics.all.first { $0.severity != .warning }
            let command = first?.severity == .testFailure ? "tripline rules test" : "tripline rules check"
            let more = diagnostics.errorCount > 1 ? " (and \(diagnostics.errorCount - 1) more)" : ""
            let cure = UnloadedRules.ofSettings(directory, diagnostics).cure ?? "\(command) \(directory)"
            report.add(.fail("rules", .usage, (first?.line ?? "") + more, cure))
        case .success(let loaded):
            let warnings = loaded.warnings.all.count
            let detail = "\(loaded.set.rules.count) rules in '\(directory)', their \(loaded.tests.count) tests pass"
            report.add(
                warnings == 0
                    ? .ok("rules", detail)
                    : .warn("rules", "\(detail), \(warnings) \(warnings == 1 ? "warning" : "warnings")", "tripline rules check \(directory)"))
        }
    }
}

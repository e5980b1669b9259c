import RuleFiles

/// What the command line asks for, done.
package enum Commands {
    /// Runs a command to its end; blocks. Call it on the main thread, before any other thread is started.
    package static func run(_ invocation: Invocation, environment: [String: String]) -> ExitCode {
        let settings: Settings
        switch Settings.load(path: invocation.config, environment: environment, sets: invocation.settings) {
        case .success(let good): settings = good
        case .failure(let diagnostics):
            if case .doctor(printsACLs: false) = invocation.command { return Doctor.run(failing: diagnostics, invocation.output) }
            Terminal.note(diagnostics.text + "tripline: the configuration is not valid\n")
            return .usage
        }
        switch invocation.command {
        case .serve(let checks, let drains):
            return ServeCommand.run(settings, version: Version.text, mode: checks ? .check : drains ? .drain : .run)
        case .rulesCheck(let paths): return RulesCommand.check(paths, settings, invocation.output)
        case .rulesTest(let paths, let filter): return RulesCommand.test(paths, filter: filter, settings, invocation.output)
        case .demo(let demo): return Demo.run(demo, settings, version: Version.text, output: invocation.output)
        case .bench(let bench): return Bench.run(bench, settings, invocation)
        case .doctor(let printsACLs): return Doctor.run(settings, printsACLs: printsACLs, invocation.output)
        case .configPrint(let showsOrigin): return ConfigCommand.print(settings, showsOrigin: showsOrigin, invocation.output)
        case .operation(let operation): return OperationCommand.run(operation, settings, invocation.output)
        case .verify(let range): return VerifyCommand.run(range, settings, invocation.output)
        case .migrateUp(let isDry): return MigrateCommand.run(.up(isDry: isDry), settings, invocation.output)
        case .migrateStatus: return MigrateCommand.run(.status, settings, invocation.output)
        case .eval(let directory, let file): return EvalCommand.run(directory, file, settings, invocation.output)
        }
    }
}

/// `tripline verify`.
enum VerifyCommand {
    static func run(_ range: Invocation.Verification, _ settings: Settings, _ output: Invocation.OutputFormat) -> ExitCode {
        do throws(StartFailure) {
            if let from = range.from, let to = range.to, from >= to { throw StartFailure(.usage, "--from must be earlier than --to") }
            return try Verify.run(range, settings, output)
        } catch {
            return ServeCommand.fail(error)
        }
    }
}

import FraudEngine
import RuleFiles

/// `tripline rules check` and `tripline rules test`.
enum RulesCommand {
    static func check(_ paths: [String], _ settings: Settings, _ output: Invocation.OutputFormat) -> ExitCode {
        run(paths, output) { path in RuleCheckReport.check(directory: path, baseWindowMilliseconds: settings.windows.size) }
    }

    static func test(_ paths: [String], filter: String?, _ settings: Settings, _ output: Invocation.OutputFormat) -> ExitCode {
        run(paths, output) { path in RuleCheckReport.test(directory: path, baseWindowMilliseconds: settings.windows.size, filter: filter) }
    }

    /// The worst of the folders' exit codes.
    private static func run(
        _ paths: [String], _ output: Invocation.OutputFormat, _ report: @escaping @Sendable (String) -> RuleCheckReport
    ) -> ExitCode {
        var worst = ExitCode.ok
        for path in paths {
            if paths.count > 1, output == .text { Terminal.data("\(path):\n") }
            let report = DeepStack.run { report(path) }
            Terminal.data(output == .json ? report.json : report.text)
            if let code = ExitCode(rawValue: report.exitCode), code.rawValue > worst.rawValue { worst = code }
        }
        return worst
    }
}

/// What the doctor says of one thing.
struct Finding: Sendable, Equatable {
    enum Level: Sendable, Equatable {
        case ok
        /// The service starts, but a person should know.
        case warn
        /// A start, or a partition, fails; the exit code that `serve` has for it.
        case fail(ExitCode)

        var word: String {
            switch self {
            case .ok: "ok"
            case .warn: "warn"
            case .fail: "fail"
            }
        }
    }

    var level: Level
    /// A stable word or two: `kafka`, `topic payments`.
    var what: String
    var detail: String
    /// What to do; nil where nothing is to be done.
    var cure: String?

    static func ok(_ what: String, _ detail: String) -> Finding { Finding(level: .ok, what: what, detail: detail) }

    static func warn(_ what: String, _ detail: String, _ cure: String) -> Finding { Finding(level: .warn, what: what, detail: detail, cure: cure) }

    static func fail(_ what: String, _ code: ExitCode, _ detail: String, _ cure: String) -> Finding {
        Finding(level: .fail(code), what: what, detail: detail, cure: cure)
    }

    /// `warn  group — idle; start the service`
    var line: String {
        let word = level.word + String(repeating: " ", count: 4 - level.word.utf8.count)
        return "\(word)  \(what) — \(detail)\(cure.map { "; \($0)" } ?? "")\n"
    }

    fileprivate var json: String {
        "{\"level\":\"\(level.word)\",\"what\":\(jsonQuoted(what)),\"detail\":\(jsonQuoted(detail)),\"cure\":\(cure.map(jsonQuoted) ?? "null")}"
    }
}

/// Prints findings: lines as they are found, or one JSON document at the end.
struct DoctorReport {
    private let output: Invocation.OutputFormat
    private(set) var findings: [Finding] = []

    init(_ output: Invocation.OutputFormat) { self.output = output }

    mutating func add(_ finding: Finding) {
        findings.append(finding)
        if output == .text { Terminal.data(finding.line) }
    }

    /// The first failure's, as a start would end with it; 1 where there are only warnings.
    var exitCode: ExitCode {
        var code = ExitCode.ok
        for finding in findings {
            switch finding.level {
            case .ok: break
            case .warn: code = .findings
            case .fail(let code): return code
            }
        }
        return code
    }

    func end() -> ExitCode {
        if output == .json { Terminal.data("{\"exit_code\":\(exitCode.rawValue),\"checks\":[\(findings.map(\.json).joined(separator: ","))]}\n") }
        return exitCode
    }
}

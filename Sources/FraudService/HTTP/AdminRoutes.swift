package import HTTPServer

/// Whether the service can do its work, and why not.
package struct Readiness: Sendable, Equatable {
    /// One thing the service needs.
    package struct Check: Sendable, Equatable {
        /// A stable name, for example `kafka`.
        package let name: String
        package let isOK: Bool
        /// For a person: the state, and the cure where it is not well. May be empty.
        package let detail: String

        package init(name: String, isOK: Bool, detail: String) {
            self.name = name
            self.isOK = isOK
            self.detail = detail
        }
    }

    /// The verdict; a failing check alone does not make it false (one refused partition of several, for example).
    package let ready: Bool
    /// In the order to show them.
    package let checks: [Check]

    package init(ready: Bool, checks: [Check]) {
        self.ready = ready
        self.checks = checks
    }
}

/// What became of an order to read the rules anew.
package enum ReloadAnswer: Sendable, Equatable {
    /// New rules are in force or on their way to the workers.
    case accepted
    /// The files say what is in force already.
    case unchanged
    /// The files are not valid; one message per finding.
    case failed(messages: [String])
}

/// What the admin port shows. Every closure is called on the server's pool threads, several at once, and must not block.
package struct AdminSources: Sendable {
    package let readiness: @Sendable () -> Readiness
    /// The metrics in Prometheus' text format 0.0.4.
    package let metricsText: @Sendable () -> [UInt8]
    /// The document of `/status`.
    package let statusJSON: @Sendable () -> [UInt8]
    package let reload: @Sendable () -> ReloadAnswer

    package init(
        readiness: @escaping @Sendable () -> Readiness, metricsText: @escaping @Sendable () -> [UInt8],
        statusJSON: @escaping @Sendable () -> [UInt8], reload: @escaping @Sendable () -> ReloadAnswer
    ) {
        self.readiness = readiness
        self.metricsText = metricsText
        self.statusJSON = statusJSON
        self.reload = reload
    }
}

/// The routes of the admin port (`admin.listen`).
package enum AdminRoutes {
    package static func routes(_ sources: AdminSources) -> [HTTPRoute] {
        [
            HTTPRoute("GET", "/livez") { _ throws(Problem) in uncached(.text("ok\n")) },
            HTTPRoute("GET", "/readyz") { request throws(Problem) in try readyz(request, sources.readiness()) },
            HTTPRoute("GET", "/metrics") { _ throws(Problem) in
                HTTPResponse(
                    status: .ok, contentType: "text/plain; version=0.0.4; charset=utf-8", body: sources.metricsText())
            },
            HTTPRoute("GET", "/status") { _ throws(Problem) in .json(sources.statusJSON()) },
            HTTPRoute("POST", "/rules/reload") { _ throws(Problem) in try reloaded(sources.reload()) },
        ]
    }

    /// Plain: `ok`, or a problem that names the failing checks. With `?verbose`: every check on a line, whatever the verdict.
    private static func readyz(_ request: HTTPRequest, _ readiness: Readiness) throws(Problem) -> HTTPResponse {
        if request.query("verbose") != nil {
            return uncached(.text(verboseText(readiness), status: readiness.ready ? .ok : .serviceUnavailable))
        }
        guard readiness.ready else {
            let failing = readiness.checks.filter { !$0.isOK }
            throw HTTPFailure.notReady(failing: failing.map(line)).problem
        }
        return uncached(.text("ok\n"))
    }

    /// In the manner of Kubernetes: `[+]kafka ok`, `[-]partition 3 failed: …`, then the verdict.
    private static func verboseText(_ readiness: Readiness) -> String {
        var text = ""
        for check in readiness.checks {
            let word = check.isOK ? "[+]\(check.name) ok" : "[-]\(check.name) failed"
            text += check.detail.isEmpty ? "\(word)\n" : "\(word): \(check.detail)\n"
        }
        return text + (readiness.ready ? "readyz check passed\n" : "readyz check failed\n")
    }

    private static func line(_ check: Readiness.Check) -> String {
        check.detail.isEmpty ? check.name : "\(check.name): \(check.detail)"
    }

    private static func reloaded(_ answer: ReloadAnswer) throws(Problem) -> HTTPResponse {
        switch answer {
        case .accepted: return .json(Array(#"{"result":"accepted"}"#.utf8))
        case .unchanged: return .json(Array(#"{"result":"unchanged"}"#.utf8))
        case .failed(let messages): throw HTTPFailure.rulesRefused(messages: messages).problem
        }
    }

    private static func uncached(_ response: HTTPResponse) -> HTTPResponse {
        var response = response
        response.headers.append(HTTPHeader("Cache-Control", "no-store"))
        return response
    }
}

/// The program's exit codes.
package enum ExitCode: Int32, Sendable {
    case ok = 0
    /// Failing tests, differences, invalid lines.
    case findings = 1
    /// Usage, configuration or rule error.
    case usage = 2
    /// Start refused; the message names the cure.
    case refused = 3
    case unreachable = 4
    /// Another process runs under the same identity.
    case fenced = 5
}

/// Why a service did not start, or could not go on: one message for people, with the remedy.
package struct StartFailure: Error, Sendable, Equatable {
    package var code: ExitCode
    package var message: String

    package init(_ code: ExitCode, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The checkpoint store cannot be used.
    init(_ problem: StoreProblem, _ store: CheckpointStore) {
        switch problem {
        case .file, .missing, .incomplete:
            self.init(
                .refused,
                "the checkpoint folder '\(store.place)' cannot be used: \(problem); "
                    + "make it writable for this user, or name another: checkpoint.store=directory:/path")
        case .database(let error):
            self.init(error)
            message = "the checkpoint store cannot be used: \(message)"
        }
    }

    init(_ failure: WorkerFailure, settings: Settings) {
        switch failure {
        case .fenced(let why):
            self.init(
                .fenced,
                "another process runs as instance '\(settings.instance)' of group '\(settings.group)', and the broker fenced this one (\(why)); "
                    + "give each process an `instance` of its own")
        case .unreachable(let why):
            self.init(.unreachable, "Kafka at \(settings.kafka.bootstrapServers) does not answer: \(why); see whether the brokers are up, then restart")
        case .unsupported(let why):
            self.init(.refused, "the brokers at \(settings.kafka.bootstrapServers) do not support transactions (\(why)); Kafka 2.5 or newer is needed")
        case .client(let why):
            self.init(.refused, "the Kafka client gave up: \(why); see kafka.* in the configuration and the group's rights (ACLs)")
        }
    }
}

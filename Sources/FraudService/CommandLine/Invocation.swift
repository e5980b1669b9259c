/// What a command line asks for.
package struct Invocation: Sendable, Equatable {
    package enum Command: Sendable, Equatable {
        case serve(check: Bool, drain: Bool)
        case demo(Demo)
        case rulesCheck(paths: [String])
        /// - filter: only tests whose rule or name has this text in it.
        case rulesTest(paths: [String], filter: String?)
        case eval(directory: String, file: String)
        case bench(Bench)
        case doctor(printsACLs: Bool)
        case configPrint(showsOrigin: Bool)
        case operation(Operation)
        case verify(Verification)
        case migrateUp(isDry: Bool)
        case migrateStatus
    }

    package struct Demo: Sendable, Equatable {
        /// nil: made up.
        package var payments: String?
        /// Payments per second, at least 1.
        package var rate: Int?
        /// Milliseconds; nil: until it is stopped.
        package var duration: Int64?
        package var listen: HostPort?
    }

    package struct Bench: Sendable, Equatable {
        package enum Part: Sendable, Equatable {
            /// The service over a backlog and live, beside the bare loop.
            case service
            /// The bare loop alone: over the payments of a topic, or from its end on, with some of them passed on to another topic.
            case bareLoop(topic: String, to: String?)
            /// Memory, checkpoints and recovery by number of accounts, without Kafka.
            case state
            /// Crashes, takeovers and rebalances, while payments flow.
            case recovery
        }

        package var part = Part.service
        package var payments = 2_000_000
        /// nil: 100,000, with `--state` one and five million, with `--recovery` two million.
        package var accounts: Int?
        package var runs = 3
        /// Payments per second.
        package var rate = 20_000
        /// Seconds at that rate.
        package var seconds = 20
        /// Folder of the rules; nil: twenty made up for it.
        package var rules: String?
    }

    /// What of the payments is verified, by Kafka timestamp, Unix milliseconds: `from ≤ t < to`.
    package struct Verification: Sendable, Equatable {
        package var from: Int64?
        package var to: Int64?
        /// Records that an operator passed.
        package var passed: [PassedRange] = []
    }

    /// Neighbouring records of a partition, as `3:120-124`.
    package struct PassedRange: Sendable, Equatable {
        package var partition: Int32
        package var offsets: ClosedRange<Int64>

        package var text: String { "\(partition):\(offsets.lowerBound)-\(offsets.upperBound)" }

        init(_ partition: Int32, _ offsets: ClosedRange<Int64>) {
            self.partition = partition
            self.offsets = offsets
        }

        init?(_ text: String) {
            let parts = text.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count == 2, let partition = Int32(parts[0]), partition >= 0 else { return nil }
            let ends = parts[1].split(separator: "-", omittingEmptySubsequences: false).map { Int64($0) }
            guard ends.count == 2, let first = ends[0], let last = ends[1], first <= last else { return nil }
            self.init(partition, first...last)
        }
    }

    /// What data on stdout looks like.
    package enum OutputFormat: String, Sendable, CaseIterable { case text, json }

    package var command: Command
    /// The settings file; nil: the usual one, if it is there.
    package var config: String?
    /// For `Settings.load`; `--log-level` and `--log-format` are among them.
    package var settings: [SettingAssignment]
    package var output: OutputFormat
}

/// What to do with a command line.
package enum CommandLineOutcome: Sendable, Equatable {
    case run(Invocation)
    /// Text for stdout; exit code 0.
    case show(String)
    /// Text for stderr; exit code 2.
    case refuse(String)
}

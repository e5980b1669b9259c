/// `tripline serve`: runs the service until it is told to stop, has drained, or cannot go on.
package enum ServeCommand {
    package enum Mode: Sendable {
        case run
        /// Validate, look at what is needed, leave.
        case check
        /// To the end of the input as it is when the partitions are live, checkpoint, leave.
        case drain
    }

    package static func run(_ settings: Settings, version: String, mode: Mode) -> ExitCode {
        ProcessSignals.block()
        let log = Log(level: settings.logLevel, format: settings.logFormat)
        do throws(StartFailure) {
            if mode == .check {
                try Service.check(settings, log: log)
                Terminal.data(
                    "ok: settings, rules, Kafka, checkpoint store\(settings.postgres == nil ? "" : ", PostgreSQL")\(settings.redis == nil ? "" : ", Redis")\n")
                return .ok
            }
            CrashNote(CureContext(settings)).install()
            let service = try Service.start(settings, version: version, log: log, drains: mode == .drain)
            return watch(service, drains: mode == .drain)
        } catch {
            return fail(error)
        }
    }

    /// The main thread's part: signals, failures, the end of a drain.
    private static func watch(_ service: Service, drains: Bool) -> ExitCode {
        var drain = DrainWatch(takeover: service.takeover)
        var memory = MemoryTrim()
        while true {
            switch ProcessSignals.next(milliseconds: 200) {
            case .reload: service.reloadRules()
            case .stop: return service.stop()
            case nil: break
            }
            if let trouble = service.trouble {
                _ = service.stop()
                return fail(trouble)
            }
            if service.isSettled, memory.isDue(lag: service.lag) { MemoryTrim.trim() }
            guard drains else { continue }
            let progress = service.drainProgress
            switch drain.look(progress, now: Clock.monotonicMilliseconds()) {
            case .goesOn: break
            case .isOver: return end(service)
            case .isStuck: return giveUp(service, progress)
            }
        }
    }

    private static func giveUp(_ service: Service, _ progress: DrainProgress) -> ExitCode {
        let code = service.stop()
        let failure = StartFailure(
            code == .ok ? .unreachable : code,
            "the drain is not whole: nothing has come for \(DrainWatch.patience / 1_000) s, and \(progress.leftText); see the log, the brokers and open "
                + "transactions of the input; run serve --drain again before anything is changed")
        return fail(failure)
    }

    /// A drain that left partitions out is none, however well the others ended.
    private static func end(_ service: Service) -> ExitCode {
        let refusals = service.refusals
        let code = service.stop()
        guard code == .ok else { return code }
        if service.leavesWork {
            return fail(StartFailure(.unreachable, "the drain is not whole, see the log; run serve --drain again before anything is changed"))
        }
        if refusals.isEmpty { return .ok }
        return fail(StartFailure(.refused, refusals.map { "partition \($0) is refused: \($1.message)\n  \($1.cure)" }.joined(separator: "\n")))
    }

    static func fail(_ failure: StartFailure) -> ExitCode {
        Terminal.note("tripline: \(failure.message)\n")
        return failure.code
    }
}

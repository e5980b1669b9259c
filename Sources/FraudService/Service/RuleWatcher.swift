import FraudEngine
import RuleFiles
import Synchronization
import Threads

/// Watches the rules folder and offers each good set to the workers; a bad one leaves the last good set in force and says why.
final class RuleWatcher: Sendable {
    /// Where the rules stand.
    struct Standing: Sendable {
        var loaded: LoadedRuleSet
        /// Unix milliseconds of the last successful load.
        var loadedAt: Int64
        /// Why the folder's present content is not in force; empty where it is.
        var problems: [String] = []
    }

    /// Somebody who asked for a reload and waits for the answer.
    private final class Asker: Sendable {
        let answer = Mutex<ReloadAnswer?>(nil)
        let done = Semaphore()
    }

    private struct Work {
        var askers: [Asker] = []
        /// Those whose answer is being found out.
        var answered: [Asker] = []
        var isClosed = false
    }

    private let directory: String
    private let baseWindow: Int64
    private let poll: Int64
    private let store: @Sendable (LoadedRuleSet) -> String?
    private let offer: @Sendable (RuleSet) -> Void
    private let log: Log
    private let metrics: Metrics
    private let standing: Mutex<Standing>
    private let work = Mutex(Work())
    private let wake = Semaphore()
    private let ended = Semaphore()

    /// - Parameters:
    ///   - store: keeps a set under its hash before its first use; what failed, or nil.
    ///   - offer: hands a new set to the workers.
    init(
        _ settings: Settings, initial: LoadedRuleSet, log: Log, metrics: Metrics, store: @escaping @Sendable (LoadedRuleSet) -> String?,
        offer: @escaping @Sendable (RuleSet) -> Void
    ) {
        directory = settings.rules.directory
        baseWindow = settings.windows.size
        poll = settings.rules.poll
        self.log = log
        self.metrics = metrics
        self.store = store
        self.offer = offer
        standing = Mutex(Standing(loaded: initial, loadedAt: Clock.wallMilliseconds()))
        metrics.rulesReloaded(initial.set, at: Clock.wallMilliseconds())
    }

    var current: Standing { standing.withLock { $0 } }

    /// Reads the folder now, whether it changed or not, and waits for the result.
    func reload() -> ReloadAnswer {
        let asker = Asker()
        let isClosed = work.withLock { work in
            if !work.isClosed { work.askers.append(asker) }
            return work.isClosed
        }
        if isClosed { return .failed(messages: ["the service is stopping"]) }
        wake.signal()
        asker.done.wait()
        return asker.answer.withLock { $0 } ?? .failed(messages: ["the service is stopping"])
    }

    /// Reads the folder soon, without waiting for it: for a signal.
    func requestReload() {
        work.withLock { $0.askers.append(Asker()) }
        wake.signal()
    }

    /// Ends `run`; who waits is answered.
    func close() {
        work.withLock { $0.isClosed = true }
        wake.signal()
    }

    /// Waits for the end of `run`, once: whether it came in time. Where it hangs in the store, nobody goes on waiting for its answer.
    func waitUntilEnded(milliseconds: Int64) -> Bool {
        if ended.wait(milliseconds: milliseconds) { return true }
        for asker in work.withLock({ $0.askers + $0.answered }) { asker.done.signal() }
        return false
    }

    /// The thread's body. A changed folder is loaded once it stood still for a whole poll, so that a save of several files counts as one.
    func run() {
        defer { ended.signal() }
        var judged: RuleSetHash? = current.loaded.set.hash
        var candidate: RuleSetHash?
        var complaint = Complaint()
        while true {
            _ = wake.wait(milliseconds: poll)
            let (askers, isClosed) = work.withLock { work in
                work.answered = work.askers
                work.askers.removeAll()
                return (work.answered, work.isClosed)
            }
            if isClosed {
                for asker in askers { asker.done.signal() }
                return
            }
            let present = RuleFiles.hash(directory: directory)
            if askers.isEmpty {
                guard present != judged else {
                    candidate = nil
                    continue
                }
                guard present == candidate else {
                    candidate = present
                    continue
                }
            }
            var isStored = true
            let answer = load(&isStored, &complaint)
            // What the store did not take, because a database is down for the moment, is offered to it again.
            if isStored { judged = present }
            candidate = nil
            for asker in askers {
                asker.answer.withLock { $0 = answer }
                asker.done.signal()
            }
        }
    }

    private func load(_ isStored: inout Bool, _ complaint: inout Complaint) -> ReloadAnswer {
        switch RuleFiles.load(directory: directory, baseWindowMilliseconds: baseWindow) {
        case .failure(let diagnostics): return refuse(diagnostics.all.filter { $0.severity != .warning }.map(\.line))
        case .success(let loaded):
            if let problem = store(loaded) {
                isStored = false
                return refuse([problem], isSaid: complaint.isDue(problem, now: Clock.monotonicMilliseconds()))
            }
            complaint = Complaint()
            for warning in loaded.warnings.all { log.warning("a rule file has a warning", [.error: warning.line]) }
            let (isNew, wasRefused) = (loaded.set.hash != current.loaded.set.hash, !current.problems.isEmpty)
            let now = Clock.wallMilliseconds()
            standing.withLock { $0 = Standing(loaded: loaded, loadedAt: now) }
            metrics.rulesReloaded(loaded.set, at: now)
            guard isNew else {
                if wasRefused { log.info("the rules folder is again what is in force", [.ruleSet: loaded.set.hash.hexadecimal]) }
                return .unchanged
            }
            log.info("rules loaded", [.ruleSet: loaded.set.hash.hexadecimal, .count: "\(loaded.set.rules.count)"])
            offer(loaded.set)
            return .accepted
        }
    }

    private func refuse(_ problems: [String], isSaid: Bool = true) -> ReloadAnswer {
        standing.withLock { $0.problems = problems }
        metrics.rulesReloadFailed()
        if isSaid { complain(problems) }
        return .failed(messages: problems)
    }

    private func complain(_ problems: [String]) {
        for problem in problems.prefix(10) { log.error("rules refused; the last good set stays in force", [.error: problem]) }
    }
}

extension RuleDiagnostic {
    /// `file:line:column: error[E101]: message`, and its hints.
    var line: String {
        let place = position.map { "\(file):\($0.line):\($0.column)" } ?? file
        return ([(place.isEmpty ? "" : "\(place): ") + "\(severity.rawValue)[\(code)]: \(message)"] + hints).joined(separator: "; ")
    }
}

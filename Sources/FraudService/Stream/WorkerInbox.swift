import FraudEngine
import Synchronization

/// Events for a worker from other threads: the checkpoint thread, the rule watcher, the score writer, the main thread.
final class WorkerInbox: Sendable {
    private let events = Mutex<[WorkerEvent]>([])

    func post(_ event: WorkerEvent) { events.withLock { $0.append(event) } }

    /// Whether the worker is to stop, for one that waits elsewhere.
    var isStopAsked: Bool {
        events.withLock { waiting in
            waiting.contains { if case .stop = $0 { true } else { false } }
        }
    }

    /// What has come since the last call, in order.
    func take() -> [WorkerEvent] {
        events.withLock { waiting in
            defer { waiting.removeAll() }
            return waiting
        }
    }
}

import FraudEngine
import Synchronization

/// Events for a worker from other threads: the checkpoint thread, the rule watcher, the score writer, the main thread.
final class WorkerInbox: Sendable {
    private let events = Mutex<[WorkerEvent]>([])

    func post(_ event: WorkerEvent) { events.withLock { $0.append(event) } }

    /// What has come since the last call, in order.
    func take() -> [WorkerEvent] {
        events.withLock { waiting in
            defer { waiting.removeAll() }
            return waiting
        }
    }
}

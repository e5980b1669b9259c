import FraudEngine
import Synchronization

/// Events for a worker from other threads: the checkpoint thread, the rule watcher, the score writer, the main thread.
final class WorkerInbox: Sendable {
    private struct Contents {
        var events: [WorkerEvent] = []
        var isStopAsked = false
    }

    private let contents = Mutex(Contents())
    private let epoch = Atomic<UInt64>(0)

    /// The worker's present assignment (`WorkerMachine.assignmentEpoch`): answers to what an earlier one asked are dropped.
    var assignmentEpoch: UInt64 {
        get { epoch.load(ordering: .acquiring) }
        set { epoch.store(newValue, ordering: .releasing) }
    }

    func post(_ event: WorkerEvent) {
        contents.withLock { contents in
            contents.events.append(event)
            if case .stop = event { contents.isStopAsked = true }
        }
    }

    /// Whether the worker is to stop, also once it has taken the event: for one that waits elsewhere.
    var isStopAsked: Bool { contents.withLock { $0.isStopAsked } }

    /// What has come since the last call, in order.
    func take() -> [WorkerEvent] {
        contents.withLock { contents in
            defer { contents.events.removeAll() }
            return contents.events
        }
    }
}

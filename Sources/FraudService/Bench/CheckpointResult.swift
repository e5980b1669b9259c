import Synchronization

/// How a checkpoint written on another thread ended.
final class CheckpointResult: Sendable {
    private let content = Mutex<(bytes: Int, nanoseconds: Int64, problem: String?)?>(nil)

    func set(bytes: Int, nanoseconds: Int64) { content.withLock { $0 = (bytes, nanoseconds, nil) } }
    func set(problem: String) { content.withLock { $0 = (0, 0, problem) } }

    var isSet: Bool { content.withLock { $0 != nil } }
    var bytes: Int { content.withLock { $0?.bytes ?? 0 } }
    var nanoseconds: Int64 { content.withLock { $0?.nanoseconds ?? 0 } }
    var problem: String? { content.withLock { $0?.problem } }
}

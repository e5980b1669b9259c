import Synchronization
import Threads

/// Expressions are checked recursively: more than the main thread's stack may hold where it was limited.
enum DeepStack {
    private final class Slot<Value: Sendable>: Sendable {
        let value = Mutex<Value?>(nil)
    }

    /// The body's result, from a thread with 8 MiB.
    static func run<Result: Sendable>(_ body: @escaping @Sendable () -> Result) -> Result {
        let slot = Slot<Result>()
        DedicatedThread.start("rules") {
            let result = body()
            slot.value.withLock { $0 = result }
        }.join()
        guard let result = slot.value.withLock({ $0 }) else { preconditionFailure("a joined thread has left its result") }
        return result
    }
}

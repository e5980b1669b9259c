import CLinux
import Glibc

/// A thread of the process with a stack of its own size: all work runs on such threads, since the C libraries block.
package struct DedicatedThread: Sendable {
    private let thread: UInt64

    private final class Body: Sendable {
        let name: String
        let run: @Sendable () -> Void

        init(_ name: String, _ run: @escaping @Sendable () -> Void) {
            self.name = name
            self.run = run
        }
    }

    /// Starts a thread of the service; without it there is no service, so that it traps where the system has none left.
    ///
    /// - Parameters:
    ///   - name: as debuggers and `top -H` show it, at most 15 bytes.
    ///   - stackBytes: checking rules needs 2 MiB.
    package static func start(_ name: String, stackBytes: Int = 8 << 20, _ body: @escaping @Sendable () -> Void) -> DedicatedThread {
        guard let thread = startIfPossible(name, stackBytes: stackBytes, body) else { preconditionFailure("the system gives no thread '\(name)'") }
        return thread
    }

    /// Starts a thread; nil where the system has none left.
    package static func startIfPossible(_ name: String, stackBytes: Int, _ body: @escaping @Sendable () -> Void) -> DedicatedThread? {
        var thread: UInt64 = 0
        // The thread takes this reference over and gives it back when it ends.
        let reference = Unmanaged.passRetained(Body(name, body))
        guard tripline_start_thread(&thread, stackBytes, threadMain, reference.toOpaque()) == 0 else {
            reference.release()
            return nil
        }
        return DedicatedThread(thread: thread)
    }

    /// Waits for its end; once.
    package func join() { tripline_join_thread(thread) }

    /// Lets it end by itself; in place of `join`.
    package func detach() { tripline_detach_thread(thread) }

    fileprivate static func run(_ reference: UnsafeMutableRawPointer) {
        let body = Unmanaged<Body>.fromOpaque(reference).takeRetainedValue()
        tripline_name_thread(body.name)
        body.run()
    }
}

private func threadMain(_ reference: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    if let reference { DedicatedThread.run(reference) }
    return nil
}

import Glibc
import Synchronization

/// A queue between threads: appending never blocks, taking waits.
final class BlockingQueue<Element: Sendable>: Sendable {
    private struct Contents {
        var elements: [Element] = []
        var isClosed = false
    }

    private let contents = Mutex(Contents())
    /// Counts elements, and one more for the closing.
    private let available = Semaphore()

    func append(_ element: Element) {
        contents.withLock { $0.elements.append(element) }
        available.signal()
    }

    /// Appends what was taken out once more; drops it where the queue is closed, which would otherwise never be empty.
    func putBack(_ element: Element) {
        let isOpen = contents.withLock { contents in
            if !contents.isClosed { contents.elements.append(element) }
            return !contents.isClosed
        }
        if isOpen { available.signal() }
    }

    var isClosed: Bool { contents.withLock { $0.isClosed } }

    /// Lets `next` return nil once everything was taken.
    func close() {
        contents.withLock { $0.isClosed = true }
        available.signal()
    }

    /// The oldest element; waits for one; nil once the queue is closed and empty.
    func next() -> Element? {
        while true {
            available.wait()
            let (element, isClosed) = contents.withLock { ($0.elements.isEmpty ? nil : $0.elements.removeFirst(), $0.isClosed) }
            if let element { return element }
            if isClosed { return nil }
        }
    }
}

/// A POSIX semaphore of this process.
final class Semaphore {
    private let semaphore: UnsafeMutablePointer<sem_t>

    init() {
        semaphore = .allocate(capacity: 1)
        sem_init(semaphore, 0, 0)
    }

    deinit {
        sem_destroy(semaphore)
        semaphore.deallocate()
    }

    func signal() { sem_post(semaphore) }

    func wait() { while sem_wait(semaphore) != 0, errno == EINTR {} }

    /// Waits at most that long; whether it was signalled.
    func wait(milliseconds: Int64) -> Bool {
        var until = timespec()
        clock_gettime(CLOCK_REALTIME, &until)
        let nanoseconds = Int64(until.tv_nsec) + max(0, milliseconds) % 1_000 * 1_000_000
        until.tv_sec += Int(max(0, milliseconds) / 1_000 + nanoseconds / 1_000_000_000)
        until.tv_nsec = Int(nanoseconds % 1_000_000_000)
        while sem_timedwait(semaphore, &until) != 0 {
            if errno != EINTR { return false }
        }
        return true
    }
}

// sem_post and sem_wait may be called from any thread; the pointer never changes and is freed with its only owner.
extension Semaphore: @unchecked Sendable {}

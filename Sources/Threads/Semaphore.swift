import Glibc

/// A POSIX semaphore of this process.
package final class Semaphore {
    private let semaphore: UnsafeMutablePointer<sem_t>

    package init() {
        semaphore = .allocate(capacity: 1)
        sem_init(semaphore, 0, 0)
    }

    deinit {
        sem_destroy(semaphore)
        semaphore.deallocate()
    }

    /// Lets one waiter through, now or later.
    package func signal() { sem_post(semaphore) }

    package func wait() { while sem_wait(semaphore) != 0, errno == EINTR {} }

    /// Waits at most that long; whether it was signalled.
    package func wait(milliseconds: Int64) -> Bool {
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

import Glibc

/// Set once from any thread; waiting gives up after ten seconds.
///
/// @unchecked Sendable: a POSIX semaphore is made for several threads, and the pointer never changes.
final class Signal: @unchecked Sendable {
    private let semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

    init() {
        sem_init(semaphore, 0, 0)
    }

    deinit {
        sem_destroy(semaphore)
        semaphore.deallocate()
    }

    func set() {
        sem_post(semaphore)
    }

    /// Whether it was set.
    func wait() -> Bool {
        var deadline = timespec()
        clock_gettime(CLOCK_REALTIME, &deadline)
        deadline.tv_sec += 10
        return sem_timedwait(semaphore, &deadline) == 0
    }
}

import Glibc

/// Every open connection with its deadline, and the number of requests at work.
///
/// libmicrohttpd's own timeout starts anew with each byte, so a client that drips bytes would stay for ever: a watchdog
/// thread shuts the sockets whose absolute deadline has passed. Descriptors cannot be mixed up: a connection is removed
/// in the library's CLOSED callback, before the library closes the descriptor, under the lock that guards the shutdown.
///
/// @unchecked Sendable: all mutable state is read and written only while `mutex` is held.
final class ConnectionLedger: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var deadlines: [Int32: MonotonicTime] = [:]
    private var runningRequests = 0
    private var isDraining = false
    private var isClosed = false

    /// How often deadlines are looked at: they are kept to within this time.
    private static let interval = MonotonicTime(nanoseconds: 250_000_000)

    init() {
        var attributes = pthread_condattr_t()
        let failures = [
            pthread_mutex_init(mutex, nil), pthread_condattr_init(&attributes),
            pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC), pthread_cond_init(changed, &attributes),
            pthread_condattr_destroy(&attributes),
        ]
        precondition(failures.allSatisfy { $0 == 0 }, "a mutex and a condition with valid attributes")
    }

    deinit {
        pthread_cond_destroy(changed)
        pthread_mutex_destroy(mutex)
        changed.deallocate()
        mutex.deallocate()
    }

    func setDeadline(_ deadline: MonotonicTime, of descriptor: Int32) {
        withLock { deadlines[descriptor] = deadline }
    }

    /// While the program itself is at work the client is not to blame.
    func clearDeadline(of descriptor: Int32) {
        withLock { deadlines[descriptor] = nil }
    }

    func requestStarted() {
        withLock { runningRequests += 1 }
    }

    func requestFinished() {
        withLock {
            runningRequests -= 1
            if runningRequests == 0 { pthread_cond_broadcast(changed) }
        }
    }

    /// Answers tell their clients to leave.
    var draining: Bool {
        withLock { isDraining }
    }

    /// From now on answers close their connections.
    func beginDraining() { withLock { isDraining = true } }

    /// Waits until no request is at work, or until `deadline`. Returns how many still are.
    func drain(until deadline: MonotonicTime) -> Int {
        withLock {
            while runningRequests > 0, MonotonicTime.now < deadline { wait(until: deadline) }
            return runningRequests
        }
    }

    /// Ends the watchdog.
    func close() {
        withLock {
            isClosed = true
            pthread_cond_broadcast(changed)
        }
    }

    /// The watchdog's life; returns after `close`.
    func watch() {
        withLock {
            while !isClosed {
                let now = MonotonicTime.now
                for (descriptor, deadline) in deadlines where deadline <= now {
                    deadlines[descriptor] = nil
                    shutdown(descriptor, Int32(SHUT_RDWR))
                }
                wait(until: now + ConnectionLedger.interval)
            }
        }
    }

    private func wait(until deadline: MonotonicTime) {
        var time = deadline.timespec
        pthread_cond_timedwait(changed, mutex, &time)
    }

    private func withLock<Result>(_ body: () -> Result) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body()
    }
}

/// A point or a span on the monotonic clock.
struct MonotonicTime: Comparable, Sendable {
    let nanoseconds: Int64

    static var now: MonotonicTime {
        var time = Glibc.timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return MonotonicTime(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }

    static func seconds(_ seconds: Int) -> MonotonicTime {
        MonotonicTime(nanoseconds: Int64(seconds) * 1_000_000_000)
    }

    static func < (left: MonotonicTime, right: MonotonicTime) -> Bool { left.nanoseconds < right.nanoseconds }
    static func + (left: MonotonicTime, right: MonotonicTime) -> MonotonicTime {
        MonotonicTime(nanoseconds: left.nanoseconds + right.nanoseconds)
    }

    func seconds(since start: MonotonicTime) -> Double {
        Double(nanoseconds - start.nanoseconds) / 1e9
    }

    var timespec: Glibc.timespec {
        Glibc.timespec(tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
    }
}

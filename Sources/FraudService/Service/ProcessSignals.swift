import Glibc

/// The signals a service answers, taken in turn by the main thread instead of interrupting any.
package enum ProcessSignals {
    package enum Received: Sendable { case reload, stop }

    /// Holds the signals back in this thread and those it starts; before any thread is started.
    package static func block() {
        var set = handled
        pthread_sigmask(SIG_BLOCK, &set, nil)
        // A reader that went away shows as an error of the write.
        signal(SIGPIPE, SIG_IGN)
    }

    /// Waits at most that long for SIGHUP (reload), SIGTERM or SIGINT (stop).
    package static func next(milliseconds: Int) -> Received? {
        var set = handled
        var wait = timespec(tv_sec: milliseconds / 1_000, tv_nsec: milliseconds % 1_000 * 1_000_000)
        switch sigtimedwait(&set, nil, &wait) {
        case SIGHUP: return .reload
        case SIGTERM, SIGINT: return .stop
        case _: return nil
        }
    }

    /// Whether a stop was asked for that `next` has yet to tell.
    static var isStopPending: Bool {
        var set = sigset_t()
        sigemptyset(&set)
        sigpending(&set)
        return sigismember(&set, SIGTERM) == 1 || sigismember(&set, SIGINT) == 1
    }

    private static var handled: sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        for number in [SIGHUP, SIGTERM, SIGINT] { sigaddset(&set, number) }
        return set
    }
}

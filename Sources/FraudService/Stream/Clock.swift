import Glibc

/// The shell's clocks; the engine has none.
enum Clock {
    static func monotonicNanoseconds() -> Int64 { read(CLOCK_MONOTONIC) }
    static func monotonicMilliseconds() -> Int64 { read(CLOCK_MONOTONIC) / 1_000_000 }
    /// Since the epoch.
    static func wallMicroseconds() -> Int64 { read(CLOCK_REALTIME) / 1_000 }
    static func wallMilliseconds() -> Int64 { read(CLOCK_REALTIME) / 1_000_000 }

    /// Gives the processor away for about that long.
    static func pause(milliseconds: Int) { pause(nanoseconds: Int64(milliseconds) * 1_000_000) }

    static func pause(nanoseconds: Int64) {
        var time = timespec(tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
        var rest = timespec()
        while nanosleep(&time, &rest) != 0, errno == EINTR { time = rest }
    }

    /// Processor time of the calling thread: what others on the machine do does not show in it.
    static func threadNanoseconds() -> Int64 { read(CLOCK_THREAD_CPUTIME_ID) }

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}

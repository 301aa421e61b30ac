import Glibc

enum WallClock {
    /// Milliseconds since 1970, a few late at most: the coarse clock costs a third of the exact one.
    static func coarseMilliseconds() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME_COARSE, &time)
        return UInt64(truncatingIfNeeded: time.tv_sec) &* 1_000 &+ UInt64(truncatingIfNeeded: time.tv_nsec) / 1_000_000
    }
}

import Glibc
import Synchronization

/// When a series was made that scrapers must see at 0 first; never for others.
///
/// Prometheus's `increase()` sees nothing of a counter that is born at 1. Created timestamps would say it, but Prometheus
/// takes OpenMetrics' `_created` for series of their own, twice as many, before version 2.50 and without a flag later.
struct Birth: ~Copyable, Sendable {
    private static let never: UInt64 = 0
    private let time = Atomic<UInt64>(Birth.never)

    /// - Parameter now: in nanoseconds of ``MonotonicClock``. The first call counts.
    func note(at now: UInt64) {
        _ = time.compareExchange(expected: Self.never, desired: now, ordering: .relaxed)
    }

    /// Nil when every scraper may see the series as it is.
    var nanoseconds: UInt64? {
        let time = time.load(ordering: .relaxed)
        return time == Self.never ? nil : time
    }
}

enum MonotonicClock {
    static func nanoseconds() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(truncatingIfNeeded: time.tv_sec) &* 1_000_000_000 &+ UInt64(truncatingIfNeeded: time.tv_nsec)
    }
}

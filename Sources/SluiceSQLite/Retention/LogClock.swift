import Glibc
package import Sluice

/// The two clocks that retention compares: one may be set, the other only runs.
package struct LogClock: Sendable {
    /// What time it is said to be.
    package var wall: @Sendable () -> Timestamp
    /// Grows while the machine runs, also while it sleeps.
    package var elapsed: @Sendable () -> Duration

    package init(wall: @escaping @Sendable () -> Timestamp, elapsed: @escaping @Sendable () -> Duration) {
        self.wall = wall
        self.elapsed = elapsed
    }

    package static let system = LogClock(wall: { .now() }, elapsed: { Self.running() })

    private static func running() -> Duration {
        var time = timespec()
        // CLOCK_MONOTONIC stands still while the machine is suspended (clock_gettime(2)).
        clock_gettime(CLOCK_BOOTTIME, &time)
        return .seconds(Int64(time.tv_sec)) + .nanoseconds(Int64(time.tv_nsec))
    }
}

package import Sluice

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#elseif canImport(Darwin)
    internal import Darwin
#endif

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
        #if os(Linux)
            // CLOCK_MONOTONIC stands still while the machine is suspended (clock_gettime(2)).
            clock_gettime(CLOCK_BOOTTIME, &time)
        #else
            clock_gettime(CLOCK_MONOTONIC, &time)
        #endif
        return .seconds(Int64(time.tv_sec)) + .nanoseconds(Int64(time.tv_nsec))
    }
}

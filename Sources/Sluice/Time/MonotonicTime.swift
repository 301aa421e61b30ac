import Glibc

/// A point on a ``RouterTime``, to the nanosecond: the machine's monotonic clock, which is never set, or a virtual one.
///
/// What the message path measures with, because one read of it is one call into the vDSO and its arithmetic is that of
/// an integer.
public struct MonotonicTime: Sendable, Hashable, InstantProtocol {
    package var nanoseconds: UInt64

    package init(nanoseconds: UInt64) {
        self.nanoseconds = nanoseconds
    }

    /// Before everything.
    package static let longAgo = MonotonicTime(nanoseconds: 0)

    /// The machine's. What runs under a router asks its ``RouterTime`` instead.
    package static func now() -> MonotonicTime {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return MonotonicTime(nanoseconds: UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec))
    }

    /// The machine's, at most ``coarseness`` late and a third of the price.
    package static func coarseNow() -> MonotonicTime {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC_COARSE, &time)
        return MonotonicTime(nanoseconds: UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec))
    }

    /// A tick of the kernel, with room to spare.
    package static let coarseness = Duration.milliseconds(20)

    public static func < (left: MonotonicTime, right: MonotonicTime) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    /// Nanoseconds since `earlier`; 0 when `earlier` is later.
    package func nanoseconds(since earlier: MonotonicTime) -> UInt64 {
        nanoseconds > earlier.nanoseconds ? nanoseconds - earlier.nanoseconds : 0
    }

    package var seconds: Int64 { Int64(clamping: nanoseconds / 1_000_000_000) }

    /// Saturates at either end.
    public func advanced(by duration: Duration) -> MonotonicTime {
        let magnitude = duration.nanosecondsOfMagnitude
        return MonotonicTime(
            nanoseconds: duration < .zero
                ? nanoseconds.subtractingSaturated(magnitude) : nanoseconds.addingSaturated(magnitude))
    }

    /// Negative when `other` is earlier.
    public func duration(to other: MonotonicTime) -> Duration {
        other >= self
            ? .nanoseconds(other.nanoseconds(since: self)) : .zero - .nanoseconds(nanoseconds(since: other))
    }

    /// Since the clock began: about when the machine was started, or a virtual time's run.
    public var offset: Duration { .nanoseconds(nanoseconds) }
}

extension Duration {
    /// The duration in nanoseconds; negative ones are 0, and ones beyond 584 years saturate.
    package var wholeNanoseconds: UInt64 {
        self < .zero ? 0 : nanosecondsOfMagnitude
    }

    /// The nanoseconds of its length; what is too long saturates.
    fileprivate var nanosecondsOfMagnitude: UInt64 {
        let (seconds, attoseconds) = components
        return seconds.magnitude.multipliedSaturated(by: 1_000_000_000)
            .addingSaturated(attoseconds.magnitude / 1_000_000_000)
    }

    /// The duration in seconds, for metrics and messages.
    package var inSeconds: Double {
        Double(components.seconds) + Double(components.attoseconds) / 1e18
    }
}

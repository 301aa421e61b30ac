/// The time that a router goes by, with its routes, middlewares, in-memory brokers and stores: the machine's, or a
/// virtual one in tests.
///
/// ```swift
/// let start = route.time.now
/// try await route.time.sleep(for: .seconds(5))
/// let passed = start.duration(to: route.time.now)
/// ```
///
/// Everything under a router that reads a clock, waits, or draws a random number does it here, so that the same code
/// runs in virtual time, where an hour costs nothing and a seed repeats everything. Handlers and middlewares find it at
/// ``RouteScope/time``.
///
/// It is a `Clock`: `try await time.sleep(for: .seconds(5))`, `time.now`, `time.measure { … }`.
public struct RouterTime: Sendable {
    /// Nil is the machine's time. A check for nil is all that a look at the clock costs beside the look itself.
    package let source: (any TimeSource)?

    /// The machine's time, which every adapter with threads of its own goes by.
    public static var real: RouterTime { RouterTime() }

    private init() {
        source = nil
    }

    package init(_ source: any TimeSource) {
        self.source = source
    }

    public var isVirtual: Bool { source != nil }

    /// Wall-clock time now, to the millisecond.
    public var timestamp: Timestamp { source?.timestamp ?? .now() }

    /// Wall-clock time now, for spans: to the nanosecond where it is the machine's.
    var nanosecondsSince1970: UInt64 {
        guard let source else { return Timestamp.nanosecondsNow() }
        return UInt64(clamping: source.timestamp.millisecondsSince1970).multipliedSaturated(by: 1_000_000)
    }

    /// Calls `body` once, not before `duration` has passed, on any thread. It must be short: all timers share a thread.
    /// - Parameters:
    ///   - duration: 0 or less calls it as soon as can be.
    ///   - body: must not block.
    public func after(_ duration: Duration, _ body: @escaping @Sendable () -> Void) {
        if let source { source.after(duration, body) } else { RealTimers.after(duration, body) }
    }

    /// A number between these bounds, both included: for jitter. Not for secrets.
    public func random(in range: ClosedRange<Double>) -> Double {
        var generator = RandomBits(time: self)
        return Double.random(in: range, using: &generator)
    }

    /// The executor that tasks must prefer that are not the child of another; nil is the default one.
    package var executor: (any TaskExecutor)? { source?.executor }
}

extension RouterTime: Clock {
    public var now: MonotonicTime { source?.now ?? .now() }

    /// Timers count nanoseconds.
    public var minimumResolution: Duration { .nanoseconds(1) }

    /// Waits until `deadline`.
    /// - Throws: `CancellationError` when the task is cancelled first.
    public func sleep(until deadline: MonotonicTime, tolerance: Duration? = nil) async throws {
        if let source {
            try await source.sleep(until: deadline)
        } else {
            try await Task.sleep(for: MonotonicTime.now().duration(to: deadline), tolerance: tolerance)
        }
    }
}

extension RouterTime: Equatable {
    public static func == (left: RouterTime, right: RouterTime) -> Bool { left.source === right.source }
}

private struct RandomBits: RandomNumberGenerator {
    let time: RouterTime
    private var system = SystemRandomNumberGenerator()

    init(time: RouterTime) {
        self.time = time
    }

    mutating func next() -> UInt64 { time.source?.randomBits() ?? system.next() }
}

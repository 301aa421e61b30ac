import Synchronization

/// Lets messages through at a rate: a token bucket for the route, or one for each key.
///
/// Waits are cancellable, measured, and first come first served.
public struct Throttle: Middleware {
    /// Permits a second. More than 0.
    public var rate: Double
    /// Permits saved up while nothing comes. At least 1; default 1.
    public var burst: Int
    /// What each bucket is for; nil, the default, is one bucket for the route.
    public var key: KeySelector?
    /// Keys that are told apart at once; further ones share a bucket. Default 10,000.
    public var maximumKeys: Int

    public init(rate: Double, burst: Int = 1, key: KeySelector? = nil, maximumKeys: Int = 10_000) {
        self.rate = rate
        self.burst = burst
        self.key = key
        self.maximumKeys = maximumKeys
    }

    /// - Parameter field: what stands before the fields' names in the error.
    package func validate(_ field: String) throws(ConfigurationError) {
        try ConfigurationCheck.all(of: field) { check in
            check("rate", rate > 0 && rate.isFinite, expected: "more than 0", value: "\(rate)")
            check("burst", burst, in: 1...)
            check("maximumKeys", maximumKeys, in: 1...)
        }
    }

    public func wrap(_ next: @escaping Handler, for route: RouteScope) throws -> Handler {
        try validate("Throttle")
        let (key, time) = (key, route.time)
        let buckets = ThrottleBuckets(rate: rate, burst: burst, maximumKeys: maximumKeys)
        let waited = route.instruments.histogram(.throttleWait, [route.label])
        let waiting = route.instruments.gauge(.throttleWaiting, [route.label])
        route.instruments.gauge(.throttlePermits, [route.label]).set(rate)
        route.instruments.onRefresh(for: buckets) { [weak buckets] in
            if let buckets { waiting.set(Double(buckets.waiting.load(ordering: .relaxed))) }
        }
        return { message, context in
            let nanoseconds = buckets.take(key?.select(message) ?? [], at: time.now)
            waited.observe(nanoseconds: nanoseconds)
            if nanoseconds > 0 {
                buckets.waiting.wrappingAdd(1, ordering: .relaxed)
                defer { buckets.waiting.wrappingSubtract(1, ordering: .relaxed) }
                try await context.wait(for: .nanoseconds(Int64(clamping: nanoseconds)), booking: .throttle)
            }
            return try await next(message, context)
        }
    }
}

private final class ThrottleBuckets: Sendable {
    let waiting = Atomic<Int>(0)
    private let rate: Double
    private let burst: Int
    private let maximumKeys: Int
    private let buckets = Mutex<[[UInt8]: TokenBucket]>([:])

    init(rate: Double, burst: Int, maximumKeys: Int) {
        self.rate = rate
        self.burst = burst
        self.maximumKeys = maximumKeys
    }

    func take(_ key: [UInt8], at now: MonotonicTime) -> UInt64 {
        buckets.withLock { buckets in
            var key = key
            if buckets[key] == nil, buckets.count >= maximumKeys {
                // A full bucket remembers nothing, so forgetting it changes nothing.
                buckets = buckets.filter { !$0.value.isFull(at: now) }
                if buckets.count >= maximumKeys { key = [] }
            }
            return buckets[key, default: TokenBucket(rate: rate, burst: burst)].take(at: now)
        }
    }
}

extension Metric {
    static let throttleArea = Area(
        "Throttle", "For routes with the middleware Throttle.", [throttleWait, throttleWaiting, throttlePermits])

    public static let throttleWait = histogram(
        "sluice_throttle_wait_seconds",
        labels: [.handler],
        buckets: Buckets.wait,
        help: "Time waited for a permit, 0 when there was one at once.")
    public static let throttleWaiting = gauge(
        "sluice_throttle_waiting",
        labels: [.handler],
        help: "Messages that wait for a permit.")
    public static let throttlePermits = gauge(
        "sluice_throttle_permits_per_second",
        labels: [.handler],
        help: "Permits a second that Throttle gives.")
}

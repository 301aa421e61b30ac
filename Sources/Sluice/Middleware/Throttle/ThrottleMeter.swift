import Synchronization

/// What a route shows of the permits that its messages wait for, be they its own ``Throttle``'s or its destination's.
final class ThrottleMeter: Sendable {
    private let waited: HistogramHandle
    private let waiting = Atomic<Int>(0)
    private let lines = Mutex<[ThrottleLine]>([])

    init(_ route: RouteScope) {
        waited = route.instruments.histogram(.throttleWait, [route.label])
        let shown = route.instruments.gauge(.throttleWaiting, [route.label])
        let permits = route.instruments.gauge(.throttlePermits, [route.label])
        route.instruments.onRefresh(for: self) { [weak self] in
            guard let self else { return }
            shown.set(Double(waiting.load(ordering: .relaxed)))
            permits.set(lines.withLock { $0.compactMap(\.rate).min() } ?? 0)
        }
    }

    /// The route waits for permits of this line, too.
    func follow(_ line: ThrottleLine) {
        lines.withLock { lines in
            if !lines.contains(where: { $0 === line }) { lines.append(line) }
        }
    }

    func beginWaiting() { waiting.wrappingAdd(1, ordering: .relaxed) }

    func endWaiting() { waiting.wrappingSubtract(1, ordering: .relaxed) }

    /// A permit was there, after so long.
    func note(_ nanoseconds: UInt64) { waited.observe(nanoseconds: nanoseconds) }
}

extension Metric {
    static let throttleArea = Area(
        "Throttle", "For routes with the middleware Throttle, or to a destination with a throttle.",
        [throttleWait, throttleWaiting, throttlePermits])

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
        help:
            "Permits a second that there are now: fewer than the throttle's rate after the destination has asked to slow down. Routes to one destination share its throttle's."
    )
}

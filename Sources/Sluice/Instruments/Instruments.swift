public import CoreMetrics
import Synchronization

/// Makes the handles to the catalogue's metrics, on any backend of swift-metrics.
///
/// Handles are made when a route is built; nothing on the message path looks one up by name. What can be read rather
/// than counted (backlog, messages in flight) is pushed into its gauge by ``refresh()``: call it before each export.
///
/// For Prometheus take those of SluiceMetrics's `PrometheusBackend`, which refreshes them, shows help texts and buckets, and
/// keeps exemplars: `Router(instruments: PrometheusBackend().instruments, logger: logger)`.
public final class Instruments: Sendable {
    private let factory: any MetricsFactory
    /// Nil where the backend does not show what a metric is.
    private let describing: (any MetricDescribing)?
    private let sources = Mutex<[Source]>([])
    private let parts = Mutex<[WeakPart]>([])
    /// What these are a part of.
    private let whole: Instruments?

    private struct WeakPart {
        weak var instruments: Instruments?
    }

    private struct Source: Sendable {
        /// Nil where the update is for good.
        weak var owner: (any AnyObject & Sendable)?
        let isOwned: Bool
        let update: @Sendable () -> Void

        var isOver: Bool { isOwned && owner == nil }
    }

    /// - Parameter factory: the backend; the one that `MetricsSystem` was bootstrapped with unless given.
    public init(factory: any MetricsFactory = MetricsSystem.factory) {
        self.factory = factory
        describing = factory as? any MetricDescribing
        whole = nil
    }

    private init(partOf whole: Instruments) {
        factory = whole.factory
        describing = whole.describing
        self.whole = whole
    }

    /// Instruments on the same backend for a part that may end before the rest, such as a route: refreshed with these
    /// until it ends.
    package func part() -> Instruments {
        let part = Instruments(partOf: self)
        parts.withLock { parts in
            parts.removeAll { $0.instruments == nil }
            parts.append(WeakPart(instruments: part))
        }
        return part
    }

    /// The part has ended: its figures are brought up to date for the last time, and everything that they were read from
    /// is let go.
    package func end() {
        refreshSources()
        sources.withLock { $0 = [] }
        whole?.parts.withLock { parts in parts.removeAll { $0.instruments == nil || $0.instruments === self } }
    }

    /// How many closures ``refresh()`` calls, those of parts included.
    package var sourceCount: Int {
        let parts = parts.withLock { $0.compactMap(\.instruments) }
        return parts.reduce(sources.withLock(\.count)) { $0 + $1.sourceCount }
    }

    /// Whether anybody collects: when not, nothing is measured and no clock is read.
    package var isActive: Bool { !(factory is NOOPMetricsHandler) }

    /// The counter of this metric with these label values. It exists at 0 from now on.
    /// - Parameter startsAtZero: whether it is made while the program runs, for a label's value that was not known: each
    ///   Prometheus sees it at 0 once before it sees what it counts, where the backend can do that (``ZeroFirst``).
    public func counter(
        _ metric: Metric, _ labels: [(String, String)] = [], startsAtZero: Bool = false
    ) -> CounterHandle {
        describing?.describe(metric)
        let handler = factory.makeCounter(label: metric.name, dimensions: labels)
        if startsAtZero { (handler as? any ZeroFirst)?.startAtZero() }
        return CounterHandle(handler: handler)
    }

    /// The gauge of this metric with these label values. It exists at 0 from now on.
    public func gauge(_ metric: Metric, _ labels: [(String, String)] = []) -> GaugeHandle {
        describing?.describe(metric)
        let handler = factory.makeMeter(label: metric.name, dimensions: labels)
        handler.set(0.0)
        return GaugeHandle(handler: handler)
    }

    /// The histogram of this metric with these label values. It exists, empty, from now on.
    /// - Parameter startsAtZero: as for a counter.
    public func histogram(
        _ metric: Metric, _ labels: [(String, String)] = [], startsAtZero: Bool = false
    ) -> HistogramHandle {
        describing?.describe(metric)
        let handler = factory.makeRecorder(label: metric.name, dimensions: labels, aggregate: true)
        if startsAtZero { (handler as? any ZeroFirst)?.startAtZero() }
        return HistogramHandle(handler: handler)
    }

    /// Ends a series whose label's value has come to its end. What still counts into it is not shown.
    public func retire(_ counter: CounterHandle) { factory.destroyCounter(counter.handler) }

    /// Ends a series whose label's value has come to its end.
    public func retire(_ gauge: GaugeHandle) { factory.destroyMeter(gauge.handler) }

    /// Ends a series whose label's value has come to its end. What still observes into it is not shown.
    public func retire(_ histogram: HistogramHandle) { factory.destroyRecorder(histogram.handler) }

    /// Calls `update` at each ``refresh()``, for gauges that are read and not counted.
    /// - Parameter owner: whose gauge it is: `update` ends with it. Nil, the default, is for as long as the program runs.
    public func onRefresh(
        for owner: (any AnyObject & Sendable)? = nil, _ update: @escaping @Sendable () -> Void
    ) {
        sources.withLock { sources in
            sources.removeAll(where: \.isOver)
            sources.append(Source(owner: owner, isOwned: owner != nil, update: update))
        }
    }

    /// Brings every gauge that is read, and every counter that is summed, up to date.
    public func refresh() {
        refreshSources()
    }

    private func refreshSources() {
        for source in sources.withLock(\.self) where !source.isOver { source.update() }
        for part in parts.withLock({ $0.compactMap(\.instruments) }) { part.refreshSources() }
    }
}

public import CoreMetrics
public import Logging

/// Makes the handles to metrics, on any backend of swift-metrics.
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
    private let sources: RefreshSources
    private let names: MetricNames
    /// Labels whose values are known here: a route's name.
    private let known: [(String, String)]
    /// What values of labels from outside come and go by.
    let time: RouterTime
    private let ownLogger: Logger?
    /// Made when there is something to say, since logging is often set up after metrics.
    var logger: Logger { ownLogger ?? Logger(label: "sluice.metrics") }

    /// - Parameters:
    ///   - factory: the backend; the one that `MetricsSystem` was bootstrapped with unless given.
    ///   - logger: is told of metrics that are used otherwise than they were declared. Default: the label `sluice.metrics`.
    public init(factory: any MetricsFactory = MetricsSystem.factory, logger: Logger? = nil) {
        self.factory = factory
        ownLogger = logger
        describing = factory as? any MetricDescribing
        sources = RefreshSources()
        names = MetricNames()
        known = []
        time = .real
    }

    private init(
        of whole: Instruments, _ sources: RefreshSources, known: [(String, String)], time: RouterTime
    ) {
        factory = whole.factory
        ownLogger = whole.ownLogger
        describing = whole.describing
        names = whole.names
        self.sources = sources
        self.known = known
        self.time = time
    }

    /// Instruments on the same backend for a part that may end before the rest, such as a route: refreshed with these
    /// until it ends.
    package func part() -> Instruments {
        Instruments(of: self, RefreshSources(partOf: sources), known: known, time: time)
    }

    /// The same, where these labels have these values in every family that has them.
    func labelled(_ labels: [(String, String)], time: RouterTime) -> Instruments {
        Instruments(of: self, sources, known: known + labels, time: time)
    }

    /// These labels, and what is known here of the metric's others.
    func completing(_ labels: [(String, String)], for metric: Metric) -> [(String, String)] {
        labels
            + known.filter { label, _ in
                metric.labels.contains { $0.name == label } && !labels.contains { $0.0 == label }
            }
    }

    /// The part has ended: its figures are brought up to date for the last time, and everything that they were read from
    /// is let go.
    package func end() {
        sources.end()
    }

    /// How many closures ``refresh()`` calls, those of parts included.
    package var sourceCount: Int { sources.count }

    /// Says in the log where its names are not shown as they are.
    func check(_ metric: Metric) { names.check(metric, logger) }

    private func describe(_ metric: Metric) {
        check(metric)
        describing?.describe(metric)
    }

    /// Whether a backend collects: when not, nothing is measured and no clock is read.
    package var isActive: Bool { !(factory is NOOPMetricsHandler) }

    /// The counter of this metric with these label values. It exists at 0 from now on.
    /// - Parameters:
    ///   - metric: a counter.
    ///   - labels: their names and values.
    ///   - startsAtZero: whether it is made while the program runs, for a label's value that was not known: each
    ///     Prometheus sees it at 0 once before it sees what it counts, where the backend can do that (``ZeroFirst``).
    public func counter(
        _ metric: Metric, _ labels: [(String, String)] = [], startsAtZero: Bool = false
    ) -> CounterHandle {
        describe(metric)
        let handler = factory.makeCounter(label: metric.name, dimensions: labels)
        if startsAtZero { (handler as? any ZeroFirst)?.startAtZero() }
        return CounterHandle(handler: handler)
    }

    /// The gauge of this metric with these label values. It exists at 0 from now on.
    public func gauge(_ metric: Metric, _ labels: [(String, String)] = []) -> GaugeHandle {
        describe(metric)
        let handler = factory.makeMeter(label: metric.name, dimensions: labels)
        handler.set(0.0)
        return GaugeHandle(handler: handler)
    }

    /// The histogram of this metric with these label values. It exists, empty, from now on.
    /// - Parameters:
    ///   - metric: a histogram.
    ///   - labels: their names and values.
    ///   - startsAtZero: as for a counter.
    public func histogram(
        _ metric: Metric, _ labels: [(String, String)] = [], startsAtZero: Bool = false
    ) -> HistogramHandle {
        describe(metric)
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
    /// - Parameters:
    ///   - owner: whose gauge it is: `update` ends with it. Nil, the default, is for as long as the program runs.
    ///   - update: sets the gauges. Any thread may call it.
    public func onRefresh(
        for owner: (any AnyObject & Sendable)? = nil, _ update: @escaping @Sendable () -> Void
    ) {
        sources.add(for: owner, update)
    }

    /// Brings every gauge that is read, and every counter that is summed, up to date.
    public func refresh() {
        sources.refresh()
    }
}

/// A backend of swift-metrics that shows what a metric is: its help text, unit, labels, and buckets. Backends need not know
/// of it: the code that wires a backend to Sluice makes its factory conform, as SluiceMetrics does for Prometheus.
public protocol MetricDescribing: Sendable {
    /// Called before each of the metric's series is made.
    func describe(_ metric: Metric)
}

/// A series of a backend that can show it at 0 to each scraper once, before it shows what was counted. Backends need not
/// know of it: the code that wires a backend to Sluice makes its handlers conform.
public protocol ZeroFirst: AnyObject, Sendable {
    /// To be called before the series counts.
    func startAtZero()
}

/// A backend's histogram that keeps exemplars. Backends need not know of it: the code that wires a backend to Sluice
/// makes its handler conform.
public protocol ExemplarRecording: AnyObject, Sendable {
    /// Records `value`, with the label that leads from it to one message.
    func record(_ value: Double, exemplarLabel: String, exemplarValue: String)
}

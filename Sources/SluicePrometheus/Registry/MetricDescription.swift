/// Says beforehand what a family is, so that its exposition carries a help text, a unit, and the right buckets.
///
/// ```swift
/// registry.describe(MetricDescription("orders_total", kind: .counter, help: "Orders taken in.", labels: ["region"]))
/// ```
///
/// Families without a description work as well; their help text is the name that their first user gave.
public struct MetricDescription: Sendable, Hashable {
    /// Characters that Prometheus does not allow become `_`. A counter's `_total` may be left out.
    public var name: String
    public var kind: MetricKind
    /// One sentence for people. Default when empty: the name.
    public var help: String
    /// The base unit, such as `seconds`, for OpenMetrics' UNIT. Left out of the exposition when the name does not end
    /// in it (before `_total`), because OpenMetrics forbids that.
    public var unit: String?
    /// The labels that a series may have; a series with another one is refused and reported. Default: any.
    public var labels: [String]?
    /// The upper bounds of a histogram's buckets, without `+Inf`. They are sorted; NaN, infinities, and repetitions are
    /// dropped. Default: the registry's.
    public var buckets: [Double]?
    /// How many distinct values a label may have. What comes after is counted under the value `other`. Default: no limit.
    public var caps: [String: Int]

    public init(
        _ name: String, kind: MetricKind, help: String, unit: String? = nil, labels: [String]? = nil,
        buckets: [Double]? = nil, caps: [String: Int] = [:]
    ) {
        self.name = name
        self.kind = kind
        self.help = help
        self.unit = unit
        self.labels = labels
        self.buckets = buckets
        self.caps = caps
    }
}

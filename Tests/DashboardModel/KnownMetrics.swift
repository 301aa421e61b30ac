import Foundation
public import Sluice
public import SluiceGateway

/// Every sample's name that a query may use, with the labels that it carries.
public struct KnownMetrics: Sendable {
    private var labels: [String: Set<String>] = [:]
    private var counters: Set<String> = []
    /// Metrics by their samples' names, for what labels may say.
    private var metrics: [String: Metric] = [:]
    /// Names that recording rules give, whose labels are not known here.
    private var recorded: Set<String> = []

    /// Sluice's catalogue, the process's own metrics, and what Prometheus adds to every target.
    public init(catalogue: [Metric] = Metric.catalogue) {
        for metric in catalogue {
            let own = Set(metric.labels.map(\.name))
            for suffix in metric.kind == .histogram ? ["_bucket", "_sum", "_count"] : [""] {
                metrics[metric.name + suffix] = metric
            }
            switch metric.kind {
            case .gauge: labels[metric.name] = own
            case .counter:
                labels[metric.name] = own
                counters.insert(metric.name)
            case .histogram:
                labels[metric.name + "_bucket"] = own.union(["le"])
                for suffix in ["_sum", "_count"] { labels[metric.name + suffix] = own }
                for suffix in ["_bucket", "_sum", "_count"] { counters.insert(metric.name + suffix) }
            }
        }
        for name in [
            "process_cpu_seconds_total", "process_open_fds", "process_max_fds", "process_virtual_memory_bytes",
            "process_resident_memory_bytes", "process_start_time_seconds", "process_threads",
            "up", "scrape_duration_seconds", "scrape_samples_scraped", "scrape_samples_post_metric_relabeling",
            "scrape_series_added",
        ] { labels[name] = [] }
        counters.insert("process_cpu_seconds_total")
    }

    /// With the recording rules of the repository's `prometheus/*.yml` too.
    public static func bundled() throws -> KnownMetrics {
        var known = KnownMetrics()
        for file in try Repository.files(in: "prometheus", suffix: ".yml") {
            known.addRules(try String(contentsOf: file, encoding: .utf8))
        }
        return known
    }

    /// Adds the names of a rules file: the values of its keys `record`.
    public mutating func addRules(_ yaml: String) {
        for line in yaml.split(whereSeparator: \.isNewline) {
            let key = line.drop { $0 == " " || $0 == "-" }
            guard key.hasPrefix("record:") else { continue }
            recorded.insert(key.dropFirst(7).trimmingCharacters(in: CharacterSet(charactersIn: " \"'")))
        }
    }

    public func contains(_ metric: String) -> Bool {
        labels[metric] != nil || recorded.contains(metric)
    }

    /// Whether it only ever grows, and so has to stand inside `rate` or `increase`.
    public func isCounter(_ metric: String) -> Bool { counters.contains(metric) }

    /// A sample's labels, the target's included; nil where they are not known.
    public func labels(of metric: String) -> Set<String>? {
        labels[metric]?.union(["job", "instance"])
    }

    /// All values that a label of a sample can have; nil where they are not known in advance.
    public func values(of label: String, in metric: String) -> Set<String>? {
        guard label != "le" else {
            // From a million on, Prometheus writes bounds with an exponent.
            guard let bounds = metrics[metric]?.buckets, bounds.allSatisfy({ $0 < 1e6 }) else { return nil }
            return Set(bounds.map { "\($0)" } + ["+Inf"])
        }
        return metrics[metric]?.labels.first { $0.name == label }?.values.map(Set.init)
    }
}

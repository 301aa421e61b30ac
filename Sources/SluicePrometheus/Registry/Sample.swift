extension PrometheusRegistry {
    /// A series at one moment.
    public struct Sample: Sendable {
        private let labels: [LabelSet.Label]
        public let value: Double

        init(labels: [LabelSet.Label], value: Double) {
            self.labels = labels
            self.value = value
        }

        /// The value of a label; nil where the series does not have it.
        public subscript(label: String) -> String? { labels.first { $0.name == label }?.value }
    }
}

extension SeriesHandle {
    var value: Double {
        switch self {
        case .counter(let counter): counter.value
        case .gauge(let gauge): gauge.value
        case .histogram(let histogram): Double(histogram.count)
        }
    }
}

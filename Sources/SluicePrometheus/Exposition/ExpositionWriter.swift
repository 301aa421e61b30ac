/// Writes families into one of the two formats.
struct ExpositionWriter {
    private let isOpenMetrics: Bool
    private let novelty: Novelty?
    private var bytes: [UInt8] = []

    /// - Parameter novelty: which series are shown at 0; nil shows all as they are.
    init(format: ExpositionFormat, novelty: Novelty? = nil, capacity: Int) {
        self.novelty = novelty
        isOpenMetrics = format == .openMetrics
        bytes.reserveCapacity(capacity)
    }

    mutating func write(_ text: FamilyText, _ series: [SeriesHandle]) {
        bytes.append(contentsOf: isOpenMetrics ? text.openMetricsHeader : text.textHeader)
        for handle in series {
            switch handle {
            case .counter(let counter): write(counter, text)
            case .gauge(let gauge):
                start(text.sample, gauge.identity.labels)
                NumberText.append(gauge.value, to: &bytes)
                endLine()
            case .histogram(let histogram): write(histogram, text)
            }
        }
    }

    consuming func finish() -> [UInt8] {
        if isOpenMetrics { bytes.append(contentsOf: "# EOF\n".utf8) }
        return bytes
    }

    private mutating func write(_ counter: PrometheusCounter, _ text: FamilyText) {
        start(text.sample, counter.identity.labels)
        if let novelty, novelty.contains(counter.birth) {
            bytes.append(UInt8(ascii: "0"))
            return endLine()
        }
        let fraction = counter.fraction
        if fraction == 0 {
            NumberText.append(counter.whole, to: &bytes)
        } else {
            NumberText.append(Double(counter.whole) + fraction, to: &bytes)
        }
        if isOpenMetrics, let exemplar = counter.exemplar { bytes.append(contentsOf: exemplar) }
        endLine()
    }

    /// The count is that of the last bucket, not one kept beside it: they agree whatever happens meanwhile.
    private mutating func write(_ histogram: PrometheusHistogram, _ text: FamilyText) {
        let labels = histogram.identity.labels
        let isNew = novelty?.contains(histogram.birth) ?? false
        let exemplars = isOpenMetrics && !isNew ? histogram.exemplarTexts : []
        var count: UInt64 = 0
        for (index, bound) in text.bounds.enumerated() {
            if !isNew { count &+= histogram.count(ofBucket: index) }
            bytes.append(contentsOf: text.bucket)
            if !labels.isEmpty {
                bytes.append(contentsOf: labels)
                bytes.append(UInt8(ascii: ","))
            }
            bytes.append(contentsOf: bound)
            NumberText.append(count, to: &bytes)
            if index < exemplars.count, let exemplar = exemplars[index] { bytes.append(contentsOf: exemplar) }
            endLine()
        }
        if isOpenMetrics, text.hasNegativeBounds { return }
        start(text.sum, labels)
        NumberText.append(isNew ? 0 : histogram.sum, to: &bytes)
        endLine()
        start(text.count, labels)
        NumberText.append(count, to: &bytes)
        endLine()
    }

    private mutating func start(_ name: [UInt8], _ labels: [UInt8]) {
        bytes.append(contentsOf: name)
        if !labels.isEmpty {
            bytes.append(UInt8(ascii: "{"))
            bytes.append(contentsOf: labels)
            bytes.append(UInt8(ascii: "}"))
        }
        bytes.append(UInt8(ascii: " "))
    }

    private mutating func endLine() {
        bytes.append(UInt8(ascii: "\n"))
    }
}

import Sluice
import SluicePrometheus

/// The catalogue as Markdown: docs/METRICS.md, and what `sluice metrics` prints.
public enum MetricsDocument {
    public static var markdown: String {
        let areas = Metric.areas.map { area in
            section(area.title, area.note, area.metrics.map(Row.init), buckets: area.metrics)
        }
        let process = section(
            "Process", "The standard metrics of Prometheus' client libraries, read from `/proc` at each scrape.",
            MetricDescription.process.map(Row.init), buckets: [])
        return introduction + areas.joined() + process + labels
    }

    private static let introduction = """
        # Metrics

        What Sluice shows on `/metrics`. Made from the catalogue in `Sources/SluiceGateway/Observability` by `make docs`; `sluice metrics`
        prints it, too. Do not edit it.

        Every series whose labels are known in advance exists at 0 from the start, so that `increase()` sees the first event.
        Histograms have `_bucket`, `_sum` and `_count`; where a value belongs to one message, its bucket's exemplar is the
        message's `correlation_id`. Prometheus adds `job` and `instance`. Labels are told at the end.


        """

    private struct Row {
        let name: String
        let kind: String
        let unit: String
        let labels: [String]
        let help: String

        init(_ metric: Metric) {
            name = metric.name
            kind = metric.kind.rawValue
            unit = metric.unit ?? ""
            labels = metric.labels.map(\.name)
            help = metric.help
        }

        init(_ description: MetricDescription) {
            name = description.name
            kind = "\(description.kind)"
            unit = description.unit ?? ""
            labels = description.labels ?? []
            help = description.help
        }

        var text: String {
            let labels = labels.map { "`\($0)`" }.joined(separator: ", ")
            return "| `\(name)` | \(kind) | \(unit) | \(labels) | \(help) |\n"
        }
    }

    private static func section(_ title: String, _ note: String, _ rows: [Row], buckets: [Metric]) -> String {
        "## \(title)\n\n\(note)\n\n| metric | kind | unit | labels | meaning |\n|---|---|---|---|---|\n"
            + rows.map(\.text).joined() + "\n" + bounds(buckets)
    }

    /// The buckets of an area's histograms; those that share them in one line.
    private static func bounds(_ metrics: [Metric]) -> String {
        var lines: [(buckets: [Double], names: [String])] = []
        for metric in metrics where !metric.buckets.isEmpty {
            if let index = lines.firstIndex(where: { $0.buckets == metric.buckets }) {
                lines[index].names.append(metric.name)
            } else {
                lines.append((metric.buckets, [metric.name]))
            }
        }
        let texts = lines.map { line in
            let names = line.names.map { "`\($0)`" }.joined(separator: ", ")
            return "Buckets of \(names): \(line.buckets.map(number).joined(separator: ", ")).\n"
        }
        return texts.isEmpty ? "" : texts.joined(separator: "\n") + "\n"
    }

    private static func number(_ value: Double) -> String {
        let text = "\(value)"
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }

    /// Every label, with its values. A name that means something else in another metric stands there once for each.
    private static var labels: String {
        var rows: [(label: Metric.Label, metrics: [String])] = []
        for metric in Metric.catalogue {
            for label in metric.labels {
                if let index = rows.firstIndex(where: { isSame($0.label, label) }) {
                    rows[index].metrics.append(metric.name)
                } else {
                    let end = rows.lastIndex { $0.label.name == label.name }.map { $0 + 1 } ?? rows.endIndex
                    rows.insert((label, [metric.name]), at: end)
                }
            }
        }
        let lines = rows.map { label, metrics in
            let isAlone = rows.filter { $0.label.name == label.name }.count == 1
            let place = isAlone ? "" : " (" + metrics.map { "`\($0)`" }.joined(separator: ", ") + ")"
            return "| `\(label.name)` | \(label.meaning)\(place) | \(values(label)) |\n"
        }
        return "## Labels\n\n| label | meaning | values |\n|---|---|---|\n" + lines.joined()
    }

    private static func isSame(_ one: Metric.Label, _ other: Metric.Label) -> Bool {
        one.name == other.name && one.meaning == other.meaning && one.values == other.values && one.cap == other.cap
    }

    private static func values(_ label: Metric.Label) -> String {
        if let values = label.values { return values.map { "`\($0)`" }.joined(separator: ", ") }
        if let cap = label.cap { return "at most \(cap), the rest is `other`" }
        return ""
    }
}

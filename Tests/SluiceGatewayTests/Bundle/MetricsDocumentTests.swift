import Foundation
import Sluice
import SluiceGateway
import SluicePrometheus
import SluiceTesting
import Testing

@Suite struct MetricsDocumentTests {
    @Test func theDocumentIsTheCatalogues() throws {
        let text = try String(contentsOf: Repository.file("docs/METRICS.md"), encoding: .utf8)
        // Compared beforehand, so that a failure does not print both.
        let isCurrent = text == MetricsDocument.markdown
        #expect(isCurrent, "docs/METRICS.md is stale; run: make docs")
    }

    @Test func tellsOfEveryMetricOnce() {
        let lines = MetricsDocument.markdown.split(separator: "\n")
        for name in Metric.catalogue.map(\.name) + MetricDescription.process.map(\.name) {
            #expect(lines.filter { $0.hasPrefix("| `\(name)` |") }.count == 1, "\(name)")
        }
    }

    @Test func noCellIsTornApart() {
        for line in MetricsDocument.markdown.split(separator: "\n") where line.hasPrefix("|") {
            #expect([4, 6].contains(line.filter { $0 == "|" }.count), "\(line)")
        }
    }
}

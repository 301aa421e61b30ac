import DashboardModel
import Foundation
import Sluice
import SluiceGateway
import Testing

/// The first release's dashboards, which its users have in their Grafana: a metric that is renamed or moved keeps its old
/// family, with its labels, for one release.
@Suite struct FirstReleaseTests {
    @Test func everyQueryNamesMetricsAndLabelsThatExist() throws {
        let dashboards = try Repository.files(in: "Tests/FirstRelease", suffix: ".json").map(Dashboard.init)
        #expect(dashboards.count == 3)
        let known = try KnownMetrics.bundled()
        var count = 0
        for dashboard in dashboards {
            for panel in dashboard.panels {
                for target in panel.targets {
                    count += 1
                    let place = "\(dashboard.title) › \(panel.title)"
                    let expression = try PromQLExpression(target.expression)
                    #expect(expression.strangeLabels(known).isEmpty, "\(place)")
                    for (selector, _) in expression.selectors {
                        let metric = try #require(selector.metric)
                        #expect(known.contains(metric), "\(place): \(metric)")
                        guard let labels = known.labels(of: metric) else { continue }
                        for matcher in selector.matchers {
                            #expect(labels.contains(matcher.label), "\(place): \(metric) has no \(matcher.label)")
                        }
                    }
                }
            }
        }
        #expect(count > 100)
    }

    @Test func aDeprecatedMetricNamesTheOneThatTakesItsPlace() throws {
        let deprecated = Metric.catalogue.filter { $0.help.hasPrefix("Deprecated") }
        #expect(
            deprecated.map(\.name) == [
                "sluice_retry_budget_remaining_ratio", "sluice_deployments_total",
                "sluice_deployment_lead_time_seconds",
                "sluice_lead_times_left_out_total", "sluice_change_failures_total", "sluice_time_to_restore_seconds",
            ])
        for metric in deprecated {
            let match = try #require(metric.help.prefixMatch(of: #/Deprecated: see (\w+)\./#), "\(metric.name)")
            #expect(Metric.catalogue.contains { $0.name == match.output.1 }, "\(metric.help)")
        }
    }

    /// What is shipped uses none that goes with the next release.
    @Test func nothingThatIsShippedUsesADeprecatedMetric() throws {
        let deprecated = Metric.catalogue.filter { $0.help.hasPrefix("Deprecated") }.map(\.name)
        var texts = try Dashboard.bundled().flatMap(\.panels).flatMap(\.targets).map(\.expression)
        texts += try Repository.files(in: "prometheus", suffix: ".yml").map {
            try String(contentsOf: $0, encoding: .utf8)
        }
        for name in deprecated { #expect(!texts.contains { $0.contains(name) }, "\(name)") }
    }
}

import Foundation
import Sluice

/// Lead times as dots: a commit each, by the day of its deployment, on a scale that grows tenfold.
struct ReportDots {
    /// A minute to 60 days.
    private static let bottom = 60_000.0
    private static let top = 60 * 86_400_000.0
    private static let lines: [(Double, String)] = [
        (60_000, "1 min"), (600_000, "10 min"), (3_600_000, "1 h"), (21_600_000, "6 h"), (86_400_000, "1 d"),
        (604_800_000, "7 d"), (30 * 86_400_000, "30 d"),
    ]
    /// How many charts there are at most.
    private static let charts = 24

    private let report: DeploymentReport

    init(_ report: DeploymentReport) {
        self.report = report
    }

    var markup: String {
        // Production first: it is what a lead time is about.
        let places = report.places.filter { !$0.dots.isEmpty }.sorted {
            let (one, other) = (
                DeploymentRules.isProduction($0.environment), DeploymentRules.isProduction($1.environment)
            )
            return one != other && one
        }
        guard !places.isEmpty else { return "" }
        let charts = places.prefix(Self.charts).map { chart($0) }.joined(separator: "\n")
        return """
            <section>
            <h2>Change lead time</h2>
            <p class="note">Each dot is a commit: from its making to its deployment, by the day of the deployment. The line is the \
            median.</p>
            <div class="charts">
            \(charts)
            </div>
            </section>
            """
    }

    private func chart(_ place: DeploymentReport.Place) -> String {
        let grid = Self.lines.map { time, name in
            "<line class=\"grid\" x1=\"0\" x2=\"100%\" y1=\"\(height(time))\" y2=\"\(height(time))\"/>"
                + "<text class=\"scale\" x=\"-6\" y=\"\(height(time))\" dy=\"4\">\(name)</text>"
        }.joined()
        let dots = place.dots.map { dot in
            let time = Timestamp(millisecondsSince1970: dot.deployedAt)
            return
                "<circle cx=\"\(HTMLText.percent(report.period.share(of: time)))\" cy=\"\(height(Double(dot.leadTime)))\" r=\"2.5\"/>"
        }.joined()
        var median = ""
        if let time = place.figures.leadTime.median {
            let place = height(Double(time))
            median =
                "<line class=\"median\" x1=\"0\" x2=\"100%\" y1=\"\(place)\" y2=\"\(place)\"/>"
                + "<text class=\"median\" x=\"100%\" y=\"\(place)\" dx=\"-4\" dy=\"-4\">median \(ReportWords.duration(time))</text>"
        }
        let name = HTMLText.escape(place.service ?? "")
        let count = place.figures.leadTime.count
        return """
            <figure><figcaption><b>\(name)</b> <span class="env">\(HTMLText.escape(place.environment))</span> \
            <span class="details">\(count) \(count == 1 ? "commit" : "commits")</span></figcaption>
            <svg role="img" aria-label="lead times, median \(ReportWords.duration(place.figures.leadTime.median))">\
            \(grid)\(dots)\(median)</svg>
            <div class="days">\(days)</div></figure>
            """
    }

    private var days: String {
        "<span>\(ReportWords.day(report.period.from))</span><span>\(ReportWords.day(report.period.to))</span>"
    }

    private func height(_ milliseconds: Double) -> String {
        let clamped = min(max(milliseconds, Self.bottom), Self.top)
        let share = log(clamped / Self.bottom) / log(Self.top / Self.bottom)
        return HTMLText.percent(0.97 - share * 0.94)
    }
}

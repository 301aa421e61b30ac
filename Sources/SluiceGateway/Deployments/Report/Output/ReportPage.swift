import Sluice

/// The report as one page that asks for nothing else: no script, no font, no picture.
struct ReportPage {
    /// How many rows each table has at most.
    static let rows = 100

    let report: DeploymentReport

    init(_ report: DeploymentReport) {
        self.report = report
    }

    func text() throws -> String {
        let (period, before) = (report.period, report.period.before)
        let title = "Deployments, \(ReportWords.day(period.from)) to \(ReportWords.day(period.to))"
        return """
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <meta name="referrer" content="no-referrer">
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
            <title>\(title)</title>
            <style>\(ReportStyle.text)</style>
            </head>
            <body>
            <header>
            <h1>Deployments</h1>
            <p class="sub">\(ReportWords.minute(period.from)) to \(ReportWords.minute(period.to)) UTC\(filters). \
            Trends against the time from \(ReportWords.minute(before.from)).</p>
            </header>
            <main>
            \(try sections().joined(separator: "\n"))
            </main>
            <footer>Made by sluice \(HTMLText.escape(SluiceVersion.text)). Every word is defined in docs/DEPLOYMENTS.md; \
            what cannot be known is said to be unknown, and never guessed.</footer>
            </body>
            </html>

            """
    }

    private var filters: String {
        let asked = [
            report.query.repository.map { "repository \($0)" }, report.query.service.map { "service \($0)" },
            report.query.environment.map { "environment \($0)" },
        ].compactMap(\.self)
        return asked.isEmpty ? "" : "; \(HTMLText.escape(asked.joined(separator: ", ")))"
    }

    private func sections() throws -> [String] {
        guard !report.places.isEmpty else {
            return ["<section><p class=\"empty\">Nothing is known of any deployment in this time.</p></section>"]
        }
        return [
            ReportTimeline(report).markup, figures, ReportDots(report).markup, try ReportTables(report).markup(),
        ].filter { !$0.isEmpty }
    }

    // MARK: Figures

    private var figures: String {
        let all = report.totals + report.places
        let cards = all.map { card($0) }.joined(separator: "\n")
        return """
            <section>
            <h2>The five figures</h2>
            <p class="note">Medians are over commits or deployments. A colour says that a figure became better or worse than in the \
            period before. The bar shows of how many deployments the contents are known.</p>
            \(cards)
            </section>
            """
    }

    private func card(_ place: DeploymentReport.Place) -> String {
        let name = HTMLText.escape(place.service ?? "All services")
        let tiles = FigureRow.rows(place.figures, place.before).map { tile($0) }.joined()
        return """
            <article class="card">
            <h3>\(name) <span class="env">\(HTMLText.escape(place.environment))</span></h3>
            <div class="tiles">\(tiles)</div>
            \(coverage(place.figures))
            </article>
            """
    }

    private func tile(_ row: FigureRow) -> String {
        var mood = "even"
        if row.direction != 0, row.trend != ReportWords.same {
            mood = (row.direction > 0) == row.isBetterHigh ? "better" : "worse"
        }
        let trend =
            row.trend.isEmpty
            ? ""
            : "<span class=\"trend \(mood)\" title=\"before: \(HTMLText.escape(row.before))\">\(HTMLText.escape(row.trend))</span>"
        var parts = ["n \(row.count)"]
        if let spread = row.spread, spread.count > 0 {
            if row.spreadOf != nil { parts.append("one after \(ReportWords.duration(spread.median))") }
            parts += ["p75 \(ReportWords.duration(spread.p75))", "p95 \(ReportWords.duration(spread.p95))"]
        }
        // Lines break between them, and not inside.
        let details = parts.map(ReportWords.unbroken).joined(separator: " · ")
        return """
            <div class="tile"><div class="name">\(row.name)</div>\
            <div class="value">\(HTMLText.escape(row.value)) \(trend)</div>\
            <div class="details">\(HTMLText.escape(details))</div></div>
            """
    }

    private func coverage(_ figures: Figures) -> String {
        let baselines = figures.kinds[.baseline] ?? 0
        let all = figures.known + figures.unknownDeployments + baselines
        var notes = [ReportWords.coverage(figures)]
        if figures.leadTime.count > 0 {
            notes.append(
                "commit to push \(ReportWords.duration(figures.commitToPush.median)), push to deployment "
                    + "\(ReportWords.duration(figures.pushToDeployment.median)) (medians)")
        }
        if figures.failed > 0 {
            let rules = figures.failedBy.sorted { $0.key < $1.key }.map { "\($0.key.words) \($0.value)" }
            notes.append("failed \(figures.failed): \(rules.joined(separator: ", "))")
        }
        if figures.unrepaired > 0 { notes.append("\(figures.unrepaired) not repaired") }
        if figures.failedRollouts > 0 { notes.append("failed rollouts, in none of these: \(figures.failedRollouts)") }
        var bar = ""
        if all > 0 {
            func part(_ name: String, _ count: Int) -> String {
                count == 0
                    ? "" : "<i class=\"\(name)\" style=\"width:\(HTMLText.percent(Double(count) / Double(all)))\"></i>"
            }
            bar =
                "<div class=\"coverage\" role=\"img\" aria-label=\"coverage\">"
                + part("known", figures.known) + part("unknown", figures.unknownDeployments) + part("base", baselines)
                + "</div>"
        }
        return "\(bar)<p class=\"details\">\(HTMLText.escape(notes.joined(separator: "; ")))</p>"
    }
}

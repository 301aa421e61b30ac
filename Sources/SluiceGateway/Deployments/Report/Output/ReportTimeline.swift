import Sluice

/// What was live when: a row for each service and environment.
struct ReportTimeline {
    /// How many failed rollouts a row shows.
    private static let rollouts = 400

    private let report: DeploymentReport

    init(_ report: DeploymentReport) {
        self.report = report
    }

    var markup: String {
        let rows = report.places.map { row($0) }.joined(separator: "\n")
        return """
            <section>
            <h2>What was live when</h2>
            <p class="legend"><span><i class="base"></i> baseline</span><span><i class="forward"></i> forward</span>\
            <span><i class="hotfix"></i> hotfix</span><span><i class="rollback"></i> rollback</span>\
            <span><i class="forward failed"></i> failed</span><span><span class="x">×</span> failed rollout</span>\
            <span><i class="incident"></i> incident</span></p>
            <div class="timeline">
            \(rows)
            \(axis)
            </div>
            </section>
            """
    }

    private func row(_ place: DeploymentReport.Place) -> String {
        let service = place.service ?? ""
        let bars = place.live.map { stretch in
            stretch.deployment.map { bar($0, until: stretch.to) } ?? thinBar(stretch)
        }.joined()
        let isProduction = DeploymentRules.isProduction(place.environment)
        let incidents =
            isProduction ? report.incidents.filter { $0.service == service }.map { incident($0) }.joined() : ""
        let rollouts = report.rollouts
            .filter { $0.service == service && $0.environment == place.environment }.prefix(Self.rollouts)
            .map { rollout($0) }.joined()
        return """
            <div class="row"><div class="label"><b>\(HTMLText.escape(service))</b> \
            <span class="env">\(HTMLText.escape(place.environment))</span></div>\
            <div class="track">\(bars)\(incidents)\(rollouts)</div></div>
            """
    }

    private func bar(_ deployment: DeploymentReport.Deployment, until end: Timestamp) -> String {
        let (from, to) = (share(deployment.finishedAt), share(end))
        let name = deployment.version ?? ReportWords.short(deployment.commit)
        let kind = deployment.kind == .baseline ? "base" : deployment.kind.rawValue
        let verdict = ReportWords.verdict(deployment)
        let facts = [
            "\(name): \(ReportWords.title(deployment.kind, deployment.rule))",
            "\(ReportWords.minute(deployment.finishedAt)) UTC", ReportWords.contents(deployment), verdict,
        ].filter { !$0.isEmpty && $0 != ReportWords.none }.joined(separator: "; ")
        let title = HTMLText.escape(facts)
        // Hours of a month are too narrow for a name.
        let text = to - from > 0.035 ? HTMLText.escape(name) : ""
        return "<i class=\"\(kind)\(verdict.isEmpty ? "" : " failed")\" style=\"left:\(HTMLText.percent(from));"
            + "width:\(HTMLText.percent(max(0, to - from)))\" title=\"\(title)\">\(text)</i>"
    }

    /// Without words, and close to its neighbours.
    private func thinBar(_ stretch: DeploymentReport.LiveStretch) -> String {
        let (from, to) = (share(stretch.from), share(stretch.to))
        let kind = stretch.kind == .baseline ? "base" : stretch.kind.rawValue
        let time = ReportWords.minute(stretch.from)
        let title =
            stretch.count == 1
            ? "\(kind), \(time) UTC" : "\(stretch.count) deployments, \(time) to \(ReportWords.minute(stretch.to)) UTC"
        return "<i class=\"thin \(kind)\(stretch.hasFailed ? " failed" : "")\" style=\"left:\(HTMLText.percent(from));"
            + "width:\(HTMLText.percent(max(0, to - from)))\" title=\"\(title)\"></i>"
    }

    private func incident(_ incident: DeploymentReport.Incident) -> String {
        let (from, to) = (share(incident.openedAt), share(incident.resolvedAt ?? report.period.to))
        let end = incident.resolvedAt.map { "resolved \(ReportWords.minute($0))" } ?? "no end is known"
        let title = "incident \(incident.id): opened \(ReportWords.minute(incident.openedAt)), \(end)"
        return
            "<i class=\"incident\" style=\"left:\(HTMLText.percent(from));width:\(HTMLText.percent(max(0, to - from)))\" "
            + "title=\"\(HTMLText.escape(title))\"></i>"
    }

    private func rollout(_ rollout: DeploymentReport.Rollout) -> String {
        let name = rollout.version ?? ReportWords.short(rollout.commit)
        let title = "failed rollout of \(name), \(ReportWords.minute(rollout.failedAt))"
        return "<span class=\"x\" style=\"left:\(HTMLText.percent(share(rollout.failedAt)))\" "
            + "title=\"\(HTMLText.escape(title))\">×</span>"
    }

    private func share(_ time: Timestamp) -> Double { report.period.share(of: time) }

    private var axis: String {
        let ticks = report.period.ticks.map { tick in
            "<span style=\"left:\(HTMLText.percent(share(tick)))\">\(ReportWords.day(tick).dropFirst(5))</span>"
        }.joined()
        return "<div class=\"row axis\"><div class=\"label\"></div><div class=\"track\">\(ticks)</div></div>"
    }
}

extension DeploymentReport.Period {
    /// How far into the period a time is, from 0 to 1.
    func share(of time: Timestamp) -> Double {
        let length = to.milliseconds(since: from)
        guard length > 0 else { return 0 }
        return min(max(Double(time.milliseconds(since: from)) / Double(length), 0), 1)
    }

    /// Midnights to write below an axis: about six.
    var ticks: [Timestamp] {
        let day: Int64 = 86_400_000
        let days = max(1, to.milliseconds(since: from) / day)
        let step = max(1, (days + 5) / 6) * day
        let start = (from.millisecondsSince1970 + day - 1) / day * day
        guard start >= 0, to.millisecondsSince1970 > start else { return [] }
        return stride(from: start, to: to.millisecondsSince1970, by: Int64.Stride(step))
            .map { Timestamp(millisecondsSince1970: $0) }
    }
}

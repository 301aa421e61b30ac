import Sluice

/// The page's tables: what is not in production, the deployments and their verdicts, failed rollouts.
struct ReportTables {
    private let report: DeploymentReport

    init(_ report: DeploymentReport) {
        self.report = report
    }

    func markup() throws -> String {
        [pending, deployments, rollouts, incidents, try commits()].filter { !$0.isEmpty }.joined(separator: "\n")
    }

    private func section(_ title: String, _ columns: [String], _ rows: [[String]], more: Int = 0) -> String {
        guard !rows.isEmpty else { return "" }
        let head = columns.map { "<th scope=\"col\">\($0)</th>" }.joined()
        let body = rows.map { cells in
            "<tr>"
                + zip(columns, cells).map { name, cell in
                    cell.isEmpty ? "<td class=\"none\"></td>" : "<td data-name=\"\(name)\"><span>\(cell)</span></td>"
                }.joined() + "</tr>"
        }.joined(separator: "\n")
        let rest = more > 0 ? "<p class=\"note\">and \(more) more</p>" : ""
        return """
            <section>
            <h2>\(title)</h2>
            <table class="\(columns.count > 5 ? "wide" : "narrow")"><thead><tr>\(head)</tr></thead><tbody>
            \(body)
            </tbody></table>\(rest)
            </section>
            """
    }

    private func code(_ version: String?, _ commit: String, _ url: String?) -> String {
        "<code>\(HTMLText.link(version ?? ReportWords.short(commit), url))</code>"
    }

    private func list(_ commits: [DeploymentReport.Commit], of count: Int) -> String {
        guard !commits.isEmpty else { return "" }
        let shown = commits.suffix(10).reversed()
        var lines = shown.map { commit in
            let lead =
                commit.leadTime.map {
                    " <span class=\"details\">· \(ReportWords.unbroken(ReportWords.duration($0)))</span>"
                } ?? ""
            return "<li><code>\(HTMLText.escape(ReportWords.short(commit.id)))</code> \(HTMLText.escape(commit.title)) "
                + "<span class=\"details\">\(HTMLText.escape(commit.author))</span>\(lead)</li>"
        }
        if count > shown.count { lines.append("<li class=\"details\">and \(count - shown.count) more</li>") }
        return "<ul>\(lines.joined())</ul>"
    }

    private var pending: String {
        let rows = report.pending.filter { $0.state != .same }.prefix(ReportPage.rows).map { one in
            [
                "<b>\(HTMLText.escape(one.service))</b>", HTMLText.escape(one.environment), code(nil, one.commit, nil),
                ReportWords.minute(one.since),
                HTMLText.escape(ReportTable.words(of: one)) + list(one.commits, of: one.commitCount),
            ]
        }
        return section("Not in production", ["Service", "Environment", "Commit", "Since", "Commits"], Array(rows))
    }

    private var deployments: String {
        let rows = report.deployments.prefix(ReportPage.rows).map { deployment in
            let verdict = ReportWords.verdict(deployment)
            let kind = deployment.kind == .baseline ? "base" : deployment.kind.rawValue
            return [
                ReportWords.minute(deployment.finishedAt), "<b>\(HTMLText.escape(deployment.service))</b>",
                HTMLText.escape(deployment.environment), code(deployment.version, deployment.commit, deployment.url),
                "<span class=\"kind \(kind)\" title=\"\(deployment.rule.words)\">\(deployment.kind.rawValue)</span>"
                    + (deployment.rule.isUsual ? "" : " <span class=\"details\">\(deployment.rule.words)</span>"),
                HTMLText.escape(ReportWords.contents(deployment))
                    + list(deployment.commits, of: deployment.commitCount),
                verdict.isEmpty ? "" : "<span class=\"failure\">\(HTMLText.escape(verdict))</span>",
            ]
        }
        return section(
            "Deployments", ["Deployed", "Service", "Environment", "Commit", "Kind", "Contents", "Verdict"], Array(rows),
            more: report.deployments.count + report.moreDeployments - rows.count)
    }

    private var rollouts: String {
        let rows = report.rollouts.prefix(ReportPage.rows).map { rollout in
            [
                ReportWords.minute(rollout.failedAt), "<b>\(HTMLText.escape(rollout.service))</b>",
                HTMLText.escape(rollout.environment), code(rollout.version, rollout.commit, rollout.url),
            ]
        }
        return section(
            "Failed rollouts", ["Failed", "Service", "Environment", "Commit"], Array(rows),
            more: report.rollouts.count - rows.count)
    }

    private var incidents: String {
        let rows = report.incidents.prefix(ReportPage.rows).map { incident in
            [
                ReportWords.minute(incident.openedAt), "<b>\(HTMLText.escape(incident.service))</b>",
                HTMLText.escape(incident.id),
                incident.resolvedAt.map { ReportWords.duration($0.milliseconds(since: incident.openedAt)) }
                    ?? "no end is known",
            ]
        }
        return section(
            "Incidents", ["Opened", "Service", "Id", "Lasted"], Array(rows), more: report.incidents.count - rows.count)
    }

    private func commits() throws -> String {
        guard let commits = report.commits else { return "" }
        var rows: [[String]] = []
        try commits.forEach(limit: 10 * ReportPage.rows) { row in
            let arrivals = row.arrivals.map { arrival in
                let place =
                    "\(HTMLText.escape(arrival.service)) <span class=\"env\">\(HTMLText.escape(arrival.environment))</span>"
                let words = arrival.at.map { "\(ReportWords.minute($0))" } ?? ""
                let lead = arrival.leadTime.map { ReportWords.duration($0) }
                let rest = [lead, arrival.why].compactMap(\.self).joined(separator: ", ")
                return "<li>\(place) \(words) <span class=\"details\">\(HTMLText.escape(rest))</span></li>"
            }
            rows.append([
                "<code>\(HTMLText.escape(ReportWords.short(row.commit.id)))</code>", HTMLText.escape(row.repository),
                HTMLText.escape(row.commit.author), ReportWords.minute(row.commit.pushedAt),
                HTMLText.escape(row.commit.title), "<ul>\(arrivals.joined())</ul>",
            ])
        }
        return section(
            "Commits", ["Commit", "Repository", "Author", "Pushed", "Title", "Deployed"], rows,
            more: commits.count - rows.count)
    }
}

import Sluice

/// The report for a terminal.
struct ReportTable {
    /// How many of the last deployments are shown, and how many commits of each.
    private static let deployments = 20
    private static let commits = 5

    let report: DeploymentReport
    let width: Int

    /// - Parameter width: of a line, in columns.
    init(_ report: DeploymentReport, width: Int = .max) {
        self.report = report
        self.width = width
    }

    /// - Parameter output: takes the text in pieces.
    func write(to output: @escaping ([UInt8]) throws -> Void) throws {
        guard let commits = report.commits else {
            return try output(Self.paragraphs([head, figures, pending, deployments, rollouts]))
        }
        try output(Self.paragraphs([head]) + [UInt8(ascii: "\n")])
        try ReportCommitTable(commits, width: width).write(to: output)
    }

    private static func paragraphs(_ parts: [[String]]) -> [UInt8] {
        Array(
            parts.filter { !$0.isEmpty }.map { $0.joined(separator: "\n") + "\n" }.joined(separator: "\n").utf8)
    }

    private var head: [String] {
        let (period, before) = (report.period, report.period.before)
        var lines = [
            "Deployments from \(ReportWords.minute(period.from)) to \(ReportWords.minute(period.to)) UTC; "
                + "trends against the time from \(ReportWords.minute(before.from))"
        ]
        if report.places.isEmpty { lines.append("Nothing is known of any deployment.") }
        return lines
    }

    // MARK: Figures

    private var figures: [String] {
        guard !report.places.isEmpty else { return [] }
        var table = TextTable([
            "SERVICE", "ENVIRONMENT", "FIGURE", "VALUE>", "N>", "MEDIAN>", "P75>", "P95>", "TREND>", "COVERAGE",
        ])
        for place in report.totals + report.places { add(place, &table) }
        return table.lines(width: width)
    }

    private func add(_ place: DeploymentReport.Place, _ table: inout TextTable) {
        let rows = FigureRow.rows(place.figures, place.before)
        for (index, row) in rows.enumerated() {
            let coverage: String =
                switch index {
                case 0: ReportWords.coverage(place.figures)
                case 2: rules(place.figures)
                case 3: place.figures.unrepaired > 0 ? "\(place.figures.unrepaired) not repaired" : ""
                case 4: place.figures.failedRollouts > 0 ? "failed rollouts: \(place.figures.failedRollouts)" : ""
                default: ""
                }
            table.add([
                index == 0 ? place.service ?? "(all)" : "", index == 0 ? place.environment : "", row.name, row.value,
                "\(row.count)", row.spread.map { ReportWords.duration($0.median) } ?? "",
                row.spread.map { ReportWords.duration($0.p75) } ?? "",
                row.spread.map { ReportWords.duration($0.p95) } ?? "", row.trend, coverage,
            ])
        }
    }

    private func rules(_ figures: Figures) -> String {
        guard figures.failed > 0 else { return "" }
        let rules = figures.failedBy.sorted { $0.key < $1.key }.map { "\($0.key.rawValue) \($0.value)" }
        return "failed \(figures.failed): \(rules.joined(separator: ", "))"
    }

    // MARK: Deployments

    private var pending: [String] {
        let waiting = report.pending.filter { $0.state != .same }
        guard !waiting.isEmpty else { return [] }
        var table = TextTable(["NOT IN PRODUCTION", "ENVIRONMENT", "COMMIT", "SINCE", "COMMITS", ""])
        for one in waiting {
            table.add([
                one.service, one.environment, ReportWords.short(one.commit), ReportWords.minute(one.since),
                Self.words(of: one), one.commits.last.map(\.title) ?? "",
            ])
        }
        return table.lines(width: width)
    }

    static func words(of pending: DeploymentReport.Pending) -> String {
        switch pending.state {
        case .same: "the same"
        case .ahead: "\(pending.gap == nil ? "" : "at least ")\(pending.commitCount) ahead"
        case .behind: "behind production"
        case .notInProduction: "never in production"
        case .unknown: "unknown: \(pending.gap?.words ?? "")"
        }
    }

    private var deployments: [String] {
        guard !report.deployments.isEmpty else { return [] }
        var table = TextTable(["DEPLOYED", "SERVICE", "ENVIRONMENT", "COMMIT", "KIND", "CONTENTS", "VERDICT"])
        for deployment in report.deployments.prefix(Self.deployments) {
            table.add([
                ReportWords.minute(deployment.finishedAt), deployment.service, deployment.environment,
                deployment.version ?? ReportWords.short(deployment.commit),
                ReportWords.brief(deployment.kind, deployment.rule), ReportWords.contents(deployment),
                ReportWords.verdict(deployment),
            ])
        }
        let rows = table.lines(width: width)
        let details = report.deployments.prefix(Self.deployments).map { self.details(of: $0) }
        let more = report.deployments.count + report.moreDeployments - Self.deployments
        return rows.prefix(1) + zip(rows.dropFirst(), details).flatMap { [$0] + $1 }
            + (more > 0 ? ["and \(more) more deployments"] : [])
    }

    /// The newest of what it brought, below it.
    private func details(of deployment: DeploymentReport.Deployment) -> [String] {
        var table = TextTable(["", "", "", ""])
        for commit in deployment.commits.suffix(Self.commits).reversed() {
            table.add(["   ", ReportWords.short(commit.id), commit.author, commit.title])
        }
        let more = deployment.commitCount - Self.commits
        if more > 0, !deployment.commits.isEmpty { table.add(["   ", "and \(more) more"]) }
        return Array(table.lines(width: width).dropFirst())
    }

    private var rollouts: [String] {
        guard !report.rollouts.isEmpty else { return [] }
        var table = TextTable(["FAILED ROLLOUT", "SERVICE", "ENVIRONMENT", "COMMIT"])
        for rollout in report.rollouts.prefix(Self.deployments) {
            table.add([
                ReportWords.minute(rollout.failedAt), rollout.service, rollout.environment,
                rollout.version ?? ReportWords.short(rollout.commit),
            ])
        }
        let more = report.rollouts.count - Self.deployments
        return table.lines(width: width) + (more > 0 ? ["and \(more) more failed rollouts"] : [])
    }
}

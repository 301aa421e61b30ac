import Sluice

/// The report for spreadsheets: a row a figure, or with `--commits` a row for each commit and service. Durations are in
/// seconds.
struct ReportCSV {
    let report: DeploymentReport

    init(_ report: DeploymentReport) {
        self.report = report
    }

    /// - Parameter output: takes the text in pieces.
    func write(to output: @escaping ([UInt8]) throws -> Void) throws {
        if let commits = report.commits { try write(commits, to: output) } else { try output(figures) }
    }

    private var figures: [UInt8] {
        var writer = CSVWriter()
        writer.row(
            [
                "service", "environment", "figure", "value", "unit", "n", "median", "p75", "p95", "value_before",
                "n_before", "deployments_known", "deployments_unknown", "baselines", "from", "to",
            ].map { .text($0) })
        for place in report.places { add(place, &writer) }
        return writer.bytes
    }

    private func add(_ place: DeploymentReport.Place, _ writer: inout CSVWriter) {
        let (now, before) = (place.figures, place.before)
        func row(
            _ figure: String, _ value: Double?, _ unit: String, _ count: Int, _ spread: Spread?, _ then: Double?,
            _ countThen: Int
        ) {
            writer.row([
                .text(place.service), .text(place.environment), .text(figure), .number(value), .text(unit),
                .count(count), .number(Self.seconds(spread?.median)), .number(Self.seconds(spread?.p75)),
                .number(Self.seconds(spread?.p95)), .number(then), .count(countThen), .count(now.known),
                .count(now.unknownDeployments), .count(now.kinds[.baseline] ?? 0),
                .text(RFC3339.format(report.period.from)), .text(RFC3339.format(report.period.to)),
            ])
        }
        row(
            "change_lead_time", Self.seconds(now.leadTime.median), "seconds", now.leadTime.count, now.leadTime,
            Self.seconds(before.leadTime.median), before.leadTime.count)
        row(
            "deployment_frequency", now.perDay, "per_day", now.shipping, now.interval, before.perDay, before.shipping)
        row(
            "change_fail_rate", now.failRate, "ratio", now.shipping, nil, before.failRate, before.shipping)
        row(
            "failed_deployment_recovery_time", Self.seconds(now.recovery.median), "seconds", now.recovery.count,
            now.recovery, Self.seconds(before.recovery.median), before.recovery.count)
        row(
            "deployment_rework_rate", now.reworkRate, "ratio", now.deployments, nil, before.reworkRate,
            before.deployments)
    }

    private func write(_ commits: CommitListing, to output: @escaping ([UInt8]) throws -> Void) throws {
        var pieces = OutputPieces(output)
        var writer = CSVWriter()
        let environments = commits.environments
        var head = ["repository", "commit", "author", "title", "made", "pushed", "service"]
        for environment in environments {
            head += ["\(environment)_deployed", "\(environment)_lead_time_seconds", "\(environment)_note"]
        }
        writer.row(head.map { .text($0) })
        try commits.forEach { row in
            let commit = row.commit
            let services = Set(row.arrivals.map(\.service)).sorted()
            for service in services.isEmpty ? [nil] : services.map({ Optional($0) }) {
                var cells: [CSVWriter.Cell] = [
                    .text(row.repository), .text(commit.id), .text(commit.author), .text(commit.title),
                    .text(commit.madeAt.map(RFC3339.format)), .text(commit.pushedAt.map(RFC3339.format)),
                    .text(service),
                ]
                for environment in environments {
                    let arrival = row.arrivals.first { $0.service == service && $0.environment == environment }
                    cells += [
                        .text(arrival?.at.map(RFC3339.format)), .number(Self.seconds(arrival?.leadTime)),
                        .text(arrival?.why),
                    ]
                }
                writer.row(cells)
            }
            try pieces.add(writer.bytes)
            writer.removeAll()
        }
        try pieces.add(writer.bytes)
        try pieces.finish()
    }

    private static func seconds(_ milliseconds: Int64?) -> Double? { milliseconds.map { Double($0) / 1_000 } }
}

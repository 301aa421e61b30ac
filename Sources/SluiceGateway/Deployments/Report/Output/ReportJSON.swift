import Sluice

/// The report as JSON: docs/REPORT.md. Durations are in seconds, times as RFC 3339 writes them.
struct ReportJSON {
    let report: DeploymentReport

    init(_ report: DeploymentReport) {
        self.report = report
    }

    /// - Parameter output: takes the text in pieces.
    func write(to output: @escaping ([UInt8]) throws -> Void) throws {
        guard let commits = report.commits else { return try output(head + [UInt8(ascii: "\n")]) }
        var pieces = OutputPieces(output)
        try pieces.add(head.dropLast() + Array(",\"commits\":[".utf8))
        var isFirst = true
        try commits.forEach { row in
            if !isFirst { try pieces.add(",".utf8) }
            isFirst = false
            try pieces.add(JSONWriter.object(capacity: 1_024) { $0.row(row) })
        }
        try pieces.add("]}\n".utf8)
        try pieces.finish()
    }

    /// All but the commits.
    private var head: [UInt8] {
        JSONWriter.object(capacity: 1 << 16) { json in
            json.member("version", Int64(DeploymentReport.version))
            json.period(report.period)
            json.name("before")
            json.object { $0.period(report.period.before) }
            json.name("asked")
            json.object { asked in
                asked.member("repository", ifPresent: report.query.repository)
                asked.member("service", ifPresent: report.query.service)
                asked.member("environment", ifPresent: report.query.environment)
            }
            json.list("places", report.places) { $1.place($0) }
            json.list("environments", report.totals) { $1.place($0) }
            json.list("pending", report.pending) { $1.pending($0) }
            json.list("deployments", report.deployments) { $1.deployment($0) }
            json.member("more_deployments", Int64(report.moreDeployments))
            json.list("failed_rollouts", report.rollouts) { $1.rollout($0) }
            json.list("incidents", report.incidents) { $1.incident($0) }
            json.member("incidents_without_deployment", Int64(report.strayIncidents))
        }
    }
}

extension JSONWriter {
    fileprivate mutating func list<Element>(
        _ name: String, _ elements: [Element], _ body: (Element, inout JSONWriter) -> Void
    ) {
        self.name(name)
        array { json in
            for element in elements { json.object { body(element, &$0) } }
        }
    }

    fileprivate mutating func time(_ name: String, _ time: Timestamp?) {
        member(name, ifPresent: time.map(RFC3339.format))
    }

    /// In seconds; null where there is none.
    fileprivate mutating func seconds(_ name: String, _ milliseconds: Int64?) {
        number(name, milliseconds.map { Double($0) / 1_000 })
    }

    fileprivate mutating func number(_ name: String, _ value: Double?) {
        self.name(name)
        if let value { number(value) } else { null() }
    }

    fileprivate mutating func period(_ period: DeploymentReport.Period) {
        time("from", period.from)
        time("to", period.to)
    }

    fileprivate mutating func place(_ place: DeploymentReport.Place) {
        member("service", ifPresent: place.service)
        member("environment", place.environment)
        name("figures")
        object { $0.figures(place.figures) }
        name("before")
        object { $0.figures(place.before) }
        if let live = place.atStart {
            name("live_at_start")
            object { $0.deployment(live) }
        }
    }

    fileprivate mutating func figures(_ figures: Figures) {
        name("change_lead_time")
        object { json in
            json.spread(figures.leadTime)
            json.name("commit_to_push")
            json.object { $0.spread(figures.commitToPush) }
            json.name("push_to_deployment")
            json.object { $0.spread(figures.pushToDeployment) }
            json.member("older_than_60_days", Int64(figures.oldCommits))
            json.member("without_time", Int64(figures.commitsWithoutTime))
            json.member("made_after_deployment", Int64(figures.commitsFromFuture))
        }
        name("deployment_frequency")
        object { json in
            json.number("per_day", figures.perDay)
            json.member("n", Int64(figures.shipping))
            json.name("interval")
            json.object { $0.spread(figures.interval) }
        }
        name("change_fail_rate")
        object { json in
            json.number("ratio", figures.failRate)
            json.member("failed", Int64(figures.failed))
            json.member("n", Int64(figures.shipping))
            json.name("rules")
            json.counts(figures.failedBy.map { ($0.key.rawValue, $0.value) })
        }
        name("failed_deployment_recovery_time")
        object { json in
            json.spread(figures.recovery)
            json.member("not_repaired", Int64(figures.unrepaired))
        }
        name("deployment_rework_rate")
        object { json in
            json.number("ratio", figures.reworkRate)
            json.member("rework", Int64(figures.rework))
            json.member("n", Int64(figures.deployments))
        }
        name("kinds")
        counts(figures.kinds.map { ($0.key.rawValue, $0.value) })
        name("coverage")
        object { json in
            json.member("known", Int64(figures.known))
            json.name("unknown")
            json.counts(figures.unknown.map { ($0.key.rawValue, $0.value) })
            json.member("baseline", Int64(figures.kinds[.baseline] ?? 0))
            json.member("impossible_time", Int64(figures.implausible))
        }
        member("failed_rollouts", Int64(figures.failedRollouts))
    }

    private mutating func spread(_ spread: Spread) {
        member("n", Int64(spread.count))
        seconds("median", spread.median)
        seconds("p75", spread.p75)
        seconds("p95", spread.p95)
    }

    private mutating func counts(_ counts: [(String, Int)]) {
        object { json in
            for (name, count) in counts.sorted(by: { $0.0 < $1.0 }) { json.member(name, Int64(count)) }
        }
    }

    fileprivate mutating func deployment(_ deployment: DeploymentReport.Deployment) {
        member("service", deployment.service)
        member("environment", deployment.environment)
        member("commit", deployment.commit)
        member("repository", ifPresent: deployment.repository)
        member("version", ifPresent: deployment.version)
        member("url", ifPresent: deployment.url)
        time("started", deployment.startedAt)
        time("finished", deployment.finishedAt)
        member("kind", deployment.kind.rawValue)
        member("rule", deployment.rule.rawValue)
        member("commit_count", Int64(deployment.commitCount))
        member("unknown", ifPresent: deployment.gap?.rawValue)
        list("commits", deployment.commits) { $1.commit($0) }
        list("failed_by", deployment.failures) { failure, json in
            json.member("rule", failure.rule.rawValue)
            json.member(failure.rule == .incident ? "incident" : "commit", failure.by)
            json.time("at", failure.at)
        }
        time("broken", deployment.brokenFrom)
        time("repaired", deployment.repairedAt)
    }

    private mutating func commit(_ commit: DeploymentReport.Commit) {
        member("id", commit.id)
        member("title", commit.title)
        member("author", commit.author)
        time("made", commit.madeAt)
        time("pushed", commit.pushedAt)
        if let lead = commit.leadTime { seconds("lead_time", lead) }
    }

    fileprivate mutating func pending(_ pending: DeploymentReport.Pending) {
        member("service", pending.service)
        member("environment", pending.environment)
        member("commit", pending.commit)
        time("since", pending.since)
        member("production", ifPresent: pending.production)
        member("state", pending.state.rawValue)
        member("commit_count", Int64(pending.commitCount))
        member("unknown", ifPresent: pending.gap?.rawValue)
        list("commits", pending.commits) { $1.commit($0) }
    }

    fileprivate mutating func rollout(_ rollout: DeploymentReport.Rollout) {
        member("service", rollout.service)
        member("environment", rollout.environment)
        member("commit", rollout.commit)
        member("repository", ifPresent: rollout.repository)
        member("version", ifPresent: rollout.version)
        member("url", ifPresent: rollout.url)
        time("failed", rollout.failedAt)
    }

    fileprivate mutating func incident(_ incident: DeploymentReport.Incident) {
        member("service", incident.service)
        member("id", incident.id)
        time("opened", incident.openedAt)
        time("resolved", incident.resolvedAt)
    }

    fileprivate mutating func row(_ row: DeploymentReport.CommitRow) {
        member("repository", row.repository)
        commit(row.commit)
        list("deployed", row.arrivals) { arrival, json in
            json.member("service", arrival.service)
            json.member("environment", arrival.environment)
            json.member("state", arrival.state.rawValue)
            json.time("at", arrival.at)
            if let lead = arrival.leadTime { json.seconds("lead_time", lead) }
            json.member("why", ifPresent: arrival.why)
        }
    }
}

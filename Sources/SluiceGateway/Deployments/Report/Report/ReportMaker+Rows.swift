import Sluice

extension ReportMaker {
    func row(_ index: Int, _ judged: [Judged]) -> DeploymentReport.Deployment {
        let deployment = judged[index]
        let record = history.deployments[deployment.record]
        let (service, environment) = name(of: record.place)
        var row = DeploymentReport.Deployment(
            service: service, environment: environment, commit: text(deployment),
            repository: repository(record, deployment.commit), version: record.version, url: record.url,
            startedAt: record.startedAt.map(Self.time), finishedAt: Self.time(deployment.finishedAt),
            kind: deployment.kind, rule: deployment.rule)
        row.commitCount = deployment.contents.count
        row.gap = deployment.gap
        if cutoffs.isDetailed(deployment.finishedAt) {
            // Both are in the order of the pushes.
            var fresh = Set(deployment.fresh)
            row.commits = deployment.contents.suffix(DeploymentReport.commitLimit).map { commit in
                line(commit, at: fresh.remove(commit) == nil ? nil : deployment.finishedAt)
            }
        }
        row.failures = deployment.failures.map { failure in
            let other = failure.deployment.map { judged[$0] }
            return .init(
                rule: failure.rule, by: other.map(text) ?? failure.incident ?? "",
                at: other.map { Self.time($0.finishedAt) })
        }
        row.brokenFrom = deployment.recovery.map { Self.time($0.from) }
        row.repairedAt = deployment.recovery?.to.map(Self.time)
        return row
    }

    func rollout(_ record: Int) -> DeploymentReport.Rollout {
        let deployment = history.deployments[record]
        let (service, environment) = name(of: deployment.place)
        return DeploymentReport.Rollout(
            service: service, environment: environment, commit: deployment.hash.text,
            repository: repository(deployment, nil), version: deployment.version, url: deployment.url,
            failedAt: Self.time(deployment.finishedAt))
    }

    /// - Parameter time: when it was deployed, for the first time in its place.
    func line(_ commit: UInt32, at time: Int64? = nil) -> DeploymentReport.Commit {
        var line = Self.line(commit, history.commits)
        (line.author, line.title) = (history.commits.author(of: commit), history.commits.title(of: commit))
        line.leadTime = time.flatMap { LeadTimeOfCommit(commit, at: $0, history.commits, query.rules).lead }
        return line
    }

    /// A commit without what its push says in words.
    static func line(_ commit: UInt32, _ commits: CommitTable) -> DeploymentReport.Commit {
        DeploymentReport.Commit(
            id: commits.hash(of: commit).text, madeAt: commits.madeAt(commit).map(time),
            pushedAt: commits.pushedAt(commit).map(time))
    }

    private func text(_ deployment: Judged) -> String {
        (deployment.commit.map { history.commits.hash(of: $0) } ?? history.deployments[deployment.record].hash).text
    }

    private func repository(_ deployment: DeploymentHistory.Deployment, _ commit: UInt32?) -> String? {
        (commit.map { history.commits.repository(of: $0) } ?? deployment.repository)
            .map { history.repositories[$0] }.flatMap { $0.isEmpty ? nil : $0 }
    }

    static func time(_ milliseconds: Int64) -> Timestamp { Timestamp(millisecondsSince1970: milliseconds) }
}

import Sluice

extension DeploymentReport {
    /// What was live for a while, as a line of time shows it: one deployment, or several that came too close together to be told apart.
    struct LiveStretch: Sendable {
        var from: Timestamp
        var to: Timestamp
        var kind: DeploymentKind
        var hasFailed: Bool
        /// How many deployments it stands for.
        var count = 1
        /// Where there is room to say more; without its commits.
        var deployment: Deployment?

        /// The worse of two, where both stand for one.
        fileprivate mutating func take(in other: LiveStretch) {
            to = other.to
            count += other.count
            if (other.hasFailed ? 1 : 0, Self.weight(other.kind)) > (hasFailed ? 1 : 0, Self.weight(kind)) {
                (kind, hasFailed) = (other.kind, other.hasFailed)
            }
        }

        private static func weight(_ kind: DeploymentKind) -> Int {
            switch kind {
            case .redeploy, .baseline: 0
            case .forward: 1
            case .hotfix: 2
            case .rollback: 3
            }
        }

        fileprivate func looks(like other: LiveStretch) -> Bool { kind == other.kind && hasFailed == other.hasFailed }
    }
}

extension ReportMaker {
    /// What is shorter than such a part of the period has no room for words.
    private static let parts: Int64 = 300
    /// How many stretches a place has at most, beside those with words.
    private static let stretches = 600

    /// What was live when, through the whole period.
    /// - Parameter start: what was live when it began, as an index.
    func stretches(_ judged: [Judged], from start: Int?) -> [DeploymentReport.LiveStretch] {
        let period = query.period
        let least = max(1, period.to.milliseconds(since: period.from) / Self.parts)
        // A redeploy changes nothing of what is live.
        let changes = judged.indices.filter { index in
            let deployment = judged[index]
            guard index != start else { return true }
            return deployment.kind != .redeploy && period.contains(deployment.finishedAt)
                && isOfRepository(deployment.record, deployment.commit)
        }
        var stretches: [DeploymentReport.LiveStretch] = []
        for (place, index) in changes.enumerated() {
            let deployment = judged[index]
            let from = max(Self.time(deployment.finishedAt), period.from)
            let to = place + 1 < changes.count ? Self.time(judged[changes[place + 1]].finishedAt) : period.to
            var stretch = DeploymentReport.LiveStretch(
                from: from, to: to, kind: deployment.kind, hasFailed: deployment.hasFailed)
            if to.milliseconds(since: from) >= least {
                stretch.deployment = row(index, judged)
                stretch.deployment?.commits = []
            } else if let last = stretches.last, last.deployment == nil, last.looks(like: stretch) {
                stretches[stretches.count - 1].take(in: stretch)
                continue
            }
            stretches.append(stretch)
        }
        return stretches.count > Self.stretches ? Self.join(stretches, least) : stretches
    }

    /// Where kinds take turns too fast to be seen, the worst of them stands for all.
    private static func join(
        _ stretches: [DeploymentReport.LiveStretch], _ least: Int64
    ) -> [DeploymentReport.LiveStretch] {
        var joined: [DeploymentReport.LiveStretch] = []
        for stretch in stretches {
            if let last = joined.last, last.deployment == nil, stretch.deployment == nil,
                last.to.milliseconds(since: last.from) < least
            {
                joined[joined.count - 1].take(in: stretch)
            } else {
                joined.append(stretch)
            }
        }
        return joined
    }
}

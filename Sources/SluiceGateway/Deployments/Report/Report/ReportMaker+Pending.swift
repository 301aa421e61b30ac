import Sluice

extension ReportMaker {
    /// What each environment has and production has not.
    mutating func addPending() {
        for place in places where !DeploymentRules.isProduction(name(of: place).environment) {
            guard let current = entries[place]?.last,
                isOfRepository(current.record, try? current.commit.get())
            else { continue }
            let production = entries.filter {
                $0.key.service == place.service
                    && DeploymentRules.isProduction(history.environments[$0.key.environment])
            }
            let live = production.compactMap(\.value.last).max { ($0.finishedAt, $0.hash) < ($1.finishedAt, $1.hash) }
            report.pending.append(pending(place, current, live))
        }
    }

    private mutating func pending(
        _ place: DeploymentHistory.Place, _ current: PlaceJudge.Entry, _ live: PlaceJudge.Entry?
    ) -> DeploymentReport.Pending {
        let (service, environment) = name(of: place)
        var pending = DeploymentReport.Pending(
            service: service, environment: environment, commit: text(current),
            since: Timestamp(millisecondsSince1970: current.finishedAt), production: live.map(text), state: .unknown)
        guard let live else {
            pending.state = .notInProduction
            return pending
        }
        if current.hash.isLike(live.hash) {
            pending.state = .same
            return pending
        }
        guard case .success(let commit) = current.commit, case .success(let other) = live.commit else {
            pending.gap = .unknownCommit
            return pending
        }
        if commit == other {
            pending.state = .same
        } else if history.commits.repository(of: commit) != history.commits.repository(of: other) {
            pending.gap = .otherRepository
        } else if let path = graph.path(from: commit, backTo: other) {
            let commits = graph.commits(of: path.pieces)
            pending.state = .ahead
            pending.commitCount = commits.count
            pending.commits = commits.suffix(DeploymentReport.commitLimit).map { line($0) }
            pending.gap = path.isWhole ? nil : .longPush
        } else if graph.path(from: other, backTo: commit) != nil {
            pending.state = .behind
        } else {
            pending.gap = graph.links(to: commit).isEmpty ? graph.end(commit) : .hole
        }
        return pending
    }

    private func text(_ entry: PlaceJudge.Entry) -> String {
        ((try? entry.commit.get()).map { history.commits.hash(of: $0) } ?? entry.hash).text
    }
}

import Sluice

/// Finds what deployments turned out to be, of all services or of some, by the same code as the report.
struct VerdictFinder {
    /// Of what the gauges tell, in days.
    private static let span = 30

    /// What was found.
    struct Found {
        /// Verdicts of which not everything was counted, with what was.
        var verdicts: [(verdict: Verdict, counted: Verdict.Parts)] = []
        /// Where the commits of each service are, in small letters.
        var repositories: [String: Set<String>] = [:]
        /// Services of which some deployments name no repository: their commits may come up anywhere.
        var unnamed: Set<String> = []
        var places: [DeploymentReport.Place] = []
        var pending: [DeploymentReport.Pending] = []
    }

    let now: Timestamp
    /// What was deployed before that is counted no more.
    let oldest: Timestamp

    func find(in history: DeploymentHistory, counted: [Verdict.Key: Verdict.Parts]) -> Found {
        let period = DeploymentReport.Period(from: now.advanced(by: .seconds(-Self.span * 86_400)), to: now)
        var maker = ReportMaker(history, DeploymentReport.Query(period: period, now: now))
        var found = Found()
        maker.onPlace = { name, judged, history in
            for deployment in judged {
                note(deployment, of: name.service, history, &found)
                guard deployment.finishedAt >= oldest.millisecondsSince1970 else { continue }
                let id = history.deployments[deployment.record].id
                let key = Verdict.Key(service: name.service, environment: name.environment, id: id)
                let known = counted[key] ?? []
                let verdict = verdict(key, deployment, history, withTimes: !known.contains(.kind))
                if !verdict.parts.isSubset(of: known) { found.verdicts.append((verdict, known)) }
            }
        }
        let report = maker.make()
        (found.places, found.pending) = (report.places, report.pending)
        return found
    }

    private func note(
        _ deployment: Judged, of service: String, _ history: DeploymentHistory, _ found: inout Found
    ) {
        let named = history.deployments[deployment.record].repository
        if named == nil { found.unnamed.insert(service) }
        guard let repository = deployment.commit.map({ history.commits.repository(of: $0) }) ?? named else { return }
        found.repositories[service, default: []].insert(history.repositories[repository].lowercased())
    }

    private func verdict(
        _ key: Verdict.Key, _ deployment: Judged, _ history: DeploymentHistory, withTimes: Bool
    ) -> Verdict {
        let leads = withTimes ? deployment.fresh : []
        let times = leads.compactMap { commit -> Int64? in
            let lead = LeadTimeOfCommit(commit, at: deployment.finishedAt, history.commits, .standard)
            if case .known(let time, _) = lead { return time }
            return nil
        }
        let recovery = deployment.recovery.flatMap { recovery in recovery.to.map { max(0, $0 - recovery.from) } }
        return Verdict(
            key: key, kind: deployment.kind, leadTimes: times, hasFailed: deployment.hasFailed, recovery: recovery)
    }
}

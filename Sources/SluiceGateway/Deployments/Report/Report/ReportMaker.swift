import Sluice

extension DeploymentHistory {
    /// The report of what has been added.
    package func report(_ query: DeploymentReport.Query) -> DeploymentReport {
        var copy = self
        return copy.takeReport(query)
    }

    /// The same of a history that is not needed afterwards and is empty then: in less room.
    mutating func takeReport(_ query: DeploymentReport.Query) -> DeploymentReport {
        var taken = DeploymentHistory()
        swap(&taken, &self)
        guard query.listsCommits else { return Self.make(taken, query).report }
        var (report, arrivals) = Self.make(taken, query)
        report.commits = CommitListing(taken, query, arrivals)
        return report
    }

    /// What a report is made with is gone when this returns: it takes as much room as a listing.
    private static func make(
        _ history: consuming DeploymentHistory, _ query: DeploymentReport.Query
    ) -> (report: DeploymentReport, arrivals: CommitArrivals) {
        var maker = ReportMaker(history, query)
        return (maker.make(), maker.arrivals)
    }
}

/// Makes a report: one place after the other, so that what belongs to each is held no longer than that takes.
struct ReportMaker {
    private(set) var history: DeploymentHistory
    let query: DeploymentReport.Query
    var report: DeploymentReport
    var graph: PushGraph
    /// By the commits that their deployments name, each only once, however often it came.
    private(set) var entries: [DeploymentHistory.Place: [PlaceJudge.Entry]] = [:]
    private var rollouts: [DeploymentHistory.Place: [Int]] = [:]
    private var implausible: [DeploymentHistory.Place: [Int]] = [:]
    private var incidents: [UInt32: [FailureJudge.Incident]] = [:]
    private var totals: [String: (count: Int, now: Samples, before: Samples)] = [:]
    var arrivals = CommitArrivals()
    var cutoffs = ReportCutoffs()
    /// Is told of each place's deployments.
    var onPlace: (((service: String, environment: String), [Judged], DeploymentHistory) -> Void)?

    init(_ history: consuming DeploymentHistory, _ query: DeploymentReport.Query) {
        self.history = history
        self.query = query
        report = DeploymentReport(query: query)
        let resolver = CommitResolver(self.history.commits, for: self.history.deployments)
        var deployed: Set<UInt32> = []
        for record in DeploymentChoice.choose(self.history.deployments) {
            let deployment = self.history.deployments[record]
            guard query.believes(deployment.finishedAt) else {
                implausible[deployment.place, default: []].append(record)
                continue
            }
            guard deployment.succeeded else {
                rollouts[deployment.place, default: []].append(record)
                continue
            }
            let commit = resolver.commit(of: deployment)
            if case .success(let commit) = commit { deployed.insert(commit) }
            entries[deployment.place, default: []].append(
                .init(record: record, hash: deployment.hash, finishedAt: deployment.finishedAt, commit: commit))
        }
        graph = PushGraph(self.history.commits, self.history.pushes, deployed: deployed)
        for (key, times) in self.history.incidents {
            guard let opened = times.opened, query.believes(opened) else { continue }
            let end = times.resolved.flatMap { $0 >= opened ? $0 : nil }
            incidents[key.service, default: []].append(.init(id: key.id, openedAt: opened, resolvedAt: end))
        }
        for service in incidents.keys {
            incidents[service]?.sort { ($0.openedAt, $0.id) < ($1.openedAt, $1.id) }
        }
        cutoffs = ReportCutoffs(listedTimes)
    }

    /// When that was deployed which may be listed.
    private var listedTimes: [Int64] {
        var times: [Int64] = []
        for (place, entries) in entries where query.wants(name(of: place)) {
            for entry in entries
            where query.period.contains(entry.finishedAt) && isOfRepository(entry.record, try? entry.commit.get()) {
                times.append(entry.finishedAt)
            }
        }
        return times
    }

    mutating func make() -> DeploymentReport {
        var shipments = Shipments(commits: history.commits.count)
        for place in places { add(place, &shipments) }
        let (now, before) = (query.period.days, query.period.before.days)
        for (environment, total) in totals.sorted(by: { $0.key < $1.key }) where total.count > 1 {
            report.totals.append(
                DeploymentReport.Place(
                    environment: environment, figures: total.now.figures(days: now),
                    before: total.before.figures(days: before)))
        }
        addPending()
        addIncidents()
        report.deployments.sort {
            Self.isNewer(($0.finishedAt, $0.service, $0.environment), ($1.finishedAt, $1.service, $1.environment))
        }
        report.rollouts.sort {
            Self.isNewer(($0.failedAt, $0.service, $0.environment), ($1.failedAt, $1.service, $1.environment))
        }
        let counted = report.places.reduce(0) { $0 + $1.figures.deployments }
        report.moreDeployments = max(0, counted - report.deployments.count)
        return report
    }

    private static func isNewer(
        _ left: (Timestamp, String, String), _ right: (Timestamp, String, String)
    ) -> Bool {
        left.0 == right.0 ? (left.1, left.2) < (right.1, right.2) : left.0 > right.0
    }

    /// Where anything is known to have happened, in the order of their names.
    var places: [DeploymentHistory.Place] {
        Set(entries.keys).union(rollouts.keys).union(implausible.keys)
            .filter { query.wants(name(of: $0)) }
            .sorted { name(of: $0) < name(of: $1) }
    }

    func name(of place: DeploymentHistory.Place) -> (service: String, environment: String) {
        (history.services[place.service], history.environments[place.environment])
    }

    // MARK: A place

    private mutating func add(_ place: DeploymentHistory.Place, _ shipments: inout Shipments) {
        let (judged, stray) = judge(place, &shipments)
        report.strayIncidents += stray
        onPlace?(name(of: place), judged, history)
        var (now, before) = (Samples(), Samples())
        for record in rollouts[place] ?? [] where isOfRepository(record) {
            addRollout(record, &now, &before)
        }
        now.counts.implausible = implausible[place]?.count { isOfRepository($0) } ?? 0
        var shown = DeploymentReport.Place(service: name(of: place).service, environment: name(of: place).environment)
        var (last, start): (Int64?, Int?) = (nil, nil)
        for (index, deployment) in judged.enumerated() {
            let isWanted = isOfRepository(deployment.record, deployment.commit)
            if isWanted, query.period.contains(deployment.finishedAt) {
                now.add(deployment, after: last, history.commits, query.rules)
                if cutoffs.isListed(deployment.finishedAt) { report.deployments.append(row(index, judged)) }
                if query.isDrawn { shown.dots += dots(of: deployment) }
            } else if isWanted, query.period.before.contains(deployment.finishedAt) {
                before.add(deployment, after: last, history.commits, query.rules)
            }
            if isWanted, deployment.finishedAt < query.period.from.millisecondsSince1970, deployment.kind != .redeploy {
                start = index
            }
            if deployment.kind.ships { last = deployment.finishedAt }
        }
        shown.atStart = start.map { row($0, judged) }
        shown.figures = now.figures(days: query.period.days)
        shown.before = before.figures(days: query.period.before.days)
        shown.dots = Self.thin(shown.dots)
        if query.isDrawn { shown.live = stretches(judged, from: start) }
        if query.listsCommits { arrivals.add(judged, at: place, history.commits) }
        guard shown.figures.isWorthShowing || shown.before.isWorthShowing || shown.atStart != nil else { return }
        report.places.append(shown)
        var total = totals[shown.environment] ?? (0, Samples(), Samples())
        total.count += 1
        total.now.add(now)
        total.before.add(before)
        totals[shown.environment] = total
    }

    private mutating func judge(
        _ place: DeploymentHistory.Place, _ shipments: inout Shipments
    ) -> (judged: [Judged], strayIncidents: Int) {
        var judge = PlaceJudge(entries[place] ?? [])
        judge.judge(&graph, &shipments)
        var judged = judge.judged
        var failures = FailureJudge(rules: query.rules, incidents: incidents(at: place))
        failures.judge(&judged)
        return (judged, failures.stray)
    }

    /// An incident names no environment: it is production's, or every environment's where a service has no production.
    private func incidents(at place: DeploymentHistory.Place) -> [FailureJudge.Incident] {
        guard let all = incidents[place.service] else { return [] }
        if DeploymentRules.isProduction(history.environments[place.environment]) { return all }
        let hasProduction = entries.keys.contains {
            $0.service == place.service && DeploymentRules.isProduction(history.environments[$0.environment])
        }
        return hasProduction ? [] : all
    }

    private mutating func addRollout(_ record: Int, _ now: inout Samples, _ before: inout Samples) {
        let deployment = history.deployments[record]
        if query.period.contains(deployment.finishedAt) {
            now.counts.failedRollouts += 1
            report.rollouts.append(rollout(record))
        } else if query.period.before.contains(deployment.finishedAt) {
            before.counts.failedRollouts += 1
        }
    }

    private func dots(of judged: Judged) -> [DeploymentReport.Dot] {
        judged.fresh.compactMap { commit in
            switch LeadTimeOfCommit(commit, at: judged.finishedAt, history.commits, query.rules) {
            case .known(let lead, _): .init(deployedAt: judged.finishedAt, leadTime: lead)
            default: nil
            }
        }
    }

    private static func thin(_ dots: [DeploymentReport.Dot]) -> [DeploymentReport.Dot] {
        guard dots.count > DeploymentReport.dotLimit else { return dots }
        return (0..<DeploymentReport.dotLimit).map { dots[$0 * dots.count / DeploymentReport.dotLimit] }
    }

    func isOfRepository(_ record: Int, _ commit: UInt32? = nil) -> Bool {
        guard let wanted = query.repository else { return true }
        guard let id = history.repositories.find(wanted) else { return false }
        return (commit.map { history.commits.repository(of: $0) } ?? history.deployments[record].repository) == id
    }

    private mutating func addIncidents() {
        for (service, all) in incidents {
            let name = history.services[service]
            guard query.service ?? name == name else { continue }
            for incident in all where query.period.contains(incident.openedAt) {
                report.incidents.append(
                    .init(
                        service: name, id: incident.id, openedAt: Timestamp(millisecondsSince1970: incident.openedAt),
                        resolvedAt: incident.resolvedAt.map { Timestamp(millisecondsSince1970: $0) }))
            }
        }
        report.incidents.sort { ($0.openedAt, $0.service, $0.id) > ($1.openedAt, $1.service, $1.id) }
    }
}

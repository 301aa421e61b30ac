import Sluice

/// The commits that were pushed or deployed in a period, the newest push first, and where each of them went.
///
/// A row is made when it is asked for: of a million all at once would take a gigabyte.
struct CommitListing: Sendable {
    /// So many are asked for their authors and titles at once.
    private static let batch = 16_384

    private let history: DeploymentHistory
    private let arrivals: CommitArrivals
    private let rules: DeploymentRules
    private let commits: [UInt32]
    private let texts: any CommitTextSource

    init(_ history: DeploymentHistory, _ query: DeploymentReport.Query, _ arrivals: CommitArrivals) {
        (self.history, self.arrivals, rules) = (history, arrivals, query.rules)
        texts = query.texts ?? KnownTexts()
        commits = Self.choose(history, query, arrivals)
    }

    private static func choose(
        _ history: DeploymentHistory, _ query: DeploymentReport.Query, _ arrivals: CommitArrivals
    ) -> [UInt32] {
        let all = history.commits
        let wanted = query.repository.map { history.repositories.find($0) ?? .max }
        let showsAll = query.service == nil && query.environment == nil
        func pushedAt(_ commit: UInt32) -> Int64? {
            let repository = all.repository(of: commit)
            guard wanted ?? repository == repository, let pushed = all.pushedAt(commit),
                showsAll || !arrivals.places(of: repository).isEmpty
            else { return nil }
            var isInPeriod = query.period.contains(pushed)
            if !isInPeriod {
                arrivals.forEach(commit) { _, at in
                    isInPeriod = query.period.contains(at)
                    return !isInPeriod
                }
            }
            return isInPeriod ? pushed : nil
        }
        let commits = 0..<UInt32(all.count)
        var chosen: [(pushedAt: Int64, id: UInt32)] = []
        // An array that grows would take twice the room.
        chosen.reserveCapacity(commits.count { pushedAt($0) != nil })
        for commit in commits {
            if let pushed = pushedAt(commit) { chosen.append((pushed, commit)) }
        }
        chosen.sort { left, right in
            if left.pushedAt != right.pushedAt { return left.pushedAt > right.pushedAt }
            let (one, other) = (all.hash(of: left.id), all.hash(of: right.id))
            guard one == other else { return one < other }
            return history.repositories[all.repository(of: left.id)]
                < history.repositories[all.repository(of: right.id)]
        }
        return chosen.map(\.id)
    }

    var count: Int { commits.count }

    /// Where the listed commits can go, production last.
    var environments: [String] {
        var isListed = [Bool](repeating: false, count: history.repositories.count)
        for commit in commits { isListed[Int(history.commits.repository(of: commit))] = true }
        let places = isListed.indices.filter { isListed[$0] }.flatMap { arrivals.places(of: UInt32($0)) }
        let names = Set(places.map { history.environments[arrivals.places[Int($0)].place.environment] })
        return names.sorted {
            let (one, other) = (DeploymentRules.isProduction($0), DeploymentRules.isProduction($1))
            return one == other ? $0 < $1 : other
        }
    }

    /// - Parameter limit: how many at most.
    func forEach(limit: Int = .max, _ body: (DeploymentReport.CommitRow) throws -> Void) throws {
        for start in stride(from: 0, to: min(limit, commits.count), by: Self.batch) {
            let batch = commits[start..<min(start + Self.batch, limit, commits.count)]
            let said = try texts.texts(of: batch, history)
            for (commit, text) in zip(batch, said) { try body(row(commit, text)) }
        }
    }

    // MARK: A row

    private func row(_ commit: UInt32, _ text: CommitText) -> DeploymentReport.CommitRow {
        var line = ReportMaker.line(commit, history.commits)
        (line.author, line.title) = (text.author, text.title)
        let repository = history.commits.repository(of: commit)
        var places = arrivals.places(of: repository)[...]
        var found: [DeploymentReport.Arrival] = []
        found.reserveCapacity(places.count)
        // Both come from the last place to the first.
        arrivals.forEach(commit) { place, at in
            while let other = places.popLast() {
                guard other != place else {
                    found.append(arrival(commit, place, at: at))
                    return true
                }
                found.append(arrival(commit, other, at: nil))
            }
            return false
        }
        while let other = places.popLast() { found.append(arrival(commit, other, at: nil)) }
        found.reverse()
        return .init(repository: history.repositories[repository], commit: line, arrivals: found)
    }

    /// - Parameter time: when it was deployed there.
    private func arrival(_ commit: UInt32, _ place: UInt32, at time: Int64?) -> DeploymentReport.Arrival {
        let seen = arrivals.places[Int(place)]
        var arrival = DeploymentReport.Arrival(
            service: history.services[seen.place.service], environment: history.environments[seen.place.environment],
            state: .notDeployed)
        guard let time else {
            (arrival.state, arrival.why) = absence(of: commit, seen)
            return arrival
        }
        arrival.state = .deployed
        arrival.at = ReportMaker.time(time)
        let lead = LeadTimeOfCommit(commit, at: time, history.commits, rules)
        arrival.leadTime = lead.lead
        switch lead {
        case .known: break
        case .old: arrival.why = "older than 60 days"
        case .withoutTime: arrival.why = "the time of the commit is unknown"
        case .fromFuture: arrival.why = "the commit says that it was made after its deployment"
        }
        return arrival
    }

    private func absence(
        of commit: UInt32, _ seen: CommitArrivals.Seen
    ) -> (state: DeploymentReport.Arrival.State, why: String) {
        let pushed = history.commits.pushedAt(commit) ?? .min
        guard pushed >= seen.baseline else {
            return (.beforeBaseline, "older than the first deployment that is known here")
        }
        let next = seen.gaps.partitionPoint { $0.at < pushed }
        return next < seen.gaps.count ? (.unknown, seen.gaps[next].gap.words) : (.notDeployed, "not deployed")
    }
}

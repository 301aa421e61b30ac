import Sluice

/// Where each commit was deployed to, and when: gathered place by place, and told commit by commit.
struct CommitArrivals {
    private struct Shipment {
        let commit: UInt32
        let place: UInt32
        let at: Int64
    }

    /// What a place says of the commits that it did not bring.
    private struct Seen {
        let place: DeploymentHistory.Place
        let baseline: Int64
        /// When something was deployed of which not everything is known, and why.
        let gaps: [(at: Int64, gap: Gap)]
    }

    private var shipments: [Shipment] = []
    private var places: [Seen] = []
    private var placesOfRepository: [UInt32: Set<UInt32>] = [:]

    mutating func add(_ judged: [Judged], at place: DeploymentHistory.Place, _ maker: ReportMaker) {
        guard let baseline = judged.first else { return }
        let number = UInt32(places.count)
        let gaps = judged.compactMap { deployment in deployment.gap.map { (at: deployment.finishedAt, gap: $0) } }
        places.append(Seen(place: place, baseline: baseline.finishedAt, gaps: gaps))
        for deployment in judged {
            if let commit = deployment.commit {
                placesOfRepository[maker.history.commits.repository(of: commit), default: []].insert(number)
            }
            for commit in deployment.fresh {
                shipments.append(Shipment(commit: commit, place: number, at: deployment.finishedAt))
            }
        }
    }

    /// The commits that were pushed or deployed in the period, the newest push first.
    func rows(_ maker: ReportMaker) -> [DeploymentReport.CommitRow] {
        let commits = maker.history.commits
        let period = maker.query.period
        let shipments = shipments.sorted { ($0.commit, $0.place) < ($1.commit, $1.place) }
        let wanted = maker.query.repository.map { maker.history.repositories.find($0) ?? .max }
        var rows: [(pushedAt: Int64, row: DeploymentReport.CommitRow)] = []
        var next = 0
        for commit in 0..<UInt32(commits.count) {
            let start = next
            while next < shipments.count, shipments[next].commit == commit { next += 1 }
            let mine = shipments[start..<next]
            let pushed = commits.pushedAt(commit)
            let repository = commits.repository(of: commit)
            guard wanted ?? repository == repository, let pushed else { continue }
            guard period.contains(pushed) || mine.contains(where: { period.contains($0.at) }) else { continue }
            let places = placesOfRepository[repository] ?? []
            guard !places.isEmpty || maker.query.service == nil && maker.query.environment == nil else { continue }
            let arrivals = places.map { place in arrival(commit, place, mine, maker) }
                .sorted { ($0.service, $0.environment) < ($1.service, $1.environment) }
            rows.append(
                (
                    pushed,
                    .init(
                        repository: maker.history.repositories[repository], commit: maker.line(commit),
                        arrivals: arrivals)
                ))
        }
        return rows.sorted {
            $0.pushedAt == $1.pushedAt
                ? ($0.row.commit.id, $0.row.repository) < ($1.row.commit.id, $1.row.repository)
                : $0.pushedAt > $1.pushedAt
        }.map(\.row)
    }

    private func arrival(
        _ commit: UInt32, _ place: UInt32, _ shipments: ArraySlice<Shipment>, _ maker: ReportMaker
    ) -> DeploymentReport.Arrival {
        let seen = places[Int(place)]
        let (service, environment) = maker.name(of: seen.place)
        var arrival = DeploymentReport.Arrival(service: service, environment: environment, state: .notDeployed)
        if let shipment = shipments.first(where: { $0.place == place }) {
            arrival.state = .deployed
            arrival.at = ReportMaker.time(shipment.at)
            let lead = LeadTimeOfCommit(commit, at: shipment.at, maker.history.commits, maker.query.rules)
            arrival.leadTime = lead.lead
            switch lead {
            case .known: break
            case .old: arrival.why = "older than 60 days"
            case .withoutTime: arrival.why = "the time of the commit is unknown"
            case .fromFuture: arrival.why = "the commit says that it was made after its deployment"
            }
            return arrival
        }
        let pushed = maker.history.commits.pushedAt(commit) ?? .min
        if pushed < seen.baseline {
            arrival.state = .beforeBaseline
            arrival.why = "older than the first deployment that is known here"
        } else if let gap = seen.gaps.first(where: { $0.at >= pushed }) {
            arrival.state = .unknown
            arrival.why = gap.gap.words
        } else {
            arrival.why = "not deployed"
        }
        return arrival
    }
}

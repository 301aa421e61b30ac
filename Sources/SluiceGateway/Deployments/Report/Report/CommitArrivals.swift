import Sluice

/// Where each commit was deployed to, and when: gathered place by place.
struct CommitArrivals {
    /// That a deployment brought a commit.
    private struct Shipment {
        let deployment: UInt32
        /// The next one of the same commit, of a place that came before; 0 is none, else its number and 1.
        let next: UInt32
    }

    /// What a place says of the commits that it did not bring.
    struct Seen {
        let place: DeploymentHistory.Place
        let baseline: Int64
        /// When something was deployed of which not everything is known, and why, in the order of time.
        let gaps: [(at: Int64, gap: Gap)]
    }

    /// In the order of their names.
    private(set) var places: [Seen] = []
    private var deployments: [(place: UInt32, at: Int64)] = []
    private var shipments = ChunkedArray<Shipment>()
    /// Of each commit the shipment to the last place; 0 is none, else its number and 1.
    private var last: [UInt32] = []
    private var placesOfRepository: [UInt32: [UInt32]] = [:]

    mutating func add(_ judged: [Judged], at place: DeploymentHistory.Place, _ commits: CommitTable) {
        guard let baseline = judged.first else { return }
        if last.isEmpty { last = [UInt32](repeating: 0, count: commits.count) }
        let number = UInt32(places.count)
        let gaps = judged.compactMap { deployment in deployment.gap.map { (at: deployment.finishedAt, gap: $0) } }
        places.append(Seen(place: place, baseline: baseline.finishedAt, gaps: gaps))
        var repositories: Set<UInt32> = []
        for deployment in judged {
            if let commit = deployment.commit { repositories.insert(commits.repository(of: commit)) }
            for commit in deployment.fresh {
                shipments.append(Shipment(deployment: UInt32(deployments.count), next: last[Int(commit)]))
                last[Int(commit)] = UInt32(shipments.count)
            }
            deployments.append((number, deployment.finishedAt))
        }
        for repository in repositories { placesOfRepository[repository, default: []].append(number) }
    }

    /// The places that commits of a repository go to, in the order of their names.
    func places(of repository: UInt32) -> [UInt32] { placesOfRepository[repository] ?? [] }

    /// Calls `body` with each place that the commit was brought to, and when, the last place first, until that returns false.
    func forEach(_ commit: UInt32, _ body: (_ place: UInt32, _ at: Int64) -> Bool) {
        guard Int(commit) < last.count else { return }
        var next = last[Int(commit)]
        while next != 0 {
            let shipment = shipments[Int(next - 1)]
            let deployment = deployments[Int(shipment.deployment)]
            guard body(deployment.place, deployment.at) else { return }
            next = shipment.next
        }
    }
}

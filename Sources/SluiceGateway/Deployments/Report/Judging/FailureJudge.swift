/// Says which deployments of one place failed, which repaired them, and how long that took.
struct FailureJudge {
    /// Something that happened to the service.
    struct Incident {
        let id: String
        let openedAt: Int64
        let resolvedAt: Int64?
    }

    let rules: DeploymentRules
    /// Of the service, by the time of their opening.
    let incidents: [Incident]
    /// Incidents that came while nothing was live that had brought anything.
    private(set) var stray = 0

    init(rules: DeploymentRules, incidents: [Incident]) {
        self.rules = rules
        self.incidents = incidents
    }

    mutating func judge(_ judged: inout [Judged]) {
        // A redeploy changes nothing: what was live stays live.
        let changes = judged.indices.filter { judged[$0].kind != .redeploy }
        guard let start = changes.first else { return }
        var next = incidents.partitionPoint { $0.openedAt < judged[start].finishedAt }
        stray += next
        var open: [Incident] = []
        for (position, index) in changes.enumerated() {
            let follower = position + 1 < changes.count ? changes[position + 1] : nil
            let end = follower.map { judged[$0].finishedAt } ?? .max
            let begin = next
            while next < incidents.count, incidents[next].openedAt < end { next += 1 }
            let mine = incidents[begin..<next]
            if judged[index].kind.ships {
                judged[index].failures += mine.map { .init(rule: .incident, incident: $0.id) }
            } else {
                stray += mine.count
            }
            open += mine
            if let follower {
                repair(index, by: follower, open, &judged)
                // Where nothing tells of an incident's end, the first deployment after it ends it.
                open.removeAll { $0.resolvedAt ?? .min <= judged[follower].finishedAt }
            }
            if judged[index].hasFailed { judged[index].recovery = recovery(judged[index], mine, judged) }
        }
    }

    /// What follows a deployment may be its hotfix.
    private func repair(_ index: Int, by follower: Int, _ open: [Incident], _ judged: inout [Judged]) {
        guard judged[follower].kind.ships else { return }
        let time = judged[follower].finishedAt
        let isOpen = open.contains { incident in
            incident.resolvedAt.map { $0 > time } ?? true && time - incident.openedAt <= rules.repairWindow
        }
        guard isOpen || judged[follower].saysSo else { return }
        judged[follower].kind = .hotfix
        judged[follower].rule = isOpen ? .repairsIncident : .saysSo
        guard judged[index].kind.ships else { return }
        if time - judged[index].finishedAt <= rules.repairWindow {
            judged[index].failures.append(.init(rule: .hotfix, deployment: follower))
        } else if !isOpen {
            return
        }
        if judged[index].repairedBy == nil { judged[index].repairedBy = follower }
    }

    private func recovery(
        _ failed: Judged, _ incidents: ArraySlice<Incident>, _ judged: [Judged]
    ) -> Judged.Recovery {
        let repair = failed.repairedBy.map { judged[$0].finishedAt }
        guard let opened = incidents.map(\.openedAt).min() else {
            return Judged.Recovery(from: failed.finishedAt, to: repair)
        }
        let ends = incidents.compactMap(\.resolvedAt)
        return Judged.Recovery(from: opened, to: ends.count == incidents.count ? ends.max() : repair)
    }
}

extension Array {
    /// How many elements at the front satisfy `belongsFirst`, where all of these come before all others.
    func partitionPoint(_ belongsFirst: (Element) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = low + (high - low) / 2
            if belongsFirst(self[middle]) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

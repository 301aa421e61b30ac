/// Of deployments that came several times, one each: the choice is the same in whatever order they came.
enum DeploymentChoice {
    /// - Returns: their places in the list, in the order of their ends.
    static func choose(_ deployments: ChunkedArray<DeploymentHistory.Deployment>) -> [Int] {
        struct Key: Hashable {
            let place: DeploymentHistory.Place
            let id: String
        }
        var chosen: [Key: Int] = [:]
        chosen.reserveCapacity(deployments.count)
        for (index, deployment) in deployments.enumerated() {
            let key = Key(place: deployment.place, id: deployment.id)
            guard let other = chosen[key] else {
                chosen[key] = index
                continue
            }
            if says(deployment, moreThan: deployments[other]) { chosen[key] = index }
        }
        let timed = chosen.values.map { (at: deployments[$0].finishedAt, index: $0) }
        return timed.sorted { left, right in
            if left.at != right.at { return left.at < right.at }
            let (one, other) = (deployments[left.index], deployments[right.index])
            return (one.id, one.hash) < (other.id, other.hash)
        }.map(\.index)
    }

    /// One that got there says more than one that did not, and the first time is nearest to the truth.
    private static func says(
        _ one: DeploymentHistory.Deployment, moreThan other: DeploymentHistory.Deployment
    ) -> Bool {
        if one.succeeded != other.succeeded { return one.succeeded }
        if one.finishedAt != other.finishedAt { return one.finishedAt < other.finishedAt }
        if (one.repository == nil) != (other.repository == nil) { return one.repository != nil }
        if one.hash.count != other.hash.count { return one.hash.count > other.hash.count }
        if one.hash != other.hash { return one.hash < other.hash }
        func rest(_ deployment: DeploymentHistory.Deployment) -> (String, String, Int64) {
            (deployment.version ?? "", deployment.url ?? "", deployment.startedAt ?? .min)
        }
        return rest(one) > rest(other)
    }
}

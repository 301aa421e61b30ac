import Sluice

extension DeploymentReport {
    /// The commits that are shown, without those of ``commits``, which come with their titles.
    var shownCommits: [Commit] { deployments.flatMap(\.commits) + pending.flatMap(\.commits) }

    /// Brings the titles of what is shown.
    /// - Parameter titles: by the commits' ids.
    mutating func fillTitles(_ titles: [String: String]) {
        func fill(_ commits: inout [Commit]) {
            for index in commits.indices { commits[index].title = titles[commits[index].id] ?? "" }
        }
        for index in deployments.indices { fill(&deployments[index].commits) }
        for index in pending.indices { fill(&pending[index].commits) }
    }
}

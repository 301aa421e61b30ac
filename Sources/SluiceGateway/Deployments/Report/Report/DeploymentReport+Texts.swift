extension DeploymentReport {
    /// The commits that are shown, without those of ``commits``, which come with their texts.
    var shownCommits: [Commit] { deployments.flatMap(\.commits) + pending.flatMap(\.commits) }

    /// Brings the authors and titles of what is shown.
    /// - Parameter texts: by the commits' ids.
    mutating func fill(_ texts: [String: CommitText]) {
        func fill(_ commits: inout [Commit]) {
            for index in commits.indices {
                guard let text = texts[commits[index].id] else { continue }
                (commits[index].author, commits[index].title) = (text.author, text.title)
            }
        }
        for index in deployments.indices { fill(&deployments[index].commits) }
        for index in pending.indices { fill(&pending[index].commits) }
    }
}

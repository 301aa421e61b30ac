/// Finds the commits that deployments name.
struct CommitResolver {
    private let commits: CommitTable
    private let index: PrefixIndex?

    init(_ commits: CommitTable, for deployments: ChunkedArray<DeploymentHistory.Deployment>) {
        self.commits = commits
        // Whole hashes in a repository that is named need no index.
        let needsIndex = deployments.contains { deployment in
            guard let repository = deployment.repository else { return true }
            return deployment.hash.count < CommitHash.whole && commits.find(deployment.hash, in: repository) == nil
        }
        index = needsIndex ? PrefixIndex(commits) : nil
    }

    func commit(of deployment: DeploymentHistory.Deployment) -> Result<UInt32, PlaceJudge.Unresolved> {
        let hash = deployment.hash
        if let repository = deployment.repository, let commit = commits.find(hash, in: repository) {
            return .success(commit)
        }
        let isWhole = hash.count >= CommitHash.whole
        guard !isWhole || deployment.repository == nil else { return .failure(.init(gap: .unknownCommit)) }
        guard hash.count >= CommitHash.shortest || deployment.repository != nil else {
            return .failure(.init(gap: .shortHash))
        }
        var found: UInt32?
        var gap = Gap.unknownCommit
        index?.forEach(hash, in: commits) { commit in
            if let repository = deployment.repository, commits.repository(of: commit) != repository { return true }
            guard let other = found else {
                found = commit
                return true
            }
            gap = commits.hash(of: other) == commits.hash(of: commit) ? .ambiguousRepository : .ambiguousHash
            found = nil
            return false
        }
        guard let found else { return .failure(.init(gap: gap)) }
        return .success(found)
    }
}

/// What a commit's first push says of it.
struct CommitText: Hashable {
    var author = ""
    var title = ""

    /// Of what several pushes of one moment say the one is taken that sorts first.
    func precedes(_ other: CommitText) -> Bool {
        if title == other.title { return author < other.author }
        return title.utf8.lexicographicallyPrecedes(other.title.utf8)
    }
}

/// Where the authors and titles of commits are read that are shown.
protocol CommitTextSource: Sendable {
    /// - Parameter commits: in the order of their first pushes, the newest first.
    /// - Returns: one for each, in the same order.
    func texts(of commits: ArraySlice<UInt32>, _ history: DeploymentHistory) throws -> [CommitText]
}

/// Those that the history has kept.
struct KnownTexts: CommitTextSource {
    func texts(of commits: ArraySlice<UInt32>, _ history: DeploymentHistory) -> [CommitText] {
        commits.map { CommitText(author: history.commits.author(of: $0), title: history.commits.title(of: $0)) }
    }
}

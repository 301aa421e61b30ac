package import Sluice

/// That a branch went from one commit to another: one for each webhook `push`, also one without commits.
package struct PushFact: Sendable, Hashable {
    /// A commit that the push lists.
    package struct Commit: Sendable, Hashable {
        /// The hash in lowercase hexadecimal, 4 to 64 digits.
        package var id: String
        /// At most 255 bytes; what is longer is cut.
        package var author: String
        /// When it was made, by its author's clock; nil where that is not believed.
        package var madeAt: Timestamp?
        /// The first line of its message, at most 255 bytes.
        package var title: String

        package init(id: String, author: String, madeAt: Timestamp?, title: String) {
            self.id = id
            self.author = author
            self.madeAt = madeAt
            self.title = title
        }
    }

    /// `owner/name`, at most 255 bytes; empty when the source did not say.
    package var repository: String
    /// Such as `refs/heads/main`, at most 1,024 bytes; nil when the source did not say.
    package var ref: String?
    /// What the branch was at; nil where it is new, or the source did not say.
    package var before: String?
    /// What the branch is at; nil where it was deleted, or the source did not say.
    package var after: String?
    /// Whether `before` is no ancestor of `after`.
    package var isForced: Bool
    /// Whether `before` and `after` were told: without them the push is no link of a chain. A tag's is none either.
    package var isLinked: Bool
    /// Whether ``commits`` is all that was pushed. Sources list only so many, and a message holds only so much.
    package var isComplete: Bool
    /// When the source took it.
    package var pushedAt: Timestamp
    /// Oldest first, as the source listed them; at most 2,048, the newest.
    package var commits: [Commit]

    package init(
        repository: String, ref: String?, before: String?, after: String?, isForced: Bool = false,
        isLinked: Bool = true,
        isComplete: Bool = true, pushedAt: Timestamp, commits: [Commit]
    ) {
        self.repository = repository
        self.ref = ref
        self.before = before
        self.after = after
        self.isForced = isForced
        self.isLinked = isLinked
        self.isComplete = isComplete
        self.pushedAt = pushedAt
        self.commits = commits
    }
}

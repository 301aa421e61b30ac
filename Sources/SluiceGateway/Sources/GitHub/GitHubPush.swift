import Sluice

/// A webhook `push`, as far as the gateway reads it.
///
/// One bad element does not refuse the rest: a field of another type counts as missing, an element that names no commit
/// is left out, and a time that is not believed is the push's own.
struct GitHubPush {
    private struct Commit {
        var id: String?
        var message: String?
        var timestamp: Timestamp?
        var url: String?
        var author: String?
        var username: String?
    }

    private(set) var hasCommits = false
    private var ref: String?
    private var before: String?
    private var after: String?
    private var isForced = false
    private var isDeleted = false
    private var repository = GitHubRepository()
    private var headTime: Timestamp?
    private var commits: [Commit] = []

    init(_ body: [UInt8]) throws(JSONError) {
        try JSONReader.fields(of: body) { (reader) throws(JSONError) in
            try reader.fieldOrSkip("ref", &ref)
            try reader.fieldOrSkip("before", &before)
            try reader.fieldOrSkip("after", &after)
            if reader.isAt("forced") {
                if reader.kind == .boolean { isForced = try reader.boolean() }
            }
            if reader.isAt("deleted") {
                if reader.kind == .boolean { isDeleted = try reader.boolean() }
            }
            if reader.isAt("repository") { repository = try GitHubRepository(&reader) }
            if reader.isAt("head_commit"), reader.kind == .object {
                try reader.fields { (reader) throws(JSONError) in
                    try reader.fieldTime("timestamp", &headTime)
                }
            }
            if reader.isAt("commits") {
                hasCommits = true
                commits = try reader.null() ? [] : Self.commits(&reader)
            }
        }
    }

    func outcome(
        receivedAt receipt: Timestamp, _ repaired: (SourceRepair) -> Void
    ) throws(SourceError) -> SourceOutcome {
        if isDeleted { return .ignored("ref_deleted") }
        if let ref, ref.hasPrefix("refs/tags/") { return .ignored("tag") }
        guard hasCommits else { throw SourceError("the push has no commits") }
        if commits.isEmpty { return .ignored("no_commits") }
        if let name = repository.fullName, EventField.name(name) == nil {
            throw SourceError("repository.full_name is not 1 to \(EventField.maximumName) bytes of plain text")
        }
        var events: [Event] = []
        events.reserveCapacity(commits.count)
        let ref = EventField.ref(ref)
        for commit in commits {
            guard let id = commit.id.flatMap(EventField.commit) else {
                repaired(.commit)
                continue
            }
            events.append(
                .commitPushed(
                    CommitPushed(
                        id: id, message: EventField.message(commit.message ?? ""), author: Self.author(of: commit),
                        occurredOn: time(of: commit, receipt, repaired), repository: repository.fullName, ref: ref,
                        url: EventField.url(commit.url))))
        }
        guard !events.isEmpty else {
            throw SourceError("none of commits has an id that is a commit's hash (4 to 64 hexadecimal digits)")
        }
        return .events(events)
    }

    /// What is kept of the push, also where it has no commits, deletes its branch or sets a tag. What cannot be read is missing:
    /// the push is no link of a chain then, or not complete.
    func fact(receivedAt receipt: Timestamp) -> PushFact {
        let (before, after) = (Link(before), Link(after))
        let isTag = ref?.hasPrefix("refs/tags/") == true
        let kept = commits.compactMap { commit in
            commit.id.flatMap(EventField.commit).map { id in
                PushFact.Commit(
                    id: id, author: Self.author(of: commit), madeAt: Self.believed(commit.timestamp, receipt),
                    title: EventField.title(commit.message ?? ""))
            }
        }
        return PushFact(
            repository: repository.fullName.flatMap(EventField.name) ?? "", ref: EventField.ref(ref),
            before: before.commit, after: after.commit, isForced: isForced,
            isLinked: before.isTold && after.isTold && !isTag,
            // GitHub lists no more: whether there are more, it does not say.
            isComplete: kept.count == commits.count && commits.count < PushFact.maximumCommits,
            pushedAt: Self.believed(repository.pushedAt, receipt) ?? receipt, commits: kept)
    }

    /// An end of what a push moves its branch over.
    private struct Link {
        /// Nil where there is none: the branch is new, or deleted.
        let commit: String?
        let isTold: Bool

        init(_ text: String?) {
            let hash = text.flatMap(EventField.commit)
            let isNone = hash?.utf8.allSatisfy { $0 == UInt8(ascii: "0") } ?? true
            commit = isNone ? nil : hash
            isTold = hash != nil
        }
    }

    private static func author(of commit: Commit) -> String {
        EventField.author(commit.username) ?? EventField.author(commit.author) ?? "unknown"
    }

    private static func believed(_ time: Timestamp?, _ receipt: Timestamp) -> Timestamp? {
        time.flatMap { EventTime.isPlausible($0, at: receipt) ? $0 : nil }
    }

    /// The commit's own time, else the best that is known of the push: when GitHub took it, when its last commit was
    /// made, when it was heard of.
    private func time(of commit: Commit, _ receipt: Timestamp, _ repaired: (SourceRepair) -> Void) -> Timestamp {
        if let own = Self.believed(commit.timestamp, receipt) { return own }
        repaired(.commitTime)
        return Self.believed(repository.pushedAt, receipt) ?? Self.believed(headTime, receipt) ?? receipt
    }

    private static func commits(_ reader: inout JSONReader) throws(JSONError) -> [Commit] {
        var commits: [Commit] = []
        try reader.array { (reader) throws(JSONError) in
            var commit = Commit()
            if reader.kind == .object { try read(&commit, &reader) }
            commits.append(commit)
        }
        return commits
    }

    private static func read(_ commit: inout Commit, _ reader: inout JSONReader) throws(JSONError) {
        try reader.fields { (reader) throws(JSONError) in
            try reader.fieldOrSkip("id", &commit.id)
            try reader.fieldOrSkip("message", &commit.message)
            try reader.fieldTime("timestamp", &commit.timestamp)
            try reader.fieldOrSkip("url", &commit.url)
            if reader.isAt("author"), reader.kind == .object {
                try reader.fields { (reader) throws(JSONError) in
                    try reader.fieldOrSkip("name", &commit.author)
                    try reader.fieldOrSkip("username", &commit.username)
                }
            }
        }
    }
}

/// The member `repository` of a webhook.
struct GitHubRepository {
    var name: String?
    /// `owner/name`.
    var fullName: String?
    var pushedAt: Timestamp?

    init() {}

    /// Reads the object, or `null`.
    init(_ reader: inout JSONReader) throws(JSONError) {
        if try reader.null() { return }
        try reader.fields { (reader) throws(JSONError) in
            try reader.fieldOrSkip("name", &name)
            try reader.fieldOrSkip("full_name", &fullName)
            try reader.fieldTime("pushed_at", &pushedAt)
        }
    }
}

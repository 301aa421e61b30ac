import Sluice

/// A webhook `push`, as far as the gateway reads it.
struct GitHubPush {
    private struct Commit {
        var id: String?
        var message: String?
        var timestamp: String?
        var url: String?
        var author: String?
        var username: String?
    }

    private(set) var hasCommits = false
    private var ref: String?
    private var isDeleted = false
    private var repository: String?
    private var commits: [Commit] = []

    init(_ body: [UInt8]) throws(JSONError) {
        try JSONReader.read(body) { (reader) throws(JSONError) in
            try reader.object { (key, reader) throws(JSONError) in
                if key == "ref" {
                    ref = try reader.stringOrNull()
                } else if key == "deleted" {
                    if reader.kind == .boolean { isDeleted = try reader.boolean() }
                } else if key == "repository" {
                    repository = try GitHubRepository(&reader).fullName
                } else if key == "commits" {
                    hasCommits = true
                    commits = try Self.commits(&reader)
                }
            }
        }
    }

    func outcome() throws(SourceError) -> SourceOutcome {
        if isDeleted { return .ignored("ref_deleted") }
        if let ref, ref.hasPrefix("refs/tags/") { return .ignored("tag") }
        guard hasCommits else { throw SourceError("the push has no commits") }
        if commits.isEmpty { return .ignored("no_commits") }
        if let repository, EventField.name(repository) == nil {
            throw SourceError("repository.full_name is not 1 to \(EventField.maximumName) bytes of plain text")
        }
        var events: [Event] = []
        events.reserveCapacity(commits.count)
        let ref = EventField.ref(ref)
        for (index, commit) in commits.enumerated() {
            guard let id = commit.id.flatMap(EventField.commit) else {
                throw SourceError("commits[\(index)].id is not a commit's hash (4 to 64 hexadecimal digits)")
            }
            guard let time = commit.timestamp.flatMap(RFC3339.parse) else {
                throw SourceError("commits[\(index)].timestamp is not an RFC 3339 time")
            }
            let author = EventField.author(commit.username) ?? EventField.author(commit.author) ?? "unknown"
            events.append(
                .commitPushed(
                    CommitPushed(
                        id: id, message: EventField.message(commit.message ?? ""), author: author, occurredOn: time,
                        repository: repository, ref: ref, url: EventField.url(commit.url))))
        }
        return .events(events)
    }

    private static func commits(_ reader: inout JSONReader) throws(JSONError) -> [Commit] {
        var commits: [Commit] = []
        try reader.array { (reader) throws(JSONError) in
            var commit = Commit()
            try reader.object { (key, reader) throws(JSONError) in
                if key == "id" {
                    commit.id = try reader.stringOrNull()
                } else if key == "message" {
                    commit.message = try reader.stringOrNull()
                } else if key == "timestamp" {
                    commit.timestamp = try reader.stringOrNull()
                } else if key == "url" {
                    commit.url = try reader.stringOrNull()
                } else if key == "author", reader.kind == .object {
                    try reader.object { (key, reader) throws(JSONError) in
                        if key == "name" {
                            commit.author = try reader.stringOrNull()
                        } else if key == "username" {
                            commit.username = try reader.stringOrNull()
                        }
                    }
                }
            }
            commits.append(commit)
        }
        return commits
    }
}

/// The member `repository` of a webhook.
struct GitHubRepository {
    var name: String?
    /// `owner/name`.
    var fullName: String?

    /// Reads the object, or `null`.
    init(_ reader: inout JSONReader) throws(JSONError) {
        if try reader.null() { return }
        try reader.object { (key, reader) throws(JSONError) in
            if key == "name" {
                name = try reader.stringOrNull()
            } else if key == "full_name" {
                fullName = try reader.stringOrNull()
            }
        }
    }
}

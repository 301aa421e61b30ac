import Sluice

extension PushFact {
    /// GitHub lists no more.
    static let maximumCommits = 2_048
    static let maximumTitle = 255

    /// What names of members, times and punctuation of a commit take at most.
    private static let commitFrame = 96

    /// The push with the newest of its commits, as many as so many bytes of JSON hold beside all else.
    func bounded(toBytes limit: Int) -> PushFact {
        var room = limit - 8_192
        var count = 0
        for commit in commits.reversed() {
            room -= Self.commitFrame + commit.id.utf8.count + Self.size(commit.author) + Self.size(commit.title)
            guard room >= 0, count < Self.maximumCommits else { break }
            count += 1
        }
        guard count < commits.count else { return self }
        var push = self
        push.commits = Array(commits.suffix(count))
        push.isComplete = false
        return push
    }

    /// How long a text is at most in JSON: what came through `EventField` has no control characters.
    private static func size(_ text: String) -> Int {
        text.utf8.reduce(0) { count, byte in
            count + (byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") ? 2 : byte < 0x20 ? 6 : 1)
        }
    }

    func write(to json: inout JSONWriter) {
        json.member("repository", repository)
        json.member("ref", ifPresent: ref)
        json.member("before", ifPresent: before)
        json.member("after", ifPresent: after)
        if isForced { json.member("forced", true) }
        if !isLinked { json.member("linked", false) }
        if !isComplete { json.member("complete", false) }
        json.member("pushed_at", RFC3339.format(pushedAt))
        json.name("commits")
        Self.write(commits, to: &json)
    }

    static func write(_ commits: [Commit], to json: inout JSONWriter) {
        json.array { json in
            for commit in commits {
                json.object { json in
                    json.member("id", commit.id)
                    json.member("author", commit.author)
                    json.member("made_at", ifPresent: commit.madeAt.map(RFC3339.format))
                    json.member("title", commit.title)
                }
            }
        }
    }

    static func read(_ reader: inout JSONReader) throws(JSONError) -> Result<PushFact, SourceError> {
        var push = PushFact(
            repository: "", ref: nil, before: nil, after: nil, pushedAt: Timestamp(millisecondsSince1970: 0),
            commits: [])
        var time: Timestamp?
        try reader.object { (key, reader) throws(JSONError) in
            if key == "repository" {
                push.repository = try reader.stringOrSkip().flatMap(EventField.name) ?? ""
            } else if key == "ref" {
                push.ref = EventField.ref(try reader.stringOrSkip())
            } else if key == "before" {
                push.before = try reader.stringOrSkip().flatMap(EventField.commit)
            } else if key == "after" {
                push.after = try reader.stringOrSkip().flatMap(EventField.commit)
            } else if key == "forced", reader.kind == .boolean {
                push.isForced = try reader.boolean()
            } else if key == "linked", reader.kind == .boolean {
                push.isLinked = try reader.boolean()
            } else if key == "complete", reader.kind == .boolean {
                push.isComplete = try reader.boolean()
            } else if key == "pushed_at" {
                time = try EventTime.read(&reader)
            } else if key == "commits", reader.kind == .array {
                let (commits, isComplete) = try readCommits(&reader)
                push.commits = commits
                if !isComplete { push.isComplete = false }
            }
        }
        guard let time else { return .failure(Fact.missing("pushed_at", "a time")) }
        push.pushedAt = time
        return .success(push)
    }

    /// - Returns: the commits, and whether these are all.
    static func readCommits(_ reader: inout JSONReader) throws(JSONError) -> ([Commit], isComplete: Bool) {
        var commits: [Commit] = []
        var isComplete = true
        try reader.array { (reader) throws(JSONError) in
            guard reader.kind == .object else { return }
            var commit = Commit(id: "", author: "", madeAt: nil, title: "")
            try reader.object { (key, reader) throws(JSONError) in
                if key == "id" {
                    commit.id = try reader.stringOrSkip().flatMap(EventField.commit) ?? ""
                } else if key == "author" {
                    commit.author = EventField.author(try reader.stringOrSkip()) ?? ""
                } else if key == "made_at" {
                    commit.madeAt = try EventTime.read(&reader)
                } else if key == "title" {
                    commit.title = EventField.title(try reader.stringOrSkip() ?? "")
                }
            }
            guard !commit.id.isEmpty, commits.count < maximumCommits else {
                isComplete = false
                return
            }
            commits.append(commit)
        }
        return (commits, isComplete)
    }
}

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
        var (repository, ref, before, after): (String?, String?, String?, String?)
        try reader.fields { (reader) throws(JSONError) in
            try reader.fieldOrSkip("repository", &repository)
            try reader.fieldOrSkip("ref", &ref)
            try reader.fieldOrSkip("before", &before)
            try reader.fieldOrSkip("after", &after)
            if reader.kind == .boolean {
                try reader.field("forced", &push.isForced)
                try reader.field("linked", &push.isLinked)
                try reader.field("complete", &push.isComplete)
            }
            try reader.fieldTime("pushed_at", &time)
            if reader.kind == .array, reader.isAt("commits") {
                let (commits, isComplete) = try readCommits(&reader)
                push.commits = commits
                if !isComplete { push.isComplete = false }
            }
        }
        guard let time else { return .failure(Fact.missing("pushed_at", "a time")) }
        push.repository = repository.flatMap(EventField.name) ?? ""
        push.ref = EventField.ref(ref)
        push.before = before.flatMap(EventField.commit)
        push.after = after.flatMap(EventField.commit)
        push.pushedAt = time
        return .success(push)
    }

    /// - Returns: the commits, and whether these are all.
    static func readCommits(_ reader: inout JSONReader) throws(JSONError) -> ([Commit], isComplete: Bool) {
        var commits: [Commit] = []
        var isComplete = true
        try reader.array { (reader) throws(JSONError) in
            guard reader.kind == .object else { return }
            var (id, author, title): (String?, String?, String?)
            var made: Timestamp?
            try reader.fields { (reader) throws(JSONError) in
                try reader.fieldOrSkip("id", &id)
                try reader.fieldOrSkip("author", &author)
                try reader.fieldTime("made_at", &made)
                try reader.fieldOrSkip("title", &title)
            }
            guard let id = id.flatMap(EventField.commit), commits.count < maximumCommits else {
                isComplete = false
                return
            }
            commits.append(
                Commit(
                    id: id, author: EventField.author(author) ?? "", madeAt: made, title: EventField.title(title ?? ""))
            )
        }
        return (commits, isComplete)
    }
}

import Sluice

extension DeploymentHistory {
    /// Adds a push whose commits are JSON, as the file of deployments keeps them. No value is made of each commit: of a million that
    /// would be most of the work.
    /// - Parameter json: what cannot be read is a hole.
    mutating func add(_ head: PushLog.Head, listing json: UnsafeBufferPointer<UInt8>) {
        var draft = pushes.begin(head, &commits)
        var isRead = true
        let withTexts = commits.keepsTexts
        do {
            try JSONReader.read(lent: json) { (reader) throws(JSONError) in
                try reader.array { (reader) throws(JSONError) in
                    guard reader.kind == .object else { return }
                    let commit = try StoredCommit(&reader, withAuthor: withTexts)
                    guard let hash = commit.hash else {
                        isRead = false
                        return
                    }
                    commit.say { pushes.list(hash, $0, &draft, &commits) }
                }
            }
        } catch {
            isRead = false
        }
        pushes.end(draft, isRead: isRead, &commits)
    }
}

/// A commit in the JSON of a push, read in place where its texts are plain.
private struct StoredCommit {
    var hash: CommitHash?
    private var author = ""
    private var madeAt: Int64?
    private var title = ""
    /// The title as it stands in the JSON; nil where ``title`` has it.
    private var plainTitle: UnsafeBufferPointer<UInt8>?

    init(_ reader: inout JSONReader, withAuthor: Bool) throws(JSONError) {
        var read = StoredCommit()
        try reader.fields { (reader) throws(JSONError) in
            if reader.isAt("id") { read.hash = try Self.hash(&reader) }
            if withAuthor, reader.isAt("author") { read.author = EventField.author(try reader.stringOrSkip()) ?? "" }
            if reader.isAt("made_at") { read.madeAt = try Self.time(&reader) }
            if reader.isAt("title") { try read.readTitle(&reader) }
        }
        self = read
    }

    private init() {}

    private static func hash(_ reader: inout JSONReader) throws(JSONError) -> CommitHash? {
        if let plain = try reader.plainString() { return CommitHash(plain) }
        return try reader.stringOrSkip().flatMap { CommitHash($0) }
    }

    private static func time(_ reader: inout JSONReader) throws(JSONError) -> Int64? {
        if let plain = try reader.plainString() { return RFC3339.parse(plain)?.millisecondsSince1970 }
        return try EventTime.read(&reader)?.millisecondsSince1970
    }

    private mutating func readTitle(_ reader: inout JSONReader) throws(JSONError) {
        plainTitle = try reader.plainString()
        if let plain = plainTitle {
            guard !plain.isPlainLine(upTo: PushFact.maximumTitle) else { return }
            title = EventField.title(String(decoding: plain, as: UTF8.self))
            plainTitle = nil
        } else {
            title = EventField.title(try reader.stringOrSkip() ?? "")
        }
    }

    func say(_ body: (CommitTable.Saying) -> Void) {
        if let plainTitle { return body(.init(author: author, madeAt: madeAt, title: plainTitle)) }
        var title = title
        title.withUTF8 { body(.init(author: author, madeAt: madeAt, title: $0)) }
    }
}

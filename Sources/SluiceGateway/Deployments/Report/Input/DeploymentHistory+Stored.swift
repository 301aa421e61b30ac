import Sluice

extension DeploymentHistory {
    /// Adds a push whose commits are JSON, as the file of deployments keeps them. No value is made of each commit: of a million that
    /// would be most of the work.
    /// - Parameter json: what cannot be read is a hole.
    mutating func add(_ push: PushFact, listing json: UnsafeBufferPointer<UInt8>) {
        var draft = pushes.begin(push, in: repositories.id(of: push.repository), &commits)
        var isComplete = true
        do {
            try JSONReader.read(lent: json) { (reader) throws(JSONError) in
                try reader.array { (reader) throws(JSONError) in
                    guard reader.kind == .object else { return }
                    let commit = try StoredCommit(&reader)
                    guard let hash = commit.hash else {
                        isComplete = false
                        return
                    }
                    commit.say { pushes.list(hash, $0, &draft, &commits) }
                }
            }
        } catch {
            isComplete = false
        }
        pushes.end(draft, push, isComplete: push.isComplete && isComplete, &commits)
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

    init(_ reader: inout JSONReader) throws(JSONError) {
        var read = StoredCommit()
        try reader.object { (key, reader) throws(JSONError) in
            if key == "id" {
                if let plain = try reader.plainString() {
                    read.hash = CommitHash(plain)
                } else {
                    read.hash = try reader.stringOrSkip().flatMap { CommitHash($0) }
                }
            } else if key == "author" {
                read.author = EventField.author(try reader.stringOrSkip()) ?? ""
            } else if key == "made_at" {
                if let plain = try reader.plainString() {
                    read.madeAt = RFC3339.parse(plain)?.millisecondsSince1970
                } else {
                    read.madeAt = try EventTime.read(&reader)?.millisecondsSince1970
                }
            } else if key == "title" {
                if let plain = try reader.plainString() {
                    read.plainTitle = plain
                } else {
                    read.title = EventField.title(try reader.stringOrSkip() ?? "")
                }
            }
        }
        if let plain = read.plainTitle, !plain.isPlainLine(upTo: PushFact.maximumTitle) {
            read.title = EventField.title(String(decoding: plain, as: UTF8.self))
            read.plainTitle = nil
        }
        self = read
    }

    private init() {}

    func say(_ body: (CommitTable.Saying) -> Void) {
        if let plainTitle { return body(.init(author: author, madeAt: madeAt, title: plainTitle)) }
        var title = title
        title.withUTF8 { body(.init(author: author, madeAt: madeAt, title: $0)) }
    }
}

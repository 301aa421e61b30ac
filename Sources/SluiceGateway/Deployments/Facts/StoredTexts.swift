import Foundation
import GRDB
import Sluice

/// Reads the authors and titles of commits in the file of deployments, a part of them at a time: a slow reader of the report holds
/// no part of the file.
struct StoredTexts: CommitTextSource {
    let store: FactStore
    /// Nil is all.
    let repository: String?

    func texts(of commits: ArraySlice<UInt32>, _ history: DeploymentHistory) throws -> [CommitText] {
        let times = commits.compactMap { history.commits.pushedAt($0) }
        guard let first = times.min(), let last = times.max() else { return commits.map { _ in CommitText() } }
        var places = [UInt32: Int](minimumCapacity: commits.count)
        for (place, commit) in commits.enumerated() { places[commit] = place }
        var found = [CommitText?](repeating: nil, count: commits.count)
        try store.read { database, hasFacts in
            guard hasFacts else { return }
            let query = FactQuery(
                since: Timestamp(millisecondsSince1970: first),
                until: Timestamp(millisecondsSince1970: last == .max ? last : last + 1),
                filter: FactFilter(), repositories: repository.map { [$0.lowercased()] }, isSorted: false)
            try query.forEachStored(database) { row in
                guard let name = row.text(0), let repository = history.repositories.find(name) else { return }
                let time = row.pushedAt
                row.withBytes(8) { json in
                    PushFact.forEachText(in: json) { hash, text in
                        guard let commit = history.commits.find(hash, in: repository), let place = places[commit],
                            history.commits.pushedAt(commit) == time, found[place].map(text.precedes) ?? true
                        else { return }
                        found[place] = text
                    }
                }
            }
        }
        return found.map { $0 ?? CommitText() }
    }
}

extension PushFact {
    /// What stored commits are called. What cannot be read is passed over.
    static func forEachText(
        in json: UnsafeBufferPointer<UInt8>, _ body: (CommitHash, CommitText) -> Void
    ) {
        try? JSONReader.read(lent: json) { (reader) throws(JSONError) in
            try reader.array { (reader) throws(JSONError) in
                guard reader.kind == .object else { return }
                var hash: CommitHash?
                var text = CommitText()
                try reader.fields { (reader) throws(JSONError) in
                    if reader.isAt("id") { hash = try reader.stringOrSkip().flatMap { CommitHash($0) } }
                    if reader.isAt("author") { text.author = EventField.author(try reader.stringOrSkip()) ?? "" }
                    if reader.isAt("title") {
                        text.title = TitleText.cut(EventField.title(try reader.stringOrSkip() ?? ""))
                    }
                }
                if let hash { body(hash, text) }
            }
        }
    }
}

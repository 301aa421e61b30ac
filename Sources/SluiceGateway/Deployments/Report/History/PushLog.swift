import Sluice

/// The pushes that were heard of, in numbers.
struct PushLog {
    /// What a push is good for.
    struct Traits: OptionSet {
        let rawValue: UInt8
        /// It leads from `before` to `after`: a link of a chain.
        static let links = Traits(rawValue: 1)
        /// It lists every commit that it brought, its end among them.
        static let isWhole = Traits(rawValue: 2)
        /// Among its commits are merges, so that a place in its list says nothing.
        static let merges = Traits(rawValue: 4)
        /// The branch does not go on from where it was: it is new, or was forced elsewhere.
        static let breaks = Traits(rawValue: 8)
    }

    struct Push {
        /// `PushLog.none` where there is none.
        var before: UInt32
        var after: UInt32
        var pushedAt: Int64
        /// Its commits in `listed`.
        var start: UInt32
        var count: UInt16
        var traits: Traits
        var ref: UInt32

        var commits: Range<Int> { Int(start)..<Int(start) + Int(count) }
    }

    static let none = UInt32.max
    /// GitHub lists so many commits at most; what goes beyond is missing.
    static let longestList = 2_048

    private(set) var pushes = ChunkedArray<Push>()
    private(set) var listed = ChunkedArray<UInt32>()
    private(set) var refs = NameTable()

    /// A push whose commits are being listed.
    struct Draft {
        fileprivate let before: UInt32
        fileprivate let after: UInt32
        fileprivate let start: Int
        fileprivate let repository: UInt32
        fileprivate let isLinked: Bool
        fileprivate let time: Int64
        fileprivate var traits: Traits = []
        fileprivate var endsInAfter = false
    }

    mutating func add(_ fact: PushFact, in repository: UInt32, to commits: inout CommitTable) {
        var draft = begin(fact, in: repository, &commits)
        for commit in fact.commits.prefix(Self.longestList) {
            guard let hash = CommitHash(commit.id) else { continue }
            var title = commit.title
            title.withUTF8 { bytes in
                let said = CommitTable.Saying(
                    author: commit.author, madeAt: commit.madeAt?.millisecondsSince1970, title: bytes)
                list(hash, said, &draft, &commits)
            }
        }
        end(draft, fact, isComplete: fact.isComplete, &commits)
    }

    /// Begins a push, whose commits come one by one: whatever ``PushFact/commits`` says is not looked at.
    func begin(_ fact: PushFact, in repository: UInt32, _ commits: inout CommitTable) -> Draft {
        Draft(
            before: fact.isLinked ? id(fact.before, repository, &commits) : Self.none,
            after: fact.isLinked ? id(fact.after, repository, &commits) : Self.none, start: listed.count,
            repository: repository, isLinked: fact.isLinked, time: fact.pushedAt.millisecondsSince1970)
    }

    mutating func list(
        _ hash: CommitHash, _ said: CommitTable.Saying, _ draft: inout Draft, _ commits: inout CommitTable
    ) {
        guard listed.count - draft.start < Self.longestList else { return }
        let id = commits.id(of: hash, in: draft.repository)
        if commits.list(id, said, at: draft.time).contains(.merges) { draft.traits.insert(.merges) }
        if id == draft.after { draft.endsInAfter = true }
        if !draft.isLinked { commits.mark(id, .unlinked) }
        listed.append(id)
    }

    mutating func end(_ draft: Draft, _ fact: PushFact, isComplete: Bool, _ commits: inout CommitTable) {
        let (before, after, count) = (draft.before, draft.after, listed.count - draft.start)
        var traits = draft.traits
        let isWhole = isComplete && count < Self.longestList
        if after != Self.none {
            if isWhole, draft.endsInAfter { traits.insert(.isWhole) }
            if before == Self.none {
                traits.insert(.breaks)
                commits.mark(after, .created)
            } else if fact.isForced {
                traits.insert(.breaks)
                commits.mark(after, .forced)
            } else if before != after, draft.endsInAfter || !isWhole {
                traits.insert(.links)
            } else {
                // It says that commits came, and which ones it does not say.
                commits.mark(after, .incomplete)
            }
        }
        guard after != Self.none || count > 0 else { return }
        pushes.append(
            Push(
                before: before, after: after, pushedAt: draft.time, start: UInt32(draft.start), count: UInt16(count),
                traits: traits,
                ref: fact.ref.map { refs.id(of: $0) } ?? Self.none))
    }

    private func id(_ text: String?, _ repository: UInt32, _ commits: inout CommitTable) -> UInt32 {
        guard let text, let hash = CommitHash(text) else { return Self.none }
        return commits.id(of: hash, in: repository)
    }
}

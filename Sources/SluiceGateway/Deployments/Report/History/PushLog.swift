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
        var start: UInt32
        var count: UInt32
        var traits: Traits
        var ref: UInt32

        /// Its commits in ``PushLog/listed``.
        var commits: Range<Int> { Int(start)..<Int(start) + Int(count) }
    }

    static let none = UInt32.max
    /// GitHub lists so many commits at most; what goes beyond is missing.
    static let longestList = 2_048

    private(set) var pushes = PushList()
    private(set) var listed = ChunkedArray<UInt32>()
    private(set) var refs = NameTable()
    /// What each repository was at after its last push: mostly what the next one says it was at before.
    private var tips: [UInt32] = []

    /// What a push says of itself, beside its commits.
    struct Head {
        let repository: UInt32
        /// In ``PushLog/refs``, or `PushLog.none`.
        let ref: UInt32
        let before: CommitHash?
        let after: CommitHash?
        let isForced: Bool
        let isLinked: Bool
        let isComplete: Bool
        let pushedAt: Int64
    }

    /// A push whose commits are being listed.
    struct Draft {
        fileprivate let head: Head
        fileprivate let before: UInt32
        /// Where the list says so.
        fileprivate var after = PushLog.none
        fileprivate let start: Int
        fileprivate var traits: Traits = []
    }

    mutating func add(_ fact: PushFact, in repository: UInt32, to commits: inout CommitTable) {
        let head = Head(
            repository: repository, ref: fact.ref.map { refs.id(of: $0) } ?? Self.none,
            before: fact.before.flatMap { CommitHash($0) }, after: fact.after.flatMap { CommitHash($0) },
            isForced: fact.isForced, isLinked: fact.isLinked, isComplete: fact.isComplete,
            pushedAt: fact.pushedAt.millisecondsSince1970)
        var draft = begin(head, &commits)
        for commit in fact.commits.prefix(Self.longestList) {
            guard let hash = CommitHash(commit.id) else { continue }
            var title = commit.title
            title.withUTF8 { bytes in
                let said = CommitTable.Saying(
                    author: commit.author, madeAt: commit.madeAt?.millisecondsSince1970, title: bytes)
                list(hash, said, &draft, &commits)
            }
        }
        end(draft, &commits)
    }

    /// The number of a branch's name, which is UTF-8.
    mutating func ref(_ name: UnsafeBufferPointer<UInt8>) -> UInt32 { refs.id(of: name) }

    /// Begins a push, whose commits come one by one.
    mutating func begin(_ head: Head, _ commits: inout CommitTable) -> Draft {
        Draft(head: head, before: before(head, &commits), start: listed.count)
    }

    mutating func list(
        _ hash: CommitHash, _ said: CommitTable.Saying, _ draft: inout Draft, _ commits: inout CommitTable
    ) {
        guard listed.count - draft.start < Self.longestList else { return }
        let id = commits.id(of: hash, in: draft.head.repository)
        if commits.list(id, said, at: draft.head.pushedAt).contains(.merges) { draft.traits.insert(.merges) }
        if draft.head.isLinked {
            if hash == draft.head.after { draft.after = id }
        } else {
            commits.mark(id, .unlinked)
        }
        listed.append(id)
    }

    /// - Parameter isRead: false where what lists the commits could not be read as a whole.
    mutating func end(_ draft: Draft, isRead: Bool = true, _ commits: inout CommitTable) {
        let (head, before, count) = (draft.head, draft.before, listed.count - draft.start)
        let endsInAfter = draft.after != Self.none
        var after = draft.after
        if !endsInAfter, head.isLinked, let hash = head.after { after = commits.id(of: hash, in: head.repository) }
        var traits = draft.traits
        let isWhole = head.isComplete && isRead && count < Self.longestList
        if after != Self.none {
            note(tip: after, of: head.repository)
            if isWhole, endsInAfter { traits.insert(.isWhole) }
            if before == Self.none {
                traits.insert(.breaks)
                commits.mark(after, .created)
            } else if head.isForced {
                traits.insert(.breaks)
                commits.mark(after, .forced)
            } else if before != after, endsInAfter || !isWhole {
                traits.insert(.links)
            } else {
                // It says that commits came, and which ones it does not say.
                commits.mark(after, .incomplete)
            }
        }
        guard after != Self.none || count > 0 else { return }
        pushes.append(
            Push(
                before: before, after: after, pushedAt: head.pushedAt, start: UInt32(draft.start), count: UInt32(count),
                traits: traits, ref: head.ref))
    }

    private func before(_ head: Head, _ commits: inout CommitTable) -> UInt32 {
        guard head.isLinked, let hash = head.before else { return Self.none }
        if Int(head.repository) < tips.count, case let tip = tips[Int(head.repository)], tip != Self.none,
            commits.hash(of: tip) == hash
        {
            return tip
        }
        return commits.id(of: hash, in: head.repository)
    }

    private mutating func note(tip: UInt32, of repository: UInt32) {
        while tips.count <= Int(repository) { tips.append(Self.none) }
        tips[Int(repository)] = tip
    }
}

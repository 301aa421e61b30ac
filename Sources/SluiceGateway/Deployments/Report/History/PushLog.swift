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

    mutating func add(_ fact: PushFact, in repository: UInt32, to commits: inout CommitTable) {
        let time = fact.pushedAt.millisecondsSince1970
        let start = listed.count
        var traits: Traits = []
        let before = fact.isLinked ? id(fact.before, repository, &commits) : Self.none
        let after = fact.isLinked ? id(fact.after, repository, &commits) : Self.none
        var endsInAfter = false
        for commit in fact.commits.prefix(Self.longestList) {
            guard let hash = CommitHash(commit.id) else { continue }
            let id = commits.id(of: hash, in: repository)
            if commits.list(id, commit, at: time).contains(.merges) { traits.insert(.merges) }
            if id == after { endsInAfter = true }
            if !fact.isLinked { commits.mark(id, .unlinked) }
            listed.append(id)
        }
        let count = listed.count - start
        let isWhole = fact.isComplete && count < Self.longestList
        if after != Self.none {
            if isWhole, endsInAfter { traits.insert(.isWhole) }
            if before == Self.none {
                traits.insert(.breaks)
                commits.mark(after, .created)
            } else if fact.isForced {
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
                before: before, after: after, pushedAt: time, start: UInt32(start), count: UInt16(count),
                traits: traits,
                ref: fact.ref.map { refs.id(of: $0) } ?? Self.none))
    }

    private func id(_ text: String?, _ repository: UInt32, _ commits: inout CommitTable) -> UInt32 {
        guard let text, let hash = CommitHash(text) else { return Self.none }
        return commits.id(of: hash, in: repository)
    }
}

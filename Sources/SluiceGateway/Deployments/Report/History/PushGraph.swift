/// The chains of pushes: which commit a branch was at before it came to another.
///
/// A push that is not forced lists exactly what is in `after` and not in `before`. So every way from one commit to another,
/// by whatever branches, lists the same commits: those of the second that the first does not have.
struct PushGraph {
    /// Where a push lists a commit, or comes to it.
    struct Sighting {
        private let number: UInt32
        private let index: UInt32

        var push: Int { Int(number) }
        /// The place in the push's list; nil where the commit is its end and the list does not say so.
        var place: Int? { index == PushLog.none ? nil : Int(index) }

        init(push: Int, place: Int?) {
            (number, index) = (UInt32(push), place.map { UInt32($0) } ?? PushLog.none)
        }
    }

    /// A part of one push's list, as places in ``PushLog/listed``.
    struct Piece {
        let push: Int
        let places: Range<Int>
    }

    let commits: CommitTable
    let log: PushLog
    /// Where each commit's incoming links begin in `incoming`.
    private let starts: [UInt32]
    let incoming: [UInt32]
    /// How many links lead to a commit at most. What a chain leads to has more than what it comes from.
    private let ranks: [UInt32]
    /// Of the commits that were deployed.
    private let sightings: Sightings
    /// When each branch began, or was forced elsewhere, by its repository and name.
    let breaks: [UInt64: [Int64]]
    /// The push by which a branch began at a commit, or was forced there.
    private let beginnings: [UInt32: Int]
    /// Whether any push lists less than it brought.
    let hasLongPushes: Bool
    private var visits: Visits

    /// - Parameter deployed: the commits whose place in pushes will be asked for.
    init(_ commits: CommitTable, _ log: PushLog, deployed: Set<UInt32>) {
        (self.commits, self.log) = (commits, log)
        var (starts, links) = Self.index(commits, log) { $0.after }
        Self.sort(&links, starts, commits, log)
        incoming = links
        self.starts = starts
        ranks = Self.rank(commits, log, starts)
        sightings = Sightings(commits, log, of: deployed)
        hasLongPushes = (0..<log.pushes.count).contains { index in
            log.pushes[index].traits.contains(.links) && !log.pushes[index].traits.contains(.isWhole)
        }
        var breaks: [UInt64: [Int64]] = [:]
        var beginnings: [UInt32: Int] = [:]
        for index in 0..<log.pushes.count where log.pushes[index].traits.contains(.breaks) {
            let push = log.pushes[index]
            breaks[Self.branch(push, commits), default: []].append(push.pushedAt)
            guard push.count > 0 else { continue }
            let other = beginnings[push.after]
            if other.map({ Self.precedes(push, log.pushes[$0], commits, log) }) ?? true {
                beginnings[push.after] = index
            }
        }
        (self.breaks, self.beginnings) = (breaks, beginnings)
        visits = Visits(commits: commits.count)
    }

    /// The branch that a push came to.
    static func branch(_ push: PushLog.Push, _ commits: CommitTable) -> UInt64 {
        let repository = push.after == PushLog.none ? UInt32.max : commits.repository(of: push.after)
        return UInt64(repository) << 32 | UInt64(push.ref)
    }

    // MARK: Making

    private static func index(
        _ commits: CommitTable, _ log: PushLog, by end: (PushLog.Push) -> UInt32
    ) -> (starts: [UInt32], links: [UInt32]) {
        var starts = [UInt32](repeating: 0, count: commits.count + 1)
        for index in 0..<log.pushes.count where log.pushes[index].traits.contains(.links) {
            starts[Int(end(log.pushes[index]))] += 1
        }
        // Where each commit's links end, until they are put there from the last one on.
        for index in 1..<max(1, starts.count) { starts[index] += starts[index - 1] }
        var links = [UInt32](repeating: 0, count: Int(starts.last ?? 0))
        for index in stride(from: log.pushes.count - 1, through: 0, by: -1)
        where log.pushes[index].traits.contains(.links) {
            let commit = Int(end(log.pushes[index]))
            starts[commit] -= 1
            links[Int(starts[commit])] = UInt32(index)
        }
        return (starts, links)
    }

    /// The order of coming must not show: of several links to one commit the one that lists everything comes first.
    private static func sort(
        _ links: inout [UInt32], _ starts: [UInt32], _ commits: CommitTable, _ log: PushLog
    ) {
        for commit in 0..<commits.count where starts[commit + 1] - starts[commit] > 1 {
            links[Int(starts[commit])..<Int(starts[commit + 1])].sort {
                let (left, right) = (log.pushes[Int($0)], log.pushes[Int($1)])
                let (isWhole, isOtherWhole) = (left.traits.contains(.isWhole), right.traits.contains(.isWhole))
                return isWhole == isOtherWhole ? precedes(left, right, commits, log) : isWhole
            }
        }
    }

    static func precedes(
        _ left: PushLog.Push, _ right: PushLog.Push, _ commits: CommitTable, _ log: PushLog
    ) -> Bool {
        if left.pushedAt != right.pushedAt { return left.pushedAt < right.pushedAt }
        func text(_ id: UInt32) -> CommitHash {
            id == PushLog.none ? CommitHash(a: 0, b: 0, c: 0, d: 0, count: 0) : commits.hash(of: id)
        }
        func ref(_ id: UInt32) -> String { id == PushLog.none ? "" : log.refs[id] }
        return (text(left.after), text(left.before), ref(left.ref)) < (
            text(right.after), text(right.before), ref(right.ref)
        )
    }

    /// What is in a circle, or behind one, has no rank: such links contradict each other and are not followed.
    private static func rank(_ commits: CommitTable, _ log: PushLog, _ starts: [UInt32]) -> [UInt32] {
        let (exits, outgoing) = index(commits, log) { $0.before }
        var missing = (0..<commits.count).map { starts[$0 + 1] - starts[$0] }
        // Of what is not ready yet, the highest rank so far.
        var ranks = [UInt32](repeating: 0, count: commits.count)
        var ready = (0..<UInt32(commits.count)).filter { missing[Int($0)] == 0 && exits[Int($0)] < exits[Int($0) + 1] }
        while let commit = ready.popLast() {
            for link in outgoing[Int(exits[Int(commit)])..<Int(exits[Int(commit) + 1])] {
                let after = Int(log.pushes[Int(link)].after)
                ranks[after] = max(ranks[after], ranks[Int(commit)] + 1)
                missing[after] -= 1
                if missing[after] == 0 { ready.append(UInt32(after)) }
            }
        }
        for commit in 0..<commits.count where missing[commit] > 0 { ranks[commit] = .max }
        return ranks
    }

    // MARK: Asking

    func push(_ index: Int) -> PushLog.Push { log.pushes[index] }

    func sightings(of commit: UInt32) -> ArraySlice<Sighting> { sightings.of(commit) }

    /// The pushes that lead to a commit, those first that list everything.
    func links(to commit: UInt32) -> ArraySlice<UInt32> {
        incoming[linkPlaces(to: commit)]
    }

    /// Where they are in ``incoming``.
    func linkPlaces(to commit: UInt32) -> Range<Int> {
        guard ranks[Int(commit)] != .max else { return 0..<0 }
        return Int(starts[Int(commit)])..<Int(starts[Int(commit) + 1])
    }

    /// All that is known of a push that leads to a commit and does not say from where.
    func beginning(of commit: UInt32) -> Piece? {
        beginnings[commit].map { Piece(push: $0, places: log.pushes[$0].commits) }
    }

    func rank(of commit: UInt32) -> UInt32 { ranks[Int(commit)] }

    /// Where the place in a push's list says which commits came before: there is no merge in it, and the commit did not
    /// come by a branch of its own, as it does when that is merged without saying so.
    func placesInLine(of commit: UInt32) -> [Sighting] {
        let all = sightings(of: commit)
        return all.filter { sighting in
            let push = log.pushes[sighting.push]
            guard sighting.place != nil, push.after != commit, !push.traits.contains(.merges),
                push.traits.contains(.isWhole), ranks[Int(push.after)] != .max
            else { return false }
            return !all.contains { $0.push != sighting.push && log.pushes[$0.push].after == commit && $0.place != nil }
        }
    }

    /// Begins a walk, on which each commit is visited once.
    mutating func beginVisits() { visits.begin() }

    /// - Returns: false where it was visited before.
    mutating func visit(_ commit: UInt32) -> Bool { visits.visit(commit) }
}

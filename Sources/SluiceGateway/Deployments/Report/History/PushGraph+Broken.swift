extension PushGraph {
    /// How many pushes are looked at where a chain leads nowhere.
    static let reach = 4_096

    /// What is known of a chain that does not lead back to what was deployed before.
    struct Broken {
        /// Those that surely were not in what was deployed before, oldest first.
        var commits: [UInt32]
        var gap: Gap
    }

    /// What was deployed before, and did not turn up.
    struct Previous {
        let commit: UInt32?
        let finishedAt: Int64
    }

    /// Follows pushes backwards from `commit` to where the chain breaks, or comes to what was live.
    ///
    /// What is found on this side counts as shipped only when it surely was not in `previous`: it was first pushed after that
    /// had been deployed, or it came to a branch that `previous` had been on before.
    /// - Parameter wasLive: whether a commit was deployed to this place before.
    mutating func broken(from commit: UInt32, _ previous: Previous, wasLive: (UInt32) -> Bool) -> Broken {
        let seen = branches(of: previous.commit)
        var (pieces, at, gap) = ([Piece](), commit, Gap?.none)
        if links(to: at).isEmpty, let sighting = placesInLine(of: at).first, let place = sighting.place {
            let push = push(sighting.push)
            pieces.append(Piece(push: sighting.push, places: push.commits.lowerBound..<place + 1))
            if push.traits.contains(.links) { at = push.before } else { gap = end(push.after) }
        }
        beginVisits()
        while gap == nil {
            if at != commit, wasLive(at) {
                gap = .otherLine
            } else if let link = links(to: at).first, visit(at) {
                let push = push(Int(link))
                pieces.append(Piece(push: Int(link), places: push.commits))
                at = push.before
                if pieces.count > Self.reach { gap = .tooFar }
            } else {
                gap = end(at)
                if let piece = beginning(of: at) { pieces.append(piece) }
            }
        }
        beginVisits()
        var found: [UInt32] = []
        for piece in pieces.reversed() {
            let isBehind = isBehind(seen, push(piece.push))
            for place in piece.places {
                let commit = log.listed[place]
                guard visit(commit) else { continue }
                if isBehind || isAfter(previous, commit) { found.append(commit) }
            }
        }
        // Whatever came before it.
        if visit(commit), isAfter(previous, commit) { found.append(commit) }
        return Broken(commits: found, gap: gap ?? .hole)
    }

    private func isAfter(_ previous: Previous, _ commit: UInt32) -> Bool {
        (commits.pushedAt(commit) ?? .min) > previous.finishedAt
    }

    /// When the commit was first seen on each branch.
    private func branches(of commit: UInt32?) -> [UInt32: Int64] {
        var seen: [UInt32: Int64] = [:]
        for sighting in commit.map({ sightings(of: $0) }) ?? [] {
            let push = push(sighting.push)
            if push.ref != PushLog.none { seen[push.ref] = min(seen[push.ref] ?? .max, push.pushedAt) }
        }
        return seen
    }

    /// Whether the push brought a branch further on which all that was `seen` had been before.
    private func isBehind(_ seen: [UInt32: Int64], _ push: PushLog.Push) -> Bool {
        guard push.ref != PushLog.none, let time = seen[push.ref], time < push.pushedAt else { return false }
        return !(breaks[Self.branch(push, commits)]?.contains { $0 > time && $0 <= push.pushedAt } ?? false)
    }

    /// Why no push leads to the commit.
    func end(_ commit: UInt32) -> Gap {
        let ends = commits.ends(of: commit)
        if ends.contains(.forced) { return .forcePush }
        if ends.contains(.created) { return .newBranch }
        if ends.contains(.unlinked) { return .unlinkedPush }
        let isInside = sightings(of: commit).contains { push($0.push).traits.contains(.links) }
        return isInside ? .insideMerge : .hole
    }

    /// Whether pushes say of both on which branches they were, and none had both.
    func areOnOtherBranches(_ one: UInt32, _ other: UInt32) -> Bool {
        let (first, second) = (branches(of: one), branches(of: other))
        return !first.isEmpty && !second.isEmpty && !first.keys.contains { second[$0] != nil }
    }
}

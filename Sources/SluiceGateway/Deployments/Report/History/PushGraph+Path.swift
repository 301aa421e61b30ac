extension PushGraph {
    /// What lies between two commits.
    struct Path {
        /// Newest push first.
        var pieces: [Piece]
        /// Whether each push lists everything that it brought.
        var isWhole: Bool
    }

    /// Follows pushes backwards from `later` until `earlier` is reached.
    /// - Returns: nil where no chain leads there.
    mutating func path(from later: UInt32, backTo earlier: UInt32) -> Path? {
        let goals = Goals(earlier, self)
        if let path = path(from: later, goals, onlyWhole: true) { return path }
        return hasLongPushes ? path(from: later, goals, onlyWhole: false) : nil
    }

    /// Where a walk may end: at the commit, or in the push whose list it stands in.
    private struct Goals {
        let commit: UInt32
        let places: [Sighting]
        /// The ends of the pushes in which it stands.
        private let ends: Set<UInt32>
        /// Nothing of a lower rank can lead to any.
        let rank: UInt32

        init(_ commit: UInt32, _ graph: PushGraph) {
            self.commit = commit
            places = graph.placesInLine(of: commit)
            ends = Set(places.map { graph.push($0.push).after })
            let ranks = places.map { graph.rank(of: graph.push($0.push).after) } + [graph.rank(of: commit)]
            rank = ranks.min() ?? 0
        }

        func isIn(_ other: UInt32) -> Bool { !ends.isEmpty && ends.contains(other) }

        /// The part of the last push that does not belong to the goal; nil where `other` is no goal.
        func end(at other: UInt32, _ graph: PushGraph) -> [Piece]? {
            if other == commit { return [] }
            for sighting in places where graph.push(sighting.push).after == other {
                guard let place = sighting.place else { continue }
                return [Piece(push: sighting.push, places: place + 1..<graph.push(sighting.push).commits.upperBound)]
            }
            return nil
        }
    }

    private mutating func path(from later: UInt32, _ goals: Goals, onlyWhole: Bool) -> Path? {
        beginVisits()
        if let path = walk(from: later, goals, onlyWhole, []) { return path }
        // Inside of a push: what it lists before the commit, and then what the push began with.
        for sighting in placesInLine(of: later) {
            guard let place = sighting.place else { continue }
            let push = push(sighting.push)
            for other in goals.places where other.push == sighting.push {
                guard let start = other.place, start < place else { continue }
                return Path(pieces: [Piece(push: sighting.push, places: start + 1..<place + 1)], isWhole: true)
            }
            guard push.traits.contains(.links) else { continue }
            let piece = Piece(push: sighting.push, places: push.commits.lowerBound..<place + 1)
            if let path = walk(from: push.before, goals, onlyWhole, [piece]) { return path }
        }
        return nil
    }

    /// Depth first, without recursion: a chain may be as long as the history. Most commits have one link, and cost no step.
    private mutating func walk(from start: UInt32, _ goals: Goals, _ onlyWhole: Bool, _ given: [Piece]) -> Path? {
        if let end = goals.end(at: start, self) { return Path(pieces: given + end, isWhole: true) }
        guard visit(start) else { return nil }
        var pieces = given
        var branches: [(links: Range<Int>, pieces: Int)] = []
        var links = linkPlaces(to: start)
        while true {
            guard let place = links.first else {
                guard let branch = branches.popLast() else { return nil }
                links = branch.links
                pieces.removeLast(pieces.count - branch.pieces)
                continue
            }
            let index = Int(incoming[place])
            let push = push(index)
            let rest = place + 1..<links.upperBound
            guard !onlyWhole || push.traits.contains(.isWhole) else {
                links = rest
                continue
            }
            if push.before == goals.commit || goals.isIn(push.before), let end = goals.end(at: push.before, self) {
                pieces.append(Piece(push: index, places: push.commits))
                pieces += end
                return Path(pieces: pieces, isWhole: pieces.allSatisfy { self.push($0.push).traits.contains(.isWhole) })
            }
            // A goal has a lower rank than what leads back to it.
            let rank = rank(of: push.before)
            guard rank > goals.rank, rank != .max, visit(push.before) else {
                links = rest
                continue
            }
            if !rest.isEmpty { branches.append((rest, pieces.count)) }
            pieces.append(Piece(push: index, places: push.commits))
            links = linkPlaces(to: push.before)
        }
    }

    /// The commits of pieces, oldest first, each once.
    mutating func commits(of pieces: [Piece]) -> [UInt32] {
        beginVisits()
        var found: [UInt32] = []
        for piece in pieces.reversed() {
            for place in piece.places {
                let commit = log.listed[place]
                if visit(commit) { found.append(commit) }
            }
        }
        return found
    }
}

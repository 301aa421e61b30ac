/// Where pushes list the commits that were deployed, or come to them.
struct Sightings {
    typealias Sighting = PushGraph.Sighting

    /// Each commit's place in ``starts``.
    private let numbers: [UInt32: UInt32]
    private let starts: [UInt32]
    private let all: [Sighting]

    init(_ commits: CommitTable, _ log: PushLog, of deployed: Set<UInt32>) {
        // Asked of each commit of each push: a bit answers faster than a set.
        var isDeployed = Visits(commits: commits.count)
        var numbers: [UInt32: UInt32] = [:]
        numbers.reserveCapacity(deployed.count)
        for commit in deployed {
            numbers[commit] = UInt32(numbers.count)
            _ = isDeployed.visit(commit)
        }
        var found: [(number: UInt32, sighting: Sighting)] = []
        found.reserveCapacity(deployed.count)
        Self.forEach(in: log, where: { isDeployed.has($0) }) { commit, sighting in
            guard let number = numbers[commit] else { return }
            found.append((number, sighting))
        }
        var starts = [UInt32](repeating: 0, count: numbers.count + 1)
        for (number, _) in found { starts[Int(number) + 1] += 1 }
        for index in 1..<starts.count { starts[index] += starts[index - 1] }
        var next = starts
        var all = [Sighting](repeating: Sighting(push: 0, place: nil), count: found.count)
        for (number, sighting) in found {
            all[Int(next[Int(number)])] = sighting
            next[Int(number)] += 1
        }
        for index in 0..<numbers.count where starts[index + 1] - starts[index] > 1 {
            all[Int(starts[index])..<Int(starts[index + 1])].sort {
                PushGraph.precedes(log.pushes[$0.push], log.pushes[$1.push], commits, log)
            }
        }
        (self.numbers, self.starts, self.all) = (numbers, starts, all)
    }

    private static func forEach(
        in log: PushLog, where isWanted: (UInt32) -> Bool, _ body: (UInt32, Sighting) -> Void
    ) {
        for index in 0..<log.pushes.count {
            let push = log.pushes[index]
            var listsAfter = false
            for place in push.commits {
                let commit = log.listed[place]
                guard isWanted(commit) else { continue }
                if commit == push.after { listsAfter = true }
                body(commit, Sighting(push: index, place: place))
            }
            if push.after != PushLog.none, !listsAfter, isWanted(push.after) {
                body(push.after, Sighting(push: index, place: nil))
            }
        }
    }

    /// Those of one commit, the earliest push first.
    func of(_ commit: UInt32) -> ArraySlice<Sighting> {
        guard let number = numbers[commit] else { return [] }
        return all[Int(starts[Int(number)])..<Int(starts[Int(number) + 1])]
    }
}

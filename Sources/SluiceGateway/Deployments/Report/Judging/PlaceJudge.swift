/// Says of each deployment of one service to one environment what it is and what it brings.
struct PlaceJudge {
    /// A deployment that succeeded, with what is known of its commit.
    struct Entry {
        let record: Int
        let hash: CommitHash
        let finishedAt: Int64
        let commit: Result<UInt32, Unresolved>
    }

    /// Why it is not known which commit a deployment is of.
    struct Unresolved: Error {
        let gap: Gap
    }

    /// What tells whether two deployments are of one commit.
    private enum Identity: Hashable {
        case commit(UInt32)
        case hash(CommitHash)
    }

    private let entries: [Entry]
    private(set) var judged: [Judged] = []
    /// Of each commit the first and the last of its deployments.
    private var first: [Identity: Int] = [:]
    private var last: [Identity: Int] = [:]

    /// - Parameter entries: in the order of their ends.
    init(_ entries: [Entry]) {
        self.entries = entries
        judged.reserveCapacity(entries.count)
    }

    mutating func judge(_ graph: inout PushGraph, _ shipments: inout Shipments) {
        shipments.begin(max(1, entries.count))
        for index in entries.indices {
            judged.append(
                Judged(
                    record: entries[index].record, finishedAt: entries[index].finishedAt,
                    commit: try? entries[index].commit.get()))
            if index > 0 { compare(index, &graph, &shipments) }
            for commit in judged[index].fresh where graph.commits.marks(of: commit).contains(.repairs) {
                judged[index].saysSo = true
            }
            let identity = identity(index)
            if first[identity] == nil { first[identity] = index }
            last[identity] = index
        }
    }

    private func identity(_ index: Int) -> Identity {
        judged[index].commit.map { .commit($0) } ?? .hash(entries[index].hash)
    }

    private mutating func compare(_ index: Int, _ graph: inout PushGraph, _ shipments: inout Shipments) {
        if identity(index) == identity(index - 1) || entries[index].hash.isLike(entries[index - 1].hash) {
            (judged[index].kind, judged[index].rule) = (.redeploy, .sameCommit)
            return
        }
        if let commit = judged[index].commit, let previous = judged[index - 1].commit,
            graph.commits.repository(of: commit) == graph.commits.repository(of: previous)
        {
            if let path = graph.path(from: commit, backTo: previous) {
                let gap: Gap? = path.isWhole ? nil : .longPush
                return ship(index, graph.commits(of: path.pieces), gap, .ahead, &shipments)
            }
            if let path = graph.path(from: previous, backTo: commit) {
                // They were live, whichever deployment brought them: also what came before the baseline.
                let gone = graph.commits(of: path.pieces)
                let blamed = blamed(index, commit, shipments)
                for commit in gone { _ = shipments.mark(commit, 0) }
                return rollBack(index, blamed, .behind)
            }
        }
        compareUnconnected(index, &graph, &shipments)
    }

    private mutating func compareUnconnected(
        _ index: Int, _ graph: inout PushGraph, _ shipments: inout Shipments
    ) {
        let (commit, previous) = (judged[index].commit, judged[index - 1].commit)
        if let known = first[identity(index)], let other = first[identity(index - 1)], known < other {
            let isElsewhere = commit.map { one in previous.map { graph.areOnOtherBranches(one, $0) } ?? false } ?? false
            if !isElsewhere { return rollBack(index, blamed(index, commit, shipments), .deployedBefore) }
        }
        guard let commit else {
            guard case .failure(let reason) = entries[index].commit else { return }
            return ship(index, [], reason.gap, .unconnected, &shipments)
        }
        if let previous, graph.commits.repository(of: commit) != graph.commits.repository(of: previous) {
            return ship(index, [], .otherRepository, .unconnected, &shipments)
        }
        let first = first
        let broken = graph.broken(
            from: commit, .init(commit: previous, finishedAt: entries[index - 1].finishedAt)
        ) { first[.commit($0)] != nil }
        // What was live before does not ship once more by a chain that says nothing of it.
        let contents = broken.commits.filter { shipments[$0] == nil }
        ship(index, contents, previous == nil ? .previousUnknown : broken.gap, .unconnected, &shipments)
    }

    private mutating func ship(
        _ index: Int, _ contents: [UInt32], _ gap: Gap?, _ rule: KindRule, _ shipments: inout Shipments
    ) {
        judged[index].kind = .forward
        judged[index].rule = rule
        judged[index].contents = contents
        judged[index].fresh = contents.filter { shipments.mark($0, index) }
        judged[index].gap = gap
    }

    /// The first that brought anything after the commit that is deployed again: after its last deployment, or the one that
    /// had it among others.
    private func blamed(_ index: Int, _ commit: UInt32?, _ shipments: Shipments) -> Int? {
        if let target = last[identity(index)] { return (target + 1..<index).first { judged[$0].kind.ships } }
        guard let commit, let bringer = shipments[commit], judged[bringer].kind.ships else { return nil }
        return bringer
    }

    private mutating func rollBack(_ index: Int, _ blamed: Int?, _ rule: KindRule) {
        (judged[index].kind, judged[index].rule) = (.rollback, rule)
        guard let blamed else { return }
        judged[blamed].failures.append(.init(rule: .rollback, deployment: index))
        if judged[blamed].repairedBy == nil { judged[blamed].repairedBy = index }
    }
}
